"""Bookings: stays at properties, whose guests are the house's guests."""

from hospes.capabilities.bookings import feed, listing, parameters, party, personal, showing, stays
from hospes.capabilities.bookings.feed import fan_out
from hospes.capabilities.bookings.happenings import BookingCancelled, BookingCreated, BookingUpdated
from hospes.capabilities.bookings.party import Party
from hospes.capabilities.bookings.stays import (
    CHANNELS,
    STATUSES,
    Booking,
    Changes,
    NewBooking,
    admitted,
    alter,
    change,
    check,
    create,
    get,
    lock,
    read_only,
)

__all__ = [
    "CHANNELS",
    "STATUSES",
    "Booking",
    "BookingCancelled",
    "BookingCreated",
    "BookingUpdated",
    "Changes",
    "NewBooking",
    "Party",
    "admitted",
    "alter",
    "change",
    "check",
    "create",
    "fan_out",
    "feed",
    "get",
    "listing",
    "lock",
    "parameters",
    "party",
    "personal",
    "read_only",
    "showing",
    "stays",
]
