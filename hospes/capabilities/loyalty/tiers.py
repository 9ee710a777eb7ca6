"""Tiers: what a guest has earned decides, so the tier of any past day can be told."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities import events, guests
from hospes.capabilities.loyalty import programs
from hospes.capabilities.loyalty.happenings import TierChanged


class Tier(msgspec.Struct, frozen=True):
    id: int
    slug: str
    name: str
    min_points: int


class Rank(msgspec.Struct, frozen=True):
    """Where a guest stands: the tier reached, the next one, and what counts towards it."""

    tier: Tier | None
    next_tier: Tier | None
    qualifying_points: int

    @property
    def points_to_next(self) -> int | None:
        return self.next_tier.min_points - self.qualifying_points if self.next_tier else None


LIST = sql("SELECT id, slug, name, min_points FROM loyalty_tiers WHERE workspace_id = $1 ORDER BY min_points")


async def list_all(reader: Reader) -> list[Tier]:
    """The workspace's tiers, the lowest first."""
    return await reader.all(Tier, LIST)


# What was earned until an instant, and, for a window, not before another. A reversed earning counts
# for nothing from its reversal on.
QUALIFYING = sql("""
    SELECT coalesce(sum(m.points), 0)::bigint
      FROM loyalty_movements m
      LEFT JOIN loyalty_movements o ON o.workspace_id = $1 AND o.id = m.reverses
     WHERE m.workspace_id = $1 AND m.guest_id = ANY ($2::bigint[]) AND m.happened_at <= $3::timestamptz
       AND coalesce(o.kind, m.kind) IN ('earn', 'adjust')
       AND ($4::integer IS NULL
            OR coalesce(o.happened_at, m.happened_at) > $3::timestamptz - make_interval(months => $4))
""")


async def rank(reader: Reader, guest_id: int, *, at: datetime | None = None) -> Rank:
    """Where a guest stands now, or stood at a past instant. Raises NotFound. Guest API 10.2."""
    family = await guests.family(reader, guest_id)
    return placed(await list_all(reader), await qualifying(reader, family, at or reader.now))


async def qualifying(reader: Reader, family: list[int], at: datetime) -> int:
    """The points that count towards a tier at this instant."""
    months = (await programs.get(reader)).tier_window_months
    return int(await reader.value(QUALIFYING, family, at, months))


def placed(tiers: Sequence[Tier], points: int) -> Rank:
    """Where so many points stand among tiers that are ordered from the lowest."""
    reached = [tier for tier in tiers if tier.min_points <= points]
    ahead = [tier for tier in tiers if tier.min_points > points]
    return Rank(reached[-1] if reached else None, ahead[0] if ahead else None, points)


async def note_change(tx: Tx, family: list[int], *, earned_more: int) -> None:
    """Record that the guest reached or left a tier through what it just earned."""
    tiers = await list_all(tx)
    if not tiers:
        return
    points = await qualifying(tx, family, tx.now)
    before, after = placed(tiers, points - earned_more).tier, placed(tiers, points).tier
    if before != after:
        slugs = [tier.slug if tier else None for tier in (after, before)]
        await events.record(tx, TierChanged(guest_id=family[0], tier=slugs[0], previous=slugs[1]))


CREATE = sql("""
    INSERT INTO loyalty_tiers (workspace_id, id, slug, name, min_points, created_at)
    VALUES ($1, coalesce($2, nextval('loyalty_tiers_id_seq')), $3, $4, $5, $6)
    RETURNING id
""")


async def create(tx: Tx, *, slug: str, name: str, min_points: int, tier_id: int | None = None) -> int:
    """Make a tier; returns its id. Raises Conflict for a slug or threshold that another has, Invalid."""
    try:
        return int(await tx.value(CREATE, tier_id, slug, name.strip(), min_points, tx.now))
    except Violation as violation:
        if violation.constraint == "loyalty_tiers_slug":
            raise Conflict("Tier slug already exists") from None
        if violation.constraint == "loyalty_tiers_min_points":
            raise Conflict("Another tier begins at these points.") from None
        raise Invalid("A tier has a slug, a name, and begins at 0 to 1,000,000,000 points.") from None


DELETE = sql("DELETE FROM loyalty_tiers WHERE workspace_id = $1 AND id = $2")


async def delete(tx: Tx, tier_id: int) -> None:
    """Take a tier away; guests stand in the one below. Raises NotFound."""
    if not await tx.run(DELETE, tier_id):
        raise NotFound("Tier not found")
