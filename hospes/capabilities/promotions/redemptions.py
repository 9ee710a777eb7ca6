"""Redeeming at the till. Limits hold exactly, whoever asks at once."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Tx, sql
from hospes.base.errors import Conflict
from hospes.capabilities import events, guests, places
from hospes.capabilities.promotions import definitions, grants
from hospes.capabilities.promotions.happenings import PromotionRedeemed


class Redemption(msgspec.Struct, frozen=True):
    id: int
    grant_id: int
    promotion_id: int
    guest_id: int
    location_id: int
    redeemed_at: datetime


REDEEM = sql("""
    WITH used AS (
        UPDATE grants SET status = 'redeemed', redeemed_at = $7 WHERE workspace_id = $1 AND id = $2
    )
    INSERT INTO redemptions (workspace_id, grant_id, promotion_id, guest_id, location_id, day_on, redeemed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    RETURNING id
""")


async def redeem(tx: Tx, grant_id: int, *, location_id: int) -> Redemption:
    """Use a grant at a location.

    Raises NotFound for the grant or the location; Conflict for a grant that was used, revoked or has
    expired, a promotion that is paused or not for this location, or a limit that is reached. Guest
    API 9.3.
    """
    grant = await grants.lock(tx, grant_id)
    location = await places.get(tx, location_id)
    _check_grant(grant, tx.now)
    promotion = await tx.find(definitions.Promotion, definitions.LOCK_SHARED, grant.promotion_id)
    assert promotion is not None
    if promotion.status != "active":
        raise Conflict("Promotion is not active")
    if promotion.location_ids and location_id not in promotion.location_ids:
        raise Conflict("Promotion not valid at this location")
    # The day where the guest stands, also through summer time (case D21).
    day = tx.now.astimezone(ZoneInfo(location.time_zone)).date()
    await _take(tx, promotion.id, "all", promotion.max_redemptions)
    await _take(tx, promotion.id, f"day {day}", promotion.max_per_day)
    await _take(tx, promotion.id, f"location {location_id}", promotion.max_per_location)
    redemption_id = int(await tx.value(REDEEM, grant_id, promotion.id, grant.guest_id, location_id, day, tx.now))
    await guests.counts.add(tx, {f"redemptions:{promotion.id}": 1})
    event = PromotionRedeemed(
        guest_id=grant.guest_id, promotion_id=promotion.id, grant_id=grant_id, location_id=location_id
    )
    await events.record(tx, event, location_id=location_id)
    return Redemption(redemption_id, grant_id, promotion.id, grant.guest_id, location_id, tx.now)


def _check_grant(grant: grants.Grant, now: datetime) -> None:
    reasons = {
        "redeemed": "Grant already redeemed",
        "revoked": "Grant was revoked",
        "expired": "Grant expired",
    }
    standing = grant.standing(now)
    if standing in reasons:
        raise Conflict(reasons[standing])


TAKE = sql("""
    UPDATE promotion_uses
       SET used = used + 1
     WHERE workspace_id = $1 AND promotion_id = $2 AND scope = $3 AND used < $4
""")
START = sql("""
    INSERT INTO promotion_uses (workspace_id, promotion_id, scope, used)
    SELECT $1, $2, $3, count(*)
      FROM redemptions
     WHERE workspace_id = $1 AND promotion_id = $2
       AND $3 IN ('all', 'day ' || day_on, 'location ' || location_id)
        ON CONFLICT DO NOTHING
""")


async def _take(tx: Tx, promotion_id: int, scope: str, most: int | None) -> None:
    """One more use, or Conflict. Who takes the same scope waits here until the first has ended."""
    if most is None or await tx.run(TAKE, promotion_id, scope, most):
        return
    if await tx.run(START, promotion_id, scope) and await tx.run(TAKE, promotion_id, scope, most):
        return
    if not await tx.run(TAKE, promotion_id, scope, most):
        raise Conflict("Promotion limit reached")


# Each counts what must not be.
CHECKS = {
    "promotions redeemed beyond a limit": sql(
        """
        SELECT count(*)
          FROM promotions p
         WHERE p.max_redemptions < (SELECT count(*) FROM redemptions r
                                     WHERE r.workspace_id = p.workspace_id AND r.promotion_id = p.id)
            OR p.max_per_day < (SELECT max(n) FROM (SELECT count(*) AS n FROM redemptions r
                                 WHERE r.workspace_id = p.workspace_id AND r.promotion_id = p.id
                                 GROUP BY r.day_on) days)
            OR p.max_per_location < (SELECT max(n) FROM (SELECT count(*) AS n FROM redemptions r
                                      WHERE r.workspace_id = p.workspace_id AND r.promotion_id = p.id
                                      GROUP BY r.location_id) places)
        """,
        across="examines every workspace",
    ),
    "grants that differ from their redemptions": sql(
        """
        SELECT count(*)
          FROM grants g
          FULL JOIN redemptions r ON r.workspace_id = g.workspace_id AND r.grant_id = g.id
         WHERE (g.status = 'redeemed') <> (r.id IS NOT NULL)
        """,
        across="examines every workspace",
    ),
    "counts of promotions": sql(
        """
        SELECT count(*)
          FROM promotions p
         WHERE (SELECT count(*) FROM grants g WHERE g.workspace_id = p.workspace_id AND g.promotion_id = p.id
                   AND g.status <> 'revoked')
               <> (SELECT coalesce(sum(c.value), 0) FROM counters c
                    WHERE c.workspace_id = p.workspace_id AND c.name = 'grants:' || p.id)
            OR (SELECT count(*) FROM redemptions r WHERE r.workspace_id = p.workspace_id AND r.promotion_id = p.id)
               <> (SELECT coalesce(sum(c.value), 0) FROM counters c
                    WHERE c.workspace_id = p.workspace_id AND c.name = 'redemptions:' || p.id)
        """,
        across="examines every workspace",
    ),
}
