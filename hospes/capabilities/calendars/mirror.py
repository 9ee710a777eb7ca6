"""What each feed calls its stays: the link from a UID to a booking."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from hospes.base.db import Reader, Tx, columns, sql
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.bookings.occupancy import Kept
from hospes.capabilities.calendars import nights
from hospes.capabilities.calendars.claims import Claimed
from hospes.capabilities.calendars.difference import Here, Known


class _Link(msgspec.Struct, frozen=True):
    uid: str
    booking_id: int
    is_certain: bool


LINKS = sql("""
    SELECT uid, booking_id, is_certain
      FROM calendar_stays
     WHERE workspace_id = $1 AND calendar_id = $2
     ORDER BY uid
""")
# Polls of one property's calendars take turns: none sees the other's half.
TURN = sql("SELECT pg_advisory_xact_lock(hashtextextended('calendars of ' || $1::bigint, $2))")


async def here(tx: Tx, calendar: Claimed, today: date) -> Here:
    """What the house knows that the feed is compared with, unchanged by other polls until this transaction ends."""
    await tx.value(TURN, calendar.property_id)
    links = await tx.all(_Link, LINKS, calendar.id)
    theirs = {one.id: one for one in await occupancy.list_these(tx, [link.booking_id for link in links])}
    keeping = await occupancy.list_keeping(tx, calendar.property_id, today)
    return Here(
        [_known(link, theirs[link.booking_id]) for link in links if link.booking_id in theirs],
        nights.of(one.span for one in keeping if is_block_of(one, calendar.id)),
        [one.span for one in keeping if one.id not in theirs and not is_block_of(one, calendar.id)],
        calendar.echo_nights,
        calendar.thin_polls,
    )


def is_block_of(booking: Kept, calendar_id: int) -> bool:
    """Whether a booking is no stay, but nights that this calendar blocks."""
    return booking.status == "unavailable" and booking.calendar_id == calendar_id


def _known(link: _Link, booking: Kept) -> Known:
    return Known(
        link.uid,
        booking.id,
        booking.arrival_on,
        booking.departure_on,
        booking.status,
        link.is_certain,
        booking.channel_booking_id,
    )


PUT = sql("""
    INSERT INTO calendar_stays (workspace_id, calendar_id, uid, booking_id, is_certain)
    SELECT $1, $2, uid, booking_id, is_certain
      FROM unnest($3::text[], $4::bigint[], $5::boolean[]) AS told (uid, booking_id, is_certain)
        ON CONFLICT (workspace_id, calendar_id, uid)
        DO UPDATE SET booking_id = excluded.booking_id, is_certain = excluded.is_certain
""")
DROP = sql("DELETE FROM calendar_stays WHERE workspace_id = $1 AND calendar_id = $2 AND uid = ANY ($3::text[])")


async def put(tx: Tx, calendar_id: int, links: Sequence[tuple[str, int, bool]]) -> None:
    """The feed calls these bookings so: UID, booking, and whether the feed is sure that it is a stay."""
    if links:
        await tx.run(PUT, calendar_id, *columns(links, 3))


async def drop(tx: Tx, calendar_id: int, uids: Sequence[str]) -> None:
    """The feed has these no more."""
    if uids:
        await tx.run(DROP, calendar_id, list(uids))


UNSURE = sql("""
    SELECT uid, booking_id, calendar_id
      FROM calendar_stays
     WHERE workspace_id = $1 AND booking_id = ANY ($2::bigint[]) AND NOT is_certain
""")


class Unsure(msgspec.Struct, frozen=True):
    uid: str
    booking_id: int
    calendar_id: int


async def unsure(reader: Reader, booking_ids: Sequence[int]) -> dict[int, Unsure]:
    """Those of the bookings that are closures which were taken for stays."""
    found = await reader.all(Unsure, UNSURE, list(booking_ids))
    return {one.booking_id: one for one in found}


ECHO = sql("UPDATE calendars SET echoes = echoes || $3 WHERE workspace_id = $1 AND id = $2")


async def echo(tx: Tx, calendar_id: int, told_back: Sequence[date]) -> None:
    """From now on these nights are another's, and the calendar only tells them back."""
    held: dict[str, datetime | None] = {night.isoformat(): None for night in told_back}
    await tx.run(ECHO, calendar_id, held)
