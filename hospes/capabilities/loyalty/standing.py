"""What lists show of many guests at once, and whether the ledger holds."""

from collections.abc import Sequence

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities import guests
from hospes.capabilities.loyalty import programs, tiers


class Standing(msgspec.Struct, frozen=True):
    """Points to spend now, and the slug of the tier."""

    points: int
    tier: str | None


NOBODYS = Standing(0, None)


class _Row(msgspec.Struct, frozen=True):
    guest_id: int
    points: int
    earned: int


# For the statement of somebody who reads guests as `g`, at the instant `$3`.
POINTS_OF_GUEST = """
           (SELECT coalesce(sum(l.points_left), 0)::bigint
              FROM loyalty_lots l
             WHERE l.workspace_id = $1 AND l.guest_id = g.id AND l.points_left > 0
               AND (l.expires_at IS NULL OR l.expires_at > $3))
"""
TIER_OF_GUEST = """
           (SELECT t.slug
              FROM loyalty_tiers t
             WHERE t.workspace_id = $1
               AND t.min_points <= coalesce((SELECT a.earned
                                               FROM loyalty_accounts a
                                              WHERE a.workspace_id = $1 AND a.guest_id = g.id), 0)
             ORDER BY t.min_points DESC
             LIMIT 1)
"""
IS_WINDOWED = """
           EXISTS (SELECT FROM loyalty_programs p WHERE p.workspace_id = $1 AND p.tier_window_months IS NOT NULL)
"""

# What merged guests have counts for the guest that answers for them.
STANDINGS = sql(f"""
    {guests.FAMILIES}
    SELECT f.head AS guest_id,
           coalesce(sum((SELECT sum(l.points_left)
                           FROM loyalty_lots l
                          WHERE l.workspace_id = $1 AND l.guest_id = f.id AND l.points_left > 0
                            AND (l.expires_at IS NULL OR l.expires_at > $3))), 0)::bigint AS points,
           coalesce(sum((SELECT a.earned FROM loyalty_accounts a WHERE a.workspace_id = $1 AND a.guest_id = f.id)),
                    0)::bigint AS earned
      FROM family f
     GROUP BY f.head
""")  # noqa: S608 (constants only)


async def standings(reader: Reader, guest_ids: Sequence[int]) -> dict[int, Standing]:
    """Where each of these guests stands, in two or three statements for all of them."""
    rows = await reader.all(_Row, STANDINGS, list(guest_ids), reader.now)
    steps = await tiers.list_all(reader)
    is_windowed = bool(steps) and (await programs.get(reader)).tier_window_months is not None
    found = {}
    for row in rows:
        counted = (await tiers.rank(reader, row.guest_id)).qualifying_points if is_windowed else row.earned
        reached = tiers.placed(steps, counted).tier
        found[row.guest_id] = Standing(row.points, reached.slug if reached else None)
    return found


# Each counts what must not be.
UNBALANCED = sql(
    """
    SELECT count(*)
      FROM (SELECT m.id
              FROM loyalty_movements m
              LEFT JOIN loyalty_entries e ON e.workspace_id = m.workspace_id AND e.movement_id = m.id
             GROUP BY m.workspace_id, m.id, m.points
            HAVING coalesce(sum(e.points), 1) <> 0
                OR coalesce(sum(e.points) FILTER (WHERE e.account = 'guest'), 0) <> m.points) wrong
    """,
    across="examines every workspace",
)
LOTS_OFF = sql(
    """
    SELECT count(*)
      FROM loyalty_lots l
     WHERE l.points_left <> (SELECT coalesce(sum(e.points), 0)
                               FROM loyalty_entries e
                              WHERE e.workspace_id = l.workspace_id AND e.lot_id = l.id)
    """,
    across="examines every workspace",
)
ACCOUNTS_OFF = sql(
    """
    SELECT count(*)
      FROM loyalty_accounts a
      JOIN LATERAL (
           SELECT coalesce(sum(m.points) FILTER (WHERE coalesce(o.kind, m.kind) IN ('earn', 'adjust')), 0) AS earned,
                  coalesce(-sum(m.points) FILTER (WHERE coalesce(o.kind, m.kind) IN ('redeem', 'reward')), 0)
                  AS redeemed
             FROM loyalty_movements m
             LEFT JOIN loyalty_movements o ON o.workspace_id = m.workspace_id AND o.id = m.reverses
            WHERE m.workspace_id = a.workspace_id AND m.guest_id = a.guest_id) counted ON true
     WHERE (a.earned, a.redeemed) <> (counted.earned, counted.redeemed)
    """,
    across="examines every workspace",
)
CHECKS = {
    "movements of points that do not sum to zero": UNBALANCED,
    "lots of points that differ from the ledger": LOTS_OFF,
    "accounts of points that differ from the ledger": ACCOUNTS_OFF,
}
