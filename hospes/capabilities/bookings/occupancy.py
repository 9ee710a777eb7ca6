"""What keeps a property's nights: for calendars, which bring bookings in and tell of them outside."""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from hospes.base.db import Reader, Tx, sql


class Kept(msgspec.Struct, frozen=True):
    """A booking as calendars see it: no guest, no money."""

    id: int
    channel: str
    channel_booking_id: str | None
    status: str
    arrival_on: date
    departure_on: date
    calendar_id: int | None
    updated_at: datetime

    @property
    def span(self) -> tuple[date, date]:
        return self.arrival_on, self.departure_on


_COLUMNS = "id, channel, channel_booking_id, status, arrival_on, departure_on, calendar_id, updated_at"

# A stay has at most 1,000 nights (bookings_dates), so the index by arrival bounds the search.
KEEPING = sql(f"""
    SELECT {_COLUMNS}
      FROM bookings
     WHERE workspace_id = $1 AND property_id = $2
       AND departure_on > $3 AND arrival_on > $3::date - 1000 AND status <> 'cancelled'
     ORDER BY arrival_on, id
""")  # noqa: S608
THESE = sql(f"SELECT {_COLUMNS} FROM bookings WHERE workspace_id = $1 AND id = ANY ($2::bigint[])")  # noqa: S608
CALLED = sql(f"""
    SELECT {_COLUMNS}
      FROM bookings
     WHERE workspace_id = $1 AND property_id = $2 AND channel = $3 AND channel_booking_id = ANY ($4::text[])
""")  # noqa: S608


async def list_keeping(reader: Reader, property_id: int, since: date) -> list[Kept]:
    """Bookings that keep nights of the property and end after `since`, by arrival."""
    return await reader.all(Kept, KEEPING, property_id, since)


async def list_these(reader: Reader, booking_ids: Iterable[int]) -> list[Kept]:
    """These bookings, cancelled ones too."""
    return await reader.all(Kept, THESE, list(booking_ids))


async def list_called(reader: Reader, property_id: int, channel: str, names: Iterable[str]) -> list[Kept]:
    """The bookings that a channel calls by these names, cancelled ones too."""
    return await reader.all(Kept, CALLED, property_id, channel, list(names))


TAKEN = sql("""
    SELECT count(*) FROM booking_nights WHERE workspace_id = $1 AND property_id = $2 AND night_on = ANY ($3::date[])
""")


async def count_taken(reader: Reader, property_id: int, nights: Iterable[date]) -> int:
    """How many of these nights somebody keeps."""
    return int(await reader.value(TAKEN, property_id, list(nights)))


RELEASE = sql("DELETE FROM booking_nights WHERE workspace_id = $1 AND booking_id = ANY ($2::bigint[])")


async def release(tx: Tx, booking_ids: Iterable[int]) -> None:
    """Let go of the nights of bookings that are all given other dates next, in this transaction: when they swap."""
    await tx.run(RELEASE, list(booking_ids))


SAME = sql("""
    SELECT id
      FROM bookings
     WHERE workspace_id = $1 AND property_id = $2 AND channel = $3 AND arrival_on = $4 AND departure_on = $5
       AND status <> 'cancelled'
     ORDER BY id
     LIMIT 1
""")


async def find_same(reader: Reader, property_id: int, channel: str, arrival: date, departure: date) -> int | None:
    """The booking that was made over this channel for these very nights."""
    return await reader.value(SAME, property_id, channel, arrival, departure)  # type: ignore[no-any-return]
