"""Carrying out a message step: written, told to the log and marked done in one transaction, so once."""

from datetime import timedelta

import structlog

from hospes.base.db import Tx, sql
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import bookings, events, guests
from hospes.capabilities.automations import following, letters, plan
from hospes.capabilities.automations.happenings import GuestMessageFailed, GuestMessageSent
from hospes.capabilities.bookings import Booking

_PATIENCE = timedelta(minutes=1)

log = structlog.get_logger()

FINISH = sql("""
    UPDATE booking_plans
       SET due_at = NULL, done_at = $4, outcome = $5
     WHERE workspace_id = $1 AND booking_id = $2 AND step = $3
""")
POSTPONE = sql("""
    UPDATE booking_plans SET due_at = $4 WHERE workspace_id = $1 AND booking_id = $2 AND step = $3
""")


async def tell(tx: Tx, booking_id: int, step: str, *, vault: Vault, public_url: str) -> None:
    """Send the message of this step if it is still due."""
    booking = await bookings.lock(tx, booking_id)
    standing = await following.steps(tx, booking_id)
    due_at = standing[step].due_at
    if due_at is None or due_at > tx.now:
        return
    if not plan.is_on(booking, tx.now):
        await tx.run(FINISH, booking_id, step, tx.now, plan.LATE)
        return
    code = standing.get(plan.CODE)
    if step == plan.BEFORE_ARRIVAL and code and code.due_at:
        # It carries the code, so it waits for it; one that cannot be made is not due any more.
        await tx.run(POSTPONE, booking_id, step, max(code.due_at, tx.now + _PATIENCE))
        return
    outcome = await _send(tx, booking, step, vault=vault, public_url=public_url)
    await tx.run(FINISH, booking_id, step, tx.now, outcome)


async def _send(tx: Tx, booking: Booking, step: str, *, vault: Vault, public_url: str) -> str:
    """Returns how it ended."""
    if booking.guest_id is None or not booking.guest_email:
        await note_failed(tx, booking, step, plan.NO_ADDRESS)
        return plan.NO_ADDRESS
    guest = await guests.get(tx, booking.guest_id)
    try:
        await letters.send(tx, booking, guest, step, vault=vault, public_url=public_url)
    except Invalid as error:
        await note_failed(tx, booking, step, error.message)
        return plan.FAILED
    sent = GuestMessageSent(
        property_id=booking.property_id, booking_id=booking.id, guest_id=booking.guest_id, message=_kind(step)
    )
    await events.record(tx, sent, location_id=booking.location_id)
    return plan.SENT


async def give_up(tx: Tx, booking_id: int, step: str, reason: str) -> None:
    """End a step that cannot be carried out."""
    booking = await bookings.lock(tx, booking_id)
    await note_failed(tx, booking, step, reason)
    await tx.run(FINISH, booking_id, step, tx.now, plan.FAILED)


async def note_failed(tx: Tx, booking: Booking, step: str, reason: str) -> None:
    failed = GuestMessageFailed(
        property_id=booking.property_id,
        booking_id=booking.id,
        guest_id=booking.guest_id,
        message=_kind(step),
        reason=reason,
    )
    await events.record(tx, failed, location_id=booking.location_id)


def _kind(step: str) -> str:
    return step.removeprefix("message.")
