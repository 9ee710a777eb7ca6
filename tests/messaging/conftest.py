"""What every test of messages may ask for."""

from tests.messaging.mailing import post

__all__ = ["post"]
