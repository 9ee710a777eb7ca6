"""How often an event was tracked, over time. Audience API 6.1."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Reader, encode_json, sql
from hospes.base.errors import Invalid

Interval = Literal["daily", "weekly", "monthly", "annual"]
Metric = Literal["total_events", "unique_users", "unique_sessions"]
LONGEST = timedelta(days=3660)
_UNITS: Final = {"daily": "day", "weekly": "week", "monthly": "month", "annual": "year"}
_OPERATORS: Final = (
    "Include",
    "Exclude",
    "Contains",
    "Not contains",
    "Is exist",
    "Is one of",
    "Is none of",
    "Less than",
    "Greater than",
    "Range",
    "Equals to",
    "Is",
)
_NUMERIC: Final = ("Less than", "Greater than", "Range", "Equals to")
_ATTRIBUTE = "Attributes - "
# Where each of the fixed keys is written; any other matches nothing.
_PLACES: Final = {
    **{
        f"UTM - utm_{tag}": ("context", "utm", tag)
        for tag in ("source", "medium", "campaign", "content", "term", "adgroup")
    },
    **{place: ("guest", place) for place in ("country", "city", "state")},
    "Geo - continent_code": ("guest", "continent_code"),
    "Geo - region_code": ("guest", "region_code"),
    "browser": ("context", "browser"),
}
_NOWHERE = ("nowhere",)


class Filter(msgspec.Struct, frozen=True):
    key: str
    operator: str
    value: Any = None


class Bucket(msgspec.Struct, frozen=True):
    on: date
    value: int


# All filters have to hold; `path` leads to the value, steps parted by U+001F.
_PICKED = """
    WITH picked AS (
        SELECT coalesce(g.merged_into, e.guest_id) AS guest_id, e.occurred_at,
               (e.occurred_at AT TIME ZONE $5)::date AS day_on
          FROM events e
          JOIN guests g ON g.workspace_id = $1 AND g.id = e.guest_id
         WHERE e.workspace_id = $1 AND e.name = $2 AND e.occurred_at >= $3 AND e.occurred_at < $4
           AND NOT EXISTS (
               SELECT
                 FROM unnest($7::text[], $8::text[], $9::text[]) AS asked (path, operator, given)
                CROSS JOIN LATERAL (
                      SELECT (e.payload || jsonb_build_object('guest', CASE WHEN g.merged_into IS NULL THEN g.attributes
                                  ELSE (SELECT attributes FROM guests WHERE workspace_id = $1 AND id = g.merged_into)
                                  END))
                             #> string_to_array(asked.path, chr(31)) AS value,
                             asked.given::jsonb AS given) f
                CROSS JOIN LATERAL (
                      SELECT f.value #>> '{}' AS text,
                             CASE WHEN jsonb_typeof(f.value) = 'number' THEN (f.value #>> '{}')::numeric END AS number
                      ) v
                WHERE NOT coalesce(CASE
                      WHEN operator IN ('Include', 'Is one of') THEN v.text IN (
                          SELECT one FROM jsonb_array_elements_text(f.given) AS one)
                      WHEN operator IN ('Exclude', 'Is none of') THEN coalesce(v.text NOT IN (
                          SELECT one FROM jsonb_array_elements_text(f.given) AS one), true)
                      WHEN operator = 'Contains' THEN EXISTS (
                          SELECT FROM jsonb_array_elements_text(f.given) AS one WHERE strpos(v.text, one) > 0)
                      WHEN operator = 'Not contains' THEN NOT EXISTS (
                          SELECT FROM jsonb_array_elements_text(f.given) AS one WHERE strpos(v.text, one) > 0)
                      WHEN operator = 'Is exist' THEN (f.value IS NOT NULL) = (f.given ->> 0)::boolean
                      WHEN operator = 'Is' THEN v.text = f.given ->> 0
                      WHEN operator = 'Less than' THEN v.number < (f.given ->> 0)::numeric
                      WHEN operator = 'Greater than' THEN v.number > (f.given ->> 0)::numeric
                      WHEN operator = 'Equals to' THEN v.number = (f.given ->> 0)::numeric
                      WHEN operator = 'Range' THEN v.number BETWEEN (f.given ->> 0)::numeric
                                                                AND (f.given ->> 1)::numeric
                      END, false))
    ), counted AS (
        {counted}
    )
    SELECT NULL::date AS bucket_on, {value} AS value FROM counted
     UNION ALL
    SELECT greatest(date_trunc($6, day_on)::date, ($3 AT TIME ZONE $5)::date) AS bucket_on, {value} AS value
      FROM counted
     GROUP BY 1
"""
_PLAIN = "SELECT guest_id, occurred_at, day_on FROM picked"
# A pause of more than half an hour ends a session.
_SESSIONS = """
        SELECT guest_id, day_on, sum(is_first) OVER (PARTITION BY guest_id ORDER BY occurred_at) AS session
          FROM (SELECT guest_id, occurred_at, day_on,
                       CASE WHEN occurred_at - lag(occurred_at) OVER (PARTITION BY guest_id ORDER BY occurred_at)
                                 <= interval '30 minutes' THEN 0 ELSE 1 END AS is_first
                  FROM picked) parted
"""
STATEMENTS = {
    "total_events": sql(_PICKED.replace("{counted}", _PLAIN).replace("{value}", "count(*)")),
    "unique_users": sql(_PICKED.replace("{counted}", _PLAIN).replace("{value}", "count(DISTINCT guest_id)")),
    "unique_sessions": sql(
        _PICKED.replace("{counted}", _SESSIONS).replace("{value}", "count(DISTINCT (guest_id, session))")
    ),
}


class _Row(msgspec.Struct, frozen=True):
    bucket_on: date | None
    value: int


async def count(
    reader: Reader,
    name: str,
    *,
    since: date,
    until: date,
    interval: Interval,
    metric: Metric,
    filters: Sequence[Filter],
    zone: str,
) -> tuple[int, list[Bucket]]:
    """The whole, and each interval from the first to the last day, empty ones too; days are days in `zone`.

    Raises Invalid for days in the wrong order, more than ten years, and a filter that makes no sense.
    """
    if until < since:
        raise Invalid("toDate must not be before fromDate", field="toDate")
    if until - since > LONGEST:
        raise Invalid("fromDate and toDate must not be more than ten years apart", field="fromDate")
    asked = [_asked(one) for one in filters]
    rows = await reader.all(
        _Row,
        STATEMENTS[metric],
        name,
        _midnight(since, zone),
        _midnight(until + timedelta(days=1), zone),
        zone,
        _UNITS[interval],
        [path for path, _, _ in asked],
        [operator for _, operator, _ in asked],
        [given for _, _, given in asked],
    )
    found = {row.bucket_on: row.value for row in rows}
    return found.get(None, 0), [Bucket(on, found.get(on, 0)) for on in _buckets(since, until, interval)]


def _midnight(on: date, zone: str) -> datetime:
    return datetime.combine(on, time(), ZoneInfo(zone)).astimezone(UTC)


def _buckets(since: date, until: date, interval: Interval) -> list[date]:
    """The first day of each interval; of the first one, the first that was asked for. Weeks begin on Monday."""
    found, on = [], since
    while on <= until:
        found.append(on)
        on = _next(on, interval)
    return found


def _next(on: date, interval: Interval) -> date:
    match interval:
        case "daily":
            return on + timedelta(days=1)
        case "weekly":
            return on + timedelta(days=7 - on.weekday())
        case "monthly":
            return (on.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "annual":
            return date(on.year + 1, 1, 1)


def _asked(one: Filter) -> tuple[str, str, str]:
    """A filter as the statement takes it: path, operator, and a list of values as JSON. Raises Invalid."""
    if one.operator not in _OPERATORS:
        raise Invalid(f"operator must be one of: {', '.join(_OPERATORS)}", field="event_property")
    path = _PLACES.get(one.key, _NOWHERE)
    if one.key.startswith(_ATTRIBUTE):
        path = ("attributes", one.key.removeprefix(_ATTRIBUTE))
    given = one.value if isinstance(one.value, list) else [one.value]
    if one.operator == "Is exist":
        given = [one.value is not False and one.value not in ("false", [False])]
    elif not given or not all(isinstance(value, str | int | float | bool) for value in given):
        raise Invalid(f"{one.operator} needs a text, a number, a boolean or a list of them", field="event_property")
    if one.operator in _NUMERIC:
        given = [_number(value, one.operator) for value in given]
        if len(given) != (2 if one.operator == "Range" else 1):
            raise Invalid(f"{one.operator} needs {'two numbers' if one.operator == 'Range' else 'one number'}")
    return "\x1f".join(path), one.operator, encode_json([_text(value) for value in given])


def _number(value: Any, operator: str) -> float:
    try:
        if not isinstance(value, bool) and abs(number := float(value)) < float("inf"):
            return number
    except (TypeError, ValueError):
        pass
    raise Invalid(f"{operator} needs a number", field="event_property")


def _text(value: Any) -> str:
    """As `#>>` writes it."""
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:.15g}" if isinstance(value, float) else str(value)
    )
