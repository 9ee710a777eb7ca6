"""A calendar that is polled no more: its blocks end with it, its stays are people."""

from zoneinfo import ZoneInfo

from hospes.base.db import Tx
from hospes.capabilities import bookings, properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.calendars import mirror, room, subscriptions


async def remove(tx: Tx, calendar_id: int, *, cancels_stays: bool = False) -> tuple[int, int]:
    """Poll a calendar no more; returns how many blocks ended and how many stays were cancelled.

    What lies ahead of its blocks is free again. Its stays stay, unless they are to be cancelled too,
    for a calendar that was added by mistake. Raises NotFound.
    """
    calendar = await subscriptions.get(tx, calendar_id)
    unit = await properties.get(tx, calendar.property_id)
    today = tx.now.astimezone(ZoneInfo(unit.time_zone)).date()
    followed = set(await subscriptions.forget(tx, calendar_id))
    blocks = stays = 0
    for one in await occupancy.list_keeping(tx, unit.id, today):
        if mirror.is_block_of(one, calendar_id):
            ended = bookings.Changes(departure_on=today) if one.arrival_on < today else _CANCELLED
            await bookings.change(tx, one.id, ended, evidence=room.evidence(calendar.channel))
            blocks += 1
        elif cancels_stays and one.id in followed and one.arrival_on > today:
            await bookings.change(tx, one.id, _CANCELLED, evidence=room.evidence(calendar.channel))
            stays += 1
    return blocks, stays


_CANCELLED = bookings.Changes(status="cancelled")
