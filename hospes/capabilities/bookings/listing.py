"""Lists of bookings, by arrival. Property API 9.1."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities import properties

_EARLIEST, _LATEST = date(1000, 1, 1), date(9999, 12, 31)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which bookings: stays that overlap the days from `since` to `until`, both included."""

    property_id: int | None = None
    status: str | None = None
    channel: str | None = None
    since: date | None = None
    until: date | None = None


class Line(msgspec.Struct, frozen=True):
    """A booking as lists show it: without contact details, whoever asks."""

    id: int
    property_id: int
    channel: str
    status: str
    arrival_on: date
    departure_on: date
    adults: int
    children: int
    amount: Decimal | None
    currency: str | None
    created_at: datetime
    updated_at: datetime
    guest_name: str | None
    guest_attributes: dict[str, Any] | None
    total: int


# One pass gives the page and the count. A stay has at most 1,000 nights (bookings_dates), so an index
# by arrival finds what overlaps a range.
_PAGE = """
    SELECT b.id, b.property_id, b.channel, b.status, b.arrival_on, b.departure_on, b.adults, b.children, b.amount,
           b.currency, b.created_at, b.updated_at,
           coalesce(o.name, g.name) AS guest_name, coalesce(o.attributes, g.attributes) AS guest_attributes, b.total
      FROM (SELECT *, count(*) OVER () AS total
              FROM bookings
             WHERE workspace_id = $1 AND {scope}
               AND departure_on > $3 AND arrival_on > $3::date - 1000 AND arrival_on <= $4
               AND ($5::text IS NULL OR status = $5)
               AND ($6::text IS NULL OR channel = $6)
             ORDER BY arrival_on, id
             LIMIT $7 OFFSET $8) b
      LEFT JOIN guests g ON g.workspace_id = $1 AND g.id = b.guest_id
      LEFT JOIN guests o ON o.workspace_id = $1 AND o.id = g.merged_into
     ORDER BY b.arrival_on, b.id
"""
_COUNT = """
    SELECT count(*)
      FROM bookings
     WHERE workspace_id = $1 AND {scope}
       AND departure_on > $3 AND arrival_on > $3::date - 1000 AND arrival_on <= $4
       AND ($5::text IS NULL OR status = $5)
       AND ($6::text IS NULL OR channel = $6)
"""
_OF_ONE = """property_id = (SELECT p.id FROM properties p
                              WHERE p.workspace_id = $1 AND p.id = $2::bigint AND p.is_entitled)"""
_OF_ALL = """$2::bigint IS NULL AND property_id IN (SELECT p.id FROM properties p
                                                     WHERE p.workspace_id = $1 AND p.is_entitled)"""
PAGE_OF_ONE = sql(_PAGE.format(scope=_OF_ONE))
PAGE_OF_ALL = sql(_PAGE.format(scope=_OF_ALL))
COUNT_OF_ONE = sql(_COUNT.format(scope=_OF_ONE))
COUNT_OF_ALL = sql(_COUNT.format(scope=_OF_ALL))


async def list_page(reader: Reader, wanted: Wanted, *, limit: int, offset: int) -> tuple[list[Line], int]:
    """A page of bookings of entitled properties, and how many there are. Raises as `properties.check`."""
    is_of_one = wanted.property_id is not None
    which = (
        wanted.property_id,
        wanted.since or _EARLIEST,
        wanted.until or _LATEST,
        wanted.status,
        wanted.channel,
    )
    found = await reader.all(Line, PAGE_OF_ONE if is_of_one else PAGE_OF_ALL, *which, limit, offset)
    if found:
        return found, found[0].total
    if wanted.property_id is not None:
        await properties.check(reader, wanted.property_id)
    if not offset:
        return [], 0
    return [], int(await reader.value(COUNT_OF_ONE if is_of_one else COUNT_OF_ALL, *which))
