"""Bookings as a table that a spreadsheet opens and an import reads back."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

from defusedcsv import csv

from hospes.base.db import Reader
from hospes.capabilities import bookings, guests
from hospes.capabilities.bookings import party
from hospes.capabilities.calendars import tables

COLUMNS = (
    *("id", "property", "channel", "channel_booking_id", "status", "arrival", "departure"),
    *("check_in_time", "check_out_time", "adults", "children"),
    *("amount", "night_rate", "cleaning_fee", "local_taxes", "currency"),
    *("first_name", "last_name", "email", "phone", "language", "notes"),
)
_PAGE = 1000


class Sheet:
    """Writes rows to anything that has `write`. No cell is a formula, whatever a guest is called."""

    def __init__(self, out: Any) -> None:
        self._writer = csv.writer(out, lineterminator="\r\n")
        self._writer.writerow(COLUMNS)

    def write(self, booking: bookings.Booking) -> None:
        attributes = booking.guest_attributes or {}
        first, last = guests.names.parts(booking.guest_name, attributes)
        cells: dict[str, Any] = {
            **{name: getattr(booking, name) for name in COLUMNS if hasattr(booking, name)},
            "property": booking.property_id,
            "arrival": booking.arrival_on,
            "departure": booking.departure_on,
            "first_name": first,
            "last_name": last,
            "email": booking.guest_email,
            "phone": booking.guest_phone,
            "language": attributes.get(party.LANGUAGE),
        }
        self._writer.writerow([_safe(cells[name]) for name in COLUMNS])


def _safe(value: Any) -> Any:
    """What the library leaves: signs of full width, blanks in front, and a quote that would be taken for its own."""
    if not isinstance(value, str):
        return value
    is_strange = value[:1] in "\t\r\n\uff1d\uff0b\uff0d\uff20" and value != ""
    return f"'{value}" if is_strange or tables.DEFUSED.match(value) else value


async def every(
    reader: Reader, *, property_id: int | None = None, since: date | None = None, until: date | None = None
) -> AsyncIterator[bookings.Booking]:
    """Bookings whose stay overlaps the days from `since` to `until`, by id, read a page at a time."""
    after = 0
    while page := await bookings.stays.list_after(
        reader, after, property_id=property_id, since=since, until=until, limit=_PAGE
    ):
        for one in page:
            yield one
        after = page[-1].id
