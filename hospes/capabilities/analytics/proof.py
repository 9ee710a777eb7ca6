"""Counting everything again from the log, and comparing."""

from datetime import date

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities.analytics import days


class Drift(msgspec.Struct, frozen=True):
    """A figure that is not what the log says."""

    location_id: int
    metric: str
    day_on: date
    kept: int
    counted: int


# Every figure of every day, from the log alone; location 0 is the whole workspace.
_FROM_LOG = """
    WITH placed AS (
        SELECT place.id AS location_id, e.type, e.guest_id, e.payload,
               (e.occurred_at AT TIME ZONE place.zone)::date AS day_on
          FROM events e
          LEFT JOIN locations l ON l.workspace_id = e.workspace_id AND l.id = e.location_id
         CROSS JOIN LATERAL (VALUES (0::bigint, 'UTC'), (l.id, l.time_zone)) AS place (id, zone)
         WHERE e.workspace_id = $1 AND e.type = ANY ($2::text[]) AND place.id IS NOT NULL
    ), seen AS (
        SELECT location_id, guest_id, min(day_on) AS first_on, max(day_on) AS last_on
          FROM placed
         WHERE type = 'visit.started'
         GROUP BY location_id, guest_id
    ), counted AS (
        SELECT location_id, m.metric, day_on, m.step
          FROM placed
         CROSS JOIN LATERAL (VALUES
               (CASE type WHEN 'guest.created' THEN 'new'
                          WHEN 'visit.started' THEN 'visits'
                          WHEN 'promotion.granted' THEN 'granted'
                          WHEN 'promotion.redeemed' THEN 'redeemed'
                          WHEN 'loyalty.points_added' THEN 'points_added'
                          ELSE 'points_redeemed' END,
                CASE WHEN type ~ '^(loyalty|wallet)' THEN coalesce((payload ->> 'points')::bigint, 0) ELSE 1 END),
               (CASE type WHEN 'promotion.granted' THEN 'granted:' || (payload ->> 'promotion_id')
                          WHEN 'promotion.redeemed' THEN 'redeemed:' || (payload ->> 'promotion_id') END,
                1)) AS m (metric, step)
         WHERE m.metric IS NOT NULL
         UNION ALL
        SELECT DISTINCT ON (location_id, guest_id, day_on) location_id, 'guests', day_on, 1
          FROM placed
         WHERE type = 'visit.started'
         UNION ALL
        SELECT location_id, 'firsts', first_on, 1 FROM seen
         UNION ALL
        SELECT location_id, CASE WHEN first_on < last_on THEN 'last_seen_again' ELSE 'last_seen_once' END, last_on, 1
          FROM seen
    )
    SELECT location_id, metric, day_on, sum(step)::bigint AS value
      FROM counted
     GROUP BY location_id, metric, day_on
"""

_DIFFERENCES = f"""
    WITH log AS ({_FROM_LOG}), kept AS (
        SELECT location_id, metric, day_on, sum(value)::bigint AS value
          FROM day_counts
         WHERE workspace_id = $1
         GROUP BY location_id, metric, day_on
    )
    SELECT location_id, metric, day_on, coalesce(kept.value, 0) AS kept, coalesce(log.value, 0) AS counted
      FROM log
      FULL JOIN kept USING (location_id, metric, day_on)
     WHERE coalesce(kept.value, 0) <> coalesce(log.value, 0)
"""  # noqa: S608 (constants only)

COMPARE = sql(f"{_DIFFERENCES} ORDER BY location_id, day_on, metric")
# The difference is added, rather than the figure set: an event and its count become visible together,
# so what is counted meanwhile stays counted.
MEND = sql(f"""
    INSERT INTO day_counts AS c (workspace_id, location_id, metric, day_on, slot, value)
    SELECT $1, location_id, metric, day_on, 0, counted - kept
      FROM ({_DIFFERENCES}) AS different
        ON CONFLICT (workspace_id, location_id, metric, day_on, slot) DO UPDATE SET value = c.value + excluded.value
""")  # noqa: S608
MEND_DAYS = sql("""
    WITH log AS (
        SELECT DISTINCT place.id AS location_id, e.guest_id, (e.occurred_at AT TIME ZONE place.zone)::date AS day_on
          FROM events e
          LEFT JOIN locations l ON l.workspace_id = e.workspace_id AND l.id = e.location_id
         CROSS JOIN LATERAL (VALUES (0::bigint, 'UTC'), (l.id, l.time_zone)) AS place (id, zone)
         WHERE e.workspace_id = $1 AND e.type = 'visit.started' AND place.id IS NOT NULL
    ), gone AS (
        DELETE FROM visitor_days d
         WHERE workspace_id = $1
           AND NOT EXISTS (SELECT FROM log WHERE (log.location_id, log.guest_id, log.day_on)
                                               = (d.location_id, d.guest_id, d.day_on))
    )
    INSERT INTO visitor_days (workspace_id, location_id, guest_id, day_on)
    SELECT $1, location_id, guest_id, day_on FROM log
        ON CONFLICT DO NOTHING
""")
MEND_VISITORS = sql("""
    WITH days AS (
        SELECT location_id, guest_id, min(day_on) AS first_on, max(day_on) AS last_on
          FROM visitor_days
         WHERE workspace_id = $1
         GROUP BY location_id, guest_id
    ), gone AS (
        DELETE FROM visitors v
         WHERE workspace_id = $1
           AND NOT EXISTS (SELECT FROM days WHERE (days.location_id, days.guest_id) = (v.location_id, v.guest_id))
    )
    INSERT INTO visitors AS v (workspace_id, location_id, guest_id, first_on, last_on)
    SELECT $1, location_id, guest_id, first_on, last_on FROM days
        ON CONFLICT (workspace_id, location_id, guest_id) DO UPDATE
       SET first_on = excluded.first_on, last_on = excluded.last_on
     WHERE (v.first_on, v.last_on) <> (excluded.first_on, excluded.last_on)
""")

_TYPES = [*days.ADDS, days.VISIT]


async def recount(tx: Tx, *, mend: bool) -> list[Drift]:
    """Every figure that differs from the log; with `mend`, they are then made what the log says."""
    drifts = await tx.all(Drift, COMPARE, _TYPES)
    if mend:
        await tx.run(MEND, _TYPES)
        await tx.run(MEND_DAYS)
        await tx.run(MEND_VISITORS)
    return drifts


FOLD = sql("""
    WITH gone AS (
        DELETE FROM day_counts
         WHERE workspace_id = $1 AND day_on < $2 AND slot <> 0
        RETURNING location_id, metric, day_on, value
    )
    INSERT INTO day_counts AS c (workspace_id, location_id, metric, day_on, slot, value)
    SELECT $1, location_id, metric, day_on, 0, sum(value)
      FROM gone
     GROUP BY location_id, metric, day_on
        ON CONFLICT (workspace_id, location_id, metric, day_on, slot) DO UPDATE SET value = c.value + excluded.value
""")


async def fold(tx: Tx, before: date) -> None:
    """Bring the slots of past days together: one row a figure and day stays."""
    await tx.run(FOLD, before)
