"""The plan of retries: further and further apart, for 72 hours. Guest API 15.5."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

HORIZON = timedelta(hours=72)
DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
)
JITTER = 0.1


def next_attempt(
    created_at: datetime, now: datetime, failures: int, *, chance: float, retry_after: str | None = None
) -> datetime | None:
    """When to try again after so many failures, or None when 72 hours have passed.

    `chance` in [0, 1) places it within 10 % of the planned delay. A `Retry-After` of the receiver
    is heard within once and twice the delay. The last attempt is at 72 hours exactly.
    """
    end = created_at + HORIZON
    if now >= end:
        return None
    delay = DELAYS[min(failures, len(DELAYS)) - 1]
    jittered = delay * (1 - JITTER + 2 * JITTER * chance)
    asked = _asked(retry_after, now)
    if asked is not None:
        jittered = min(max(asked, delay), 2 * delay)
    return min(now + jittered, end)


def _asked(retry_after: str | None, now: datetime) -> timedelta | None:
    """RFC 9110 10.2.3: seconds or a date; anything else is not heard."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return timedelta(seconds=min(int(retry_after[:9]), 10**8))
    try:
        at = parsedate_to_datetime(retry_after)
        return at - now
    except (TypeError, ValueError, OverflowError):
        return None
