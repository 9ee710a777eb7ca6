"""Counting what happens on a day, in the transaction in which it happens.

A figure of a day is a sum over the log, so it can be counted as events come, in any order, and
counted again from the log. Who came back is told by sets: a guest's first day at a place, its last,
and the days between. Days are those of the location's time zone; for the whole workspace, UTC.
"""

from collections import Counter
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities import events

# Location 0 stands for the whole workspace.
EVERYWHERE = 0

NEW, VISITS = "new", "visits"
# Guests who came on a day, and those of them whose first day it was.
GUESTS, FIRSTS = "guests", "firsts"
# Guests by the last day they came: those who came on that day only, and those who came before, too.
LAST_SEEN_ONCE, LAST_SEEN_AGAIN = "last_seen_once", "last_seen_again"
GRANTED, REDEEMED = "granted", "redeemed"
POINTS_ADDED, POINTS_REDEEMED = "points_added", "points_redeemed"

# What each event adds to, and by how much: one, or a figure in its payload.
ADDS = {
    "guest.created": ((NEW, None),),
    "promotion.granted": ((GRANTED, None),),
    "promotion.redeemed": ((REDEEMED, None),),
    "loyalty.points_added": ((POINTS_ADDED, "points"),),
    "loyalty.points_redeemed": ((POINTS_REDEEMED, "points"),),
    "wallet.redeemed": ((POINTS_REDEEMED, "points"),),
}
VISIT = "visit.started"


async def count(tx: Tx, event: events.Recorded) -> None:
    """A reaction to every event: its day's figures, everywhere and at its location."""
    if event.type == VISIT:
        await _count_visit(tx, event)
    for metric, figure in ADDS.get(event.type, ()):
        step = 1 if figure is None else int(event.payload.get(figure, 0))
        names = [metric]
        if event.type.startswith("promotion."):
            names.append(of_promotion(metric, event.payload["promotion_id"]))
        if step:
            await tx.run(ADD_EVENT, names, step, event.occurred_at, event.location_id)


def of_promotion(metric: str, promotion_id: int) -> str:
    """The same figure of one promotion."""
    return f"{metric}:{promotion_id}"


# Both places in one statement; rows in one order, so that two writers in a slot cannot wait crosswise.
ADD_EVENT = sql("""
    INSERT INTO day_counts AS c (workspace_id, location_id, metric, day_on, slot, value)
    SELECT $1, place.id, metric, ($4::timestamptz AT TIME ZONE place.zone)::date, pg_backend_pid() % 32, $3
      FROM unnest($2::text[]) AS metric
     CROSS JOIN (SELECT 0::bigint AS id, 'UTC' AS zone
                  UNION ALL
                 SELECT id, time_zone FROM locations WHERE workspace_id = $1 AND id = $5) AS place
     ORDER BY place.id, metric
        ON CONFLICT (workspace_id, location_id, metric, day_on, slot) DO UPDATE SET value = c.value + excluded.value
""")
ADD_DAYS = sql("""
    INSERT INTO day_counts AS c (workspace_id, location_id, metric, day_on, slot, value)
    SELECT $1, location_id, metric, day_on, pg_backend_pid() % 32, step
      FROM unnest($2::bigint[], $3::text[], $4::date[], $5::bigint[]) AS change (location_id, metric, day_on, step)
     ORDER BY location_id, metric, day_on
        ON CONFLICT (workspace_id, location_id, metric, day_on, slot) DO UPDATE SET value = c.value + excluded.value
""")


class _Seen(msgspec.Struct, frozen=True):
    first_on: date
    last_on: date


ZONE = sql("SELECT time_zone FROM locations WHERE workspace_id = $1 AND id = $2")
SEEN = sql("""
    SELECT first_on, last_on
      FROM visitors
     WHERE workspace_id = $1 AND location_id = $2 AND guest_id = $3
       FOR UPDATE
""")
SEE_FIRST = sql("""
    INSERT INTO visitors (workspace_id, location_id, guest_id, first_on, last_on)
    VALUES ($1, $2, $3, $4, $4)
        ON CONFLICT DO NOTHING
""")
SEE = sql("""
    UPDATE visitors
       SET first_on = least(first_on, $4), last_on = greatest(last_on, $4)
     WHERE workspace_id = $1 AND location_id = $2 AND guest_id = $3
""")
COME = sql("""
    INSERT INTO visitor_days (workspace_id, location_id, guest_id, day_on)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
""")


async def _count_visit(tx: Tx, event: events.Recorded) -> None:
    zone = await tx.value(ZONE, event.location_id) if event.location_id is not None else None
    places = [(EVERYWHERE, "UTC")]
    if event.location_id is not None and zone is not None:
        places.append((event.location_id, zone))
    changes: Counter[tuple[int, str, date]] = Counter()
    for place, zone_name in places:
        day = event.occurred_at.astimezone(ZoneInfo(zone_name)).date()
        for (metric, on), step in (await _visited(tx, place, event.payload["guest_id"], day)).items():
            changes[place, metric, on] += step
    rows = [(place, metric, on, step) for (place, metric, on), step in changes.items() if step]
    if rows:
        await tx.run(ADD_DAYS, *(list(column) for column in zip(*rows, strict=True)))


async def _visited(tx: Tx, place: int, guest_id: int, day: date) -> Counter[tuple[str, date]]:
    """What a visit changes in the figures of one place."""
    is_first = bool(await tx.run(SEE_FIRST, place, guest_id, day))
    before = None if is_first else await tx.find(_Seen, SEEN, place, guest_id)
    came = bool(await tx.run(COME, place, guest_id, day))
    changes = Counter({(VISITS, day): 1, (GUESTS, day): int(came)})
    if before is None:
        changes.update({(FIRSTS, day): 1, (LAST_SEEN_ONCE, day): 1})
        return changes
    after = _Seen(min(before.first_on, day), max(before.last_on, day))
    if after != before:
        await tx.run(SEE, place, guest_id, day)
        changes.update([(FIRSTS, after.first_on), (_last_seen(after), after.last_on)])
        changes.subtract([(FIRSTS, before.first_on), (_last_seen(before), before.last_on)])
    return changes


def _last_seen(seen: _Seen) -> str:
    return LAST_SEEN_AGAIN if seen.first_on < seen.last_on else LAST_SEEN_ONCE
