"""What every test of campaigns may ask for."""

from tests.messaging.mailing import post

__all__ = ["post"]
