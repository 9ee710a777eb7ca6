"""The plan of a booking: which steps it has, and when each is due. Rules over values, nothing else.

Steps follow from the booking, so whenever it changes they are worked out anew. What is done stays done.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from hospes.capabilities.bookings import Booking
from hospes.capabilities.properties import Property

CONFIRMATION, CHANGED = "message.confirmation", "message.changed"
BEFORE_ARRIVAL, CHECK_OUT = "message.before_arrival", "message.check_out"
MESSAGES = (CONFIRMATION, CHANGED, BEFORE_ARRIVAL, CHECK_OUT)
CODE, REVOKE = "lock.code", "lock.revoke"

# How steps end.
SENT, NO_ADDRESS, FAILED, LATE = "sent", "no email address", "failed", "late"
GENERATED, REVOKED = "generated", "revoked"

_BEFORE_ARRIVAL = timedelta(days=2)
_MORNING = time(8)


class Step(msgspec.Struct, frozen=True):
    """A row of the plan; `due_at` is None when nothing is to be done.

    `outcome` is how the step ended the last time; of lock.code, how the code stands that there may be.
    """

    step: str
    due_at: datetime | None
    done_at: datetime | None
    outcome: str | None
    attempts: int
    claimed_until: datetime | None
    lock_brand: str | None
    lock_ref: str | None
    begins_at: datetime | None
    ends_at: datetime | None

    @property
    def code(self) -> "Code | None":
        """The code that there may be at a lock: it was asked for, and not taken back yet."""
        if self.lock_brand is None or self.lock_ref is None or self.begins_at is None or self.ends_at is None:
            return None
        return Code(self.lock_brand, self.lock_ref, self.begins_at, self.ends_at)


class Code(msgspec.Struct, frozen=True):
    """A code at a lock, without the digits: where, and from when until when it opens the door."""

    brand: str
    ref: str
    begins_at: datetime
    ends_at: datetime


class Cause(msgspec.Struct, frozen=True):
    """What made the plan be looked at: the booking became confirmed, its dates moved, or neither."""

    confirmed: bool = False
    moved: bool = False
    is_silent: bool = True


Plan = Mapping[str, Step]
Due = dict[str, datetime | None]


def is_on(booking: Booking, now: datetime) -> bool:
    """Whether anything follows from the booking: one that is over, cancelled, pending or a block has no plan."""
    return booking.status == "confirmed" and now < booking.ends_at


def messages(booking: Booking, plan: Plan, cause: Cause, now: datetime) -> Due:
    """When each message is due; a step that is not named stays as it is."""
    if not is_on(booking, now):
        return dict.fromkeys(MESSAGES)
    due: Due = {}
    if not cause.is_silent:
        if cause.confirmed and not _is_settled(plan.get(CONFIRMATION), booking):
            due[CONFIRMATION] = now
        elif cause.moved and not _waits(plan.get(CONFIRMATION)):
            # A confirmation that is still to be sent tells the new dates itself.
            due[CHANGED] = now
    if not _is_settled(plan.get(BEFORE_ARRIVAL), booking):
        at = max(booking.begins_at - _BEFORE_ARRIVAL, now)
        due[BEFORE_ARRIVAL] = at if now < booking.begins_at else None
    if not _is_settled(plan.get(CHECK_OUT), booking):
        due[CHECK_OUT] = max(_last_morning(booking), now)
    return due


def lock(booking: Booking, unit: Property, plan: Plan, now: datetime) -> Due:
    """When a code is to be made, and when it is to be taken back."""
    step = plan.get(CODE)
    held, wanted = step.code if step else None, code_for(booking, unit, now)
    if wanted is None:
        return {CODE: None, REVOKE: now if held else None}
    if held == wanted and step and step.outcome == GENERATED:
        return {CODE: None, REVOKE: wanted.ends_at}
    make_at = wanted.begins_at - timedelta(days=unit.lock_days)
    # One that opens the door at the wrong time goes at once, unless the next takes its place now.
    is_wrong = held is not None and held != wanted and make_at > now
    return {CODE: max(make_at, now), REVOKE: now if is_wrong else wanted.ends_at}


def code_for(booking: Booking, unit: Property, now: datetime) -> Code | None:
    """The code that the booking has once its time comes; None without a lock or a plan."""
    if not is_on(booking, now) or unit.lock_brand is None or unit.lock_ref is None:
        return None
    return Code(unit.lock_brand, unit.lock_ref, booking.begins_at, booking.ends_at)


def before_arrival_again(booking: Booking, now: datetime) -> datetime:
    """When a guest who was told another code, or none, is told the new one."""
    return max(booking.begins_at - _BEFORE_ARRIVAL, now)


def _waits(step: Step | None) -> bool:
    return step is not None and step.due_at is not None


def _is_settled(step: Step | None, booking: Booking) -> bool:
    """Whether the step is done for good: it is not when only an address was missing, and now there is one."""
    if step is None or step.done_at is None:
        return False
    return not (step.outcome == NO_ADDRESS and booking.guest_email)


def _last_morning(booking: Booking) -> datetime:
    """Eight o'clock on the day of departure by the property's clock, or an hour before an earlier check-out."""
    eight = datetime.combine(booking.departure_on, _MORNING, ZoneInfo(booking.time_zone)).astimezone(UTC)
    return eight if eight < booking.ends_at else booking.ends_at - timedelta(hours=1)
