"""Erasing a guest: the person goes, the rows stay.

Every owner of tables forgets what it holds; figures, ledgers and totals are afterwards what they were
before. The ids of the guest, and of those merged into it, answer no more.
"""

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, NotFound
from hospes.capabilities import (
    bookings,
    calendars,
    campaigns,
    events,
    guests,
    loyalty,
    messaging,
    missions,
    segments,
    staff,
    tracking,
    wallet,
    webhooks,
    wifi,
)
from hospes.capabilities.record import retention


async def erase(tx: Tx, guest_id: int, *, evidence: str) -> None:
    """Erase a guest and all that was merged into it, and tell everyone who was told of them.

    `evidence` says who asked for it, in words without anything personal. Raises NotFound for a guest who is
    not there or was erased, Conflict with the reason for one who is held, or whose stay is not over.
    """
    await tracking.tracked.stop(tx)
    family = await guests.hold(tx, guest_id)
    await _check(tx, family)
    addresses = await guests.personal.addresses(tx, family)
    stays = await bookings.personal.forget(tx, family)
    booking_ids = [booking_id for stay in stays for booking_id in stay.booking_ids]
    if booking_ids:
        await missions.personal.forget(tx, booking_ids)
        await calendars.personal.forget(tx, booking_ids)
    campaign_ids = await messaging.personal.forget(tx, family, addresses)
    await campaigns.personal.forget(tx, family, campaign_ids)
    for owner in (segments, wallet, wifi, loyalty):
        await owner.personal.forget(tx, family)
    await webhooks.personal.forget(tx, await events.personal.positions(tx, family))
    await events.personal.forget(tx, family)
    await guests.personal.forget(tx, family)
    await _tell(tx, family, stays)
    await staff.audit.note(tx, "guest.erased", guest_id=guest_id, evidence=evidence)


async def _check(tx: Tx, family: list[int]) -> None:
    held = await find_hold(tx, family)
    if held is not None:
        raise Conflict(f"Guest {held.guest_id} is held and cannot be erased: {held.reason}")
    if (await retention.get(tx)).erases_with_stay:
        return
    stay = await bookings.personal.next_stay(tx, family)
    if stay is not None:
        raise Conflict(
            f"Booking {stay.id} ({stay.arrival_on} to {stay.departure_on}) is not over. "
            "Cancel it, or erase the guest after the stay."
        )


async def _tell(tx: Tx, family: list[int], stays: list[bookings.personal.Ours]) -> None:
    by_property = {stay.property_id: stay.booking_ids for stay in stays}
    for guest_id in family:
        recorded = await events.record(tx, guests.GuestErased(guest_id=guest_id))
        await webhooks.personal.tell(tx, recorded, by_property)
        by_property = {}


class Hold(msgspec.Struct, frozen=True):
    guest_id: int
    reason: str


HOLD = sql("""
    INSERT INTO guest_holds AS h (workspace_id, guest_id, reason, held_by, held_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id, guest_id) DO UPDATE
       SET reason = excluded.reason, held_by = excluded.held_by, held_at = excluded.held_at
""")
RELEASE = sql("DELETE FROM guest_holds WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])")
HELD = sql("""
    SELECT guest_id, reason
      FROM guest_holds
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
     ORDER BY guest_id
     LIMIT 1
""")


async def keep(tx: Tx, guest_id: int, *, reason: str) -> None:
    """Do not let this guest be erased: a lawsuit, a bill that is not paid. Raises NotFound."""
    family = await guests.hold(tx, guest_id)
    await tx.run(HOLD, family[0], reason, tx.actor.name, tx.now)
    await staff.audit.note(tx, "guest.held", guest_id=family[0])


async def let_go(tx: Tx, guest_id: int) -> None:
    """Take back `keep`. Raises NotFound for a guest who is not held."""
    if not await tx.run(RELEASE, await guests.hold(tx, guest_id)):
        raise NotFound("The guest is not held")
    await staff.audit.note(tx, "guest.released", guest_id=guest_id)


async def find_hold(reader: Reader, family: list[int]) -> Hold | None:
    """Why one of these may not be erased."""
    return await reader.find(Hold, HELD, family)
