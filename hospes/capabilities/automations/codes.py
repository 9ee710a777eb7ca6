"""Carrying out a lock step: claimed and decided, asked of the lock outside any transaction, written down.

What there may be at a lock is written before the lock is asked. So whatever becomes of the worker, the
next one knows where to look, and asks for the same code again.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from hospes.base.db import Tx, sql
from hospes.base.secrets import Vault
from hospes.capabilities import bookings, events, properties
from hospes.capabilities.automations import following, plan
from hospes.capabilities.automations.happenings import CodeFailed, CodeGenerated, CodeRevoked
from hospes.capabilities.automations.locks import Told
from hospes.capabilities.automations.plan import CODE, REVOKE, Code, Due, Plan
from hospes.capabilities.bookings import Booking

# Longer than any call takes: two workers never ask about one booking's code at once.
LEASE = timedelta(minutes=5)
# What comes after a call that may succeed later.
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))


class Task(msgspec.Struct, frozen=True):
    """A call to be made, and until when it is this worker's."""

    booking_id: int
    verb: Literal["grant", "revoke"]
    code: Code
    until: datetime


CLAIM = sql("""
    UPDATE booking_plans
       SET claimed_until = $3, lock_brand = $4, lock_ref = $5, begins_at = $6, ends_at = $7,
           outcome = CASE WHEN $8::boolean THEN NULL ELSE outcome END
     WHERE workspace_id = $1 AND booking_id = $2 AND step = 'lock.code'
""")


async def claim(tx: Tx, booking_id: int, *, house_now: datetime) -> Task | None:
    """What is to be asked of the lock now; None when nothing is, or another worker is asking."""
    booking = await bookings.lock(tx, booking_id)
    standing = await following.steps(tx, booking_id)
    step = standing[CODE]
    if step.claimed_until is not None and step.claimed_until > house_now:
        return None
    wanted = plan.code_for(booking, await properties.get(tx, booking.property_id), tx.now)
    if wanted and _is_due(standing, CODE, tx.now):
        # A door that got another lock: the old one comes first, so that what it has is not forgotten.
        is_elsewhere = step.code is not None and (step.code.brand, step.code.ref) != (wanted.brand, wanted.ref)
        task = _task("revoke", step.code, house_now, booking) if is_elsewhere and step.code else None
        task = task or _task("grant", wanted, house_now, booking)
    elif step.code and _is_due(standing, REVOKE, tx.now):
        task = _task("revoke", step.code, house_now, booking)
    else:
        await following.put(tx, booking_id, standing, _at_rest(wanted))
        return None
    code = task.code
    values = (task.until, code.brand, code.ref, code.begins_at, code.ends_at, task.verb == "grant")
    await tx.run(CLAIM, booking_id, *values)
    return task


def _task(verb: Literal["grant", "revoke"], code: Code, house_now: datetime, booking: Booking) -> Task:
    return Task(booking.id, verb, code, house_now + LEASE)


def _is_due(standing: Plan, step: str, now: datetime) -> bool:
    due_at = standing[step].due_at if step in standing else None
    return due_at is not None and due_at <= now


def _at_rest(wanted: Code | None) -> Due:
    """When lock steps are due while no lock has a code of the booking."""
    return {REVOKE: wanted.ends_at} if wanted else {CODE: None, REVOKE: None}


RELEASE = sql("""
    UPDATE booking_plans
       SET claimed_until = NULL
     WHERE workspace_id = $1 AND booking_id = $2 AND step = 'lock.code' AND claimed_until = $3
""")


class _Case(msgspec.Struct, frozen=True):
    """A call that was answered, and the booking and plan that it is written into."""

    task: Task
    booking: Booking
    standing: Plan
    wanted: Code | None

    def about(self) -> dict[str, Any]:
        """What every event tells."""
        booking = self.booking
        return {
            "property_id": booking.property_id,
            "booking_id": booking.id,
            "guest_id": booking.guest_id,
            "lock_brand": self.task.code.brand,
        }


