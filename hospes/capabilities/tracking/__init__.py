"""Users and what they do, as senders outside the house tell it."""

from hospes.capabilities.tracking import entries, series, times, tracked, users
from hospes.capabilities.tracking.intake import Intake

__all__ = ["Intake", "entries", "series", "times", "tracked", "users"]
