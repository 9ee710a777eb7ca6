"""The forms in which instants are written. Audience API 1.8."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hospes.base.errors import Invalid

_FORM = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def read(text: object, *, zone: str, field: str) -> datetime:
    """An instant; without an offset it is in `zone`, and a day is its first moment there. Raises Invalid."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found:
        offset = (found["zone"] or "").replace("Z", "+00:00")
        try:
            at = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}{offset}")
            return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise Invalid(f"{field} must be a time such as 2024-05-06T07:08:09", field=field)


def read_day(text: object, *, field: str) -> date:
    """A day, YYYY-MM-DD. Raises Invalid."""
    try:
        if isinstance(text, str) and len(text) == 10 and text.isascii():
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Invalid(f"{field} must be a date such as 1990-11-25", field=field)


def show(at: datetime) -> str:
    """The one form that agrees with the pattern and with its example."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
