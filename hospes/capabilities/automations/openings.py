"""Doors that were opened with a guest's code, as locks report it."""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Tx
from hospes.base.errors import NotFound
from hospes.capabilities import bookings, events, properties
from hospes.capabilities.automations.happenings import Unlocked

# A lock's clock is not ours, and its maker may report late.
_AHEAD, _LATE = timedelta(hours=1), timedelta(days=30)
_INSTANT = timedelta(microseconds=1)


class Opening(msgspec.Struct, frozen=True):
    """A door that was opened; `name` is what the code is called at the lock."""

    brand: str
    ref: str
    name: str
    at: datetime


async def note(tx: Tx, booking_id: int, opening: Opening) -> bool:
    """Tell the activity of the property that a booking's code opened its door; False when that is not so, or known.

    Whoever reports may do so more than once: the instant tells one opening from another.
    """
    try:
        booking = await bookings.lock(tx, booking_id)
    except NotFound:
        return False
    unit, at = await properties.get(tx, booking.property_id), opening.at
    if (unit.lock_brand, unit.lock_ref) != (opening.brand, opening.ref) or not tx.now - _LATE <= at <= tx.now + _AHEAD:
        return False
    _, known = await events.list_at_property(
        tx, unit.id, [Unlocked.TYPE], booking_id=booking.id, since=at, before=at + _INSTANT, limit=1, offset=0
    )
    if known:
        return False
    unlocked = Unlocked(property_id=unit.id, booking_id=booking.id, guest_id=booking.guest_id, lock_brand=opening.brand)
    await events.record(tx, unlocked, location_id=booking.location_id, occurred_at=at)
    return True
