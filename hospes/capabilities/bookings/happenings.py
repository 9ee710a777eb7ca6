"""What happens to bookings, as the log tells it."""

from hospes.capabilities.events import PropertyEvent


class BookingCreated(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "booking.created"
    TITLE = "Booking created"

    channel: str
    status: str
    arrival: str
    departure: str
    is_silent: bool = True


class BookingUpdated(PropertyEvent, frozen=True, kw_only=True):
    """`changed` names fields; what they hold stands in the booking. A silent change tells the guest nothing."""

    TYPE = "booking.updated"
    TITLE = "Booking updated"

    changed: list[str]
    is_silent: bool = True


class BookingCancelled(PropertyEvent, frozen=True, kw_only=True):
    TYPE = "booking.cancelled"
    TITLE = "Booking cancelled"

    is_silent: bool = True


TYPES = (BookingCreated.TYPE, BookingUpdated.TYPE, BookingCancelled.TYPE)
