"""Keeping each booking's plan in step with the booking.

Whoever writes rows of a plan holds the lock of its booking: changing a booking and carrying out its
plan take turns.
"""

from hospes.base.db import Tx, sql
from hospes.capabilities import bookings, events, properties
from hospes.capabilities.automations import plan
from hospes.capabilities.automations.plan import Cause, Due, Plan, Step
from hospes.capabilities.bookings import Booking, happenings

JOB = "automations"

_DATES = {"arrival_on", "departure_on"}
# What of a booking its plan depends on.
_MATTERS = _DATES | {"status", "check_in_time", "check_out_time", "guest_id", "guest_email"}


async def follow(tx: Tx, event: events.Recorded) -> None:
    """A reaction: the plan of a booking is worked out anew when the booking changed in a way that matters."""
    cause = _cause(event)
    if cause is not None:
        booking = await bookings.get(tx, event.payload["booking_id"])
        is_new = event.type == happenings.BookingCreated.TYPE
        await rewrite(tx, booking, {} if is_new else await steps(tx, booking.id), cause)


def _cause(event: events.Recorded) -> Cause | None:
    told = event.payload
    if event.type == happenings.BookingCreated.TYPE and told["status"] == "confirmed":
        return Cause(confirmed=True, is_silent=told["is_silent"])
    if event.type == happenings.BookingCancelled.TYPE:
        return Cause()
    if event.type == happenings.BookingUpdated.TYPE and _MATTERS & set(told["changed"]):
        changed = set(told["changed"])
        return Cause(confirmed="status" in changed, moved=bool(_DATES & changed), is_silent=told["is_silent"])
    return None


STEPS = sql("""
    SELECT step, due_at, done_at, outcome, attempts, claimed_until, lock_brand, lock_ref, begins_at, ends_at
      FROM booking_plans
     WHERE workspace_id = $1 AND booking_id = $2
""")
PUT = sql("""
    INSERT INTO booking_plans AS p (workspace_id, booking_id, step, due_at)
    SELECT $1, $2, step, due_at
      FROM unnest($3::text[], $4::timestamptz[]) AS o (step, due_at)
        ON CONFLICT (workspace_id, booking_id, step) DO UPDATE
       SET due_at = excluded.due_at,
           done_at = CASE WHEN excluded.due_at IS NULL THEN p.done_at END,
           attempts = 0
""")


async def steps(tx: Tx, booking_id: int) -> Plan:
    """The plan as it stands, by step."""
    return {row.step: row for row in await tx.all(Step, STEPS, booking_id)}


async def rewrite(tx: Tx, booking: Booking, standing: Plan, cause: Cause) -> None:
    """Write down what follows from the booking now. The caller holds the booking's lock."""
    unit = await properties.get(tx, booking.property_id)
    due = plan.messages(booking, standing, cause, tx.now) | plan.lock(booking, unit, standing, tx.now)
    await put(tx, booking.id, standing, due)


async def put(tx: Tx, booking_id: int, standing: Plan, due: Due) -> None:
    """Write when steps are due, where that differs from what stands."""
    differing = {step: at for step, at in due.items() if at != (standing[step].due_at if step in standing else None)}
    if differing:
        await tx.run(PUT, booking_id, list(differing), list(differing.values()))
    if any(at is not None and at <= tx.now for at in differing.values()):
        tx.wake(JOB)


UPCOMING = sql("""
    SELECT id
      FROM bookings
     WHERE workspace_id = $1 AND property_id = $2 AND status = 'confirmed' AND departure_on >= $3::date - 1
     ORDER BY id
""")


async def use_lock(tx: Tx, property_id: int, *, brand: str | None, ref: str | None, days: int = 5) -> None:
    """Say which lock opens a property's door; stays to come get their codes there. Raises NotFound, Invalid."""
    await properties.set_lock(tx, property_id, brand=brand, ref=ref, days=days)
    for booking_id in await tx.column(UPCOMING, property_id, tx.now.date()):
        booking = await bookings.lock(tx, booking_id)
        await rewrite(tx, booking, await steps(tx, booking_id), Cause())
