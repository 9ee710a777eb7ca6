"""Making room for a stay that is certain: blocks, and closures that were taken for stays, give way.

Channels that know of each other close each other's nights. Whoever connects them here one by one
has the mirrored closures first, and the stays behind them next.
"""

from datetime import date

from hospes.base.db import Tx
from hospes.capabilities import bookings
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.bookings.occupancy import Kept
from hospes.capabilities.calendars import mirror, nights
from hospes.capabilities.calendars.claims import Claimed
from hospes.capabilities.calendars.feeds import Entry


async def make(tx: Tx, calendar: Claimed, entry: Entry, *, is_certain: bool) -> bool:
    """Free the nights of `entry`, if all who hold them give way; False with nothing written otherwise."""
    holders = [
        one
        for one in await occupancy.list_keeping(tx, calendar.property_id, entry.arrival)
        if one.arrival_on < entry.departure
    ]
    unsure = await mirror.unsure(tx, [one.id for one in holders]) if is_certain else {}
    for one in holders:
        is_ours = mirror.is_block_of(one, calendar.id)
        is_block = is_certain and one.status == "unavailable" and one.calendar_id is not None
        is_closure = one.id in unsure and one.arrival_on <= entry.arrival and entry.departure <= one.departure_on
        if not (is_ours or is_block or is_closure):
            return False
    for one in holders:
        closure = unsure.get(one.id)
        owner = closure.calendar_id if closure else one.calendar_id
        if closure:
            await mirror.drop(tx, closure.calendar_id, [closure.uid])
        await _cut(tx, calendar, one, entry, owner=owner)
        if owner is not None and owner != calendar.id:
            await mirror.echo(tx, owner, sorted(nights.of([one.span]) & nights.of([entry.span])))
    return bool(holders)


async def _cut(tx: Tx, calendar: Claimed, holder: Kept, entry: Entry, *, owner: int | None) -> None:
    """What is left of the holder's nights stays blocked."""
    left = nights.runs(nights.of([holder.span]) - nights.of([entry.span]))
    why = evidence(calendar.channel)
    if holder.status != "unavailable" or not left:
        await bookings.change(tx, holder.id, bookings.Changes(status="cancelled"), evidence=why)
    else:
        first, *left = left
        await bookings.change(tx, holder.id, _dates(*first), evidence=why)
    for run in left:
        await block(tx, calendar, *run, owner=owner, channel=holder.channel)


def _dates(arrival: date, departure: date) -> bookings.Changes:
    return bookings.Changes(arrival_on=arrival, departure_on=departure)


async def block(
    tx: Tx, calendar: Claimed, arrival: date, departure: date, *, owner: int | None = None, channel: str | None = None
) -> None:
    """Keep nights that are no stay. Raises Conflict."""
    new = bookings.NewBooking(
        property_id=calendar.property_id,
        arrival_on=arrival,
        departure_on=departure,
        channel=channel or calendar.channel,
        status="unavailable",
        calendar_id=owner or calendar.id,
    )
    await bookings.create(tx, new, evidence=evidence(calendar.channel), is_silent=True)


def evidence(channel: str) -> str:
    """What brought a fact, for the log and the guest's record."""
    return f"{channel} calendar"
