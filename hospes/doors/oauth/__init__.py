"""OAuth for machines: apps register here, turn codes into tokens, renew them and give them back."""

from hospes.doors.oauth.application import OAuth
from hospes.doors.oauth.calls import Services

__all__ = ["OAuth", "Services"]
