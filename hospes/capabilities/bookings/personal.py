"""What of a guest stands in bookings: handed out, and forgotten."""

from datetime import date

import msgspec

from hospes.base import rows
from hospes.base.db import Reader, Tx, sql

# Of a code that opens a door, nobody is handed what is sealed.
TABLES = {"bookings": rows.whole("bookings", without=("lock_code",))}


class Stay(msgspec.Struct, frozen=True):
    id: int
    arrival_on: date
    departure_on: date


# By the property's own day.
TO_COME = sql("""
    SELECT b.id, b.arrival_on, b.departure_on
      FROM bookings b
      JOIN properties p ON p.workspace_id = $1 AND p.id = b.property_id
     WHERE b.workspace_id = $1 AND b.guest_id = ANY ($2::bigint[]) AND b.status IN ('confirmed', 'pending')
       AND b.departure_on >= ($3::timestamptz AT TIME ZONE p.time_zone)::date
     ORDER BY b.arrival_on, b.id
     LIMIT 1
""")


async def next_stay(reader: Reader, family: list[int]) -> Stay | None:
    """The guest's stay that is still to come, or not over yet; None when there is none."""
    return await reader.find(Stay, TO_COME, family, reader.now)


class Ours(msgspec.Struct, frozen=True):
    property_id: int
    booking_ids: list[int]


BY_PROPERTY = sql("""
    SELECT property_id, array_agg(id ORDER BY id) AS booking_ids
      FROM bookings
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
     GROUP BY property_id
""")
FORGET = sql("""
    UPDATE bookings
       SET notes = NULL, custom = '{}', lock_code = NULL
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
""")


async def forget(tx: Tx, family: list[int]) -> list[Ours]:
    """Stays remain, with their dates and amounts; what was remarked goes, and the code. Returns which they are."""
    await tx.run(FORGET, family)
    return await tx.all(Ours, BY_PROPERTY, family)