async def finish(tx: Tx, task: Task, told: Told, *, vault: Vault) -> None:
    """Write down what came of a call, unless another worker has taken it over."""
    booking = await bookings.lock(tx, task.booking_id)
    standing = await following.steps(tx, task.booking_id)
    if not await tx.run(RELEASE, task.booking_id, task.until):
        return
    unit = await properties.get(tx, booking.property_id)
    case = _Case(task, booking, standing, plan.code_for(booking, unit, tx.now))
    if task.verb == "revoke":
        await _revoked(tx, case, told)
    elif case.wanted != task.code:
        return  # The booking changed meanwhile, and its plan with it: what is due now sees to this code too.
    elif told.code is None:
        await _not_granted(tx, case, told)
    else:
        await _granted(tx, case, told.code, vault)


END = sql("""
    UPDATE booking_plans
       SET due_at = NULL, done_at = $3, outcome = $4, attempts = 0
     WHERE workspace_id = $1 AND booking_id = $2 AND step = 'lock.code'
""")
TELL_AGAIN = sql("""
    UPDATE booking_plans
       SET due_at = $3, done_at = NULL
     WHERE workspace_id = $1 AND booking_id = $2 AND step = 'message.before_arrival' AND outcome = 'sent'
       AND done_at IS NOT NULL
""")
RETRY = sql("""
    UPDATE booking_plans
       SET due_at = $4, attempts = attempts + 1
     WHERE workspace_id = $1 AND booking_id = $2 AND step = $3
""")


async def _granted(tx: Tx, case: _Case, code: str, vault: Vault) -> None:
    booking = case.booking
    await tx.run(END, booking.id, tx.now, plan.GENERATED)
    await following.put(tx, booking.id, case.standing, {REVOKE: case.task.code.ends_at})
    place = bookings.stays.lock_place(tx.workspace_id, booking.id)
    if booking.lock_code is not None and vault.open(booking.lock_code, place) == code.encode():
        return  # Asked for once more, and known already.
    await bookings.stays.set_lock_code(tx, booking, vault.seal(code.encode(), place))
    await events.record(tx, CodeGenerated(**case.about()), location_id=booking.location_id)
    # Who was told of another code, or of none, would stand before the door.
    if await tx.run(TELL_AGAIN, booking.id, plan.before_arrival_again(booking, tx.now)):
        tx.wake(following.JOB)


async def _not_granted(tx: Tx, case: _Case, told: Told) -> None:
    booking, attempts = case.booking, case.standing[CODE].attempts
    if told.may_succeed_later and attempts < len(DELAYS):
        await tx.run(RETRY, booking.id, CODE, tx.now + DELAYS[attempts])
        return
    await tx.run(END, booking.id, tx.now, plan.FAILED)
    failed = CodeFailed(**case.about(), reason=told.fault or "no answer")
    await events.record(tx, failed, location_id=booking.location_id)


FORGET = sql("""
    UPDATE booking_plans
       SET lock_brand = NULL, lock_ref = NULL, begins_at = NULL, ends_at = NULL, outcome = 'revoked'
     WHERE workspace_id = $1 AND booking_id = $2 AND step = 'lock.code'
""")


async def _revoked(tx: Tx, case: _Case, told: Told) -> None:
    booking, attempts = case.booking, case.standing[REVOKE].attempts
    # A code ends by itself at check-out, whatever the lock says; until then nobody gives up on one that
    # nobody may use. One that stands in the way of the next is left to its end after the last try.
    may_give_up = case.wanted is not None or case.task.code.ends_at <= tx.now
    if told.fault is not None and not (may_give_up and attempts >= len(DELAYS)):
        again_at = tx.now + DELAYS[min(attempts, len(DELAYS) - 1)]
        await tx.run(RETRY, booking.id, REVOKE, again_at)
        if _is_due(case.standing, CODE, tx.now):
            await following.put(tx, booking.id, case.standing, {CODE: again_at})
        return
    await tx.run(FORGET, booking.id)
    await following.put(tx, booking.id, case.standing, _at_rest(case.wanted))
    if booking.lock_code is not None:
        await bookings.stays.set_lock_code(tx, booking, None)
        await events.record(tx, CodeRevoked(**case.about()), location_id=booking.location_id)
