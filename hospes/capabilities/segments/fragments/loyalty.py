"""Fields of loyalty: points to spend, points earned, the tier."""

from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.fragments.field import Field
from hospes.capabilities.segments.scope import Counted, Leaf, Scope, Tally

_TOPICS = ("loyalty.", "wallet.redeemed", "guest.merged", "guest.unmerged")


def _balance(condition: conditions.OfNumber, scope: Scope) -> Leaf:
    lots = Tally(
        tables="loyalty_lots l",
        owner="l.guest_id",
        where=("l.workspace_id = $1", "l.points_left > 0", f"(l.expires_at IS NULL OR l.expires_at > {scope.at})"),
        next_at="l.expires_at",
        measure="sum(l.points_left)",
    )
    return _beside(condition, scope.count(lots), scope)


def _earned(condition: conditions.OfNumber, scope: Scope) -> Leaf:
    return _beside(condition, scope.count(_EARNED), scope)


def _tier(condition: conditions.OfText, scope: Scope) -> Leaf:
    months = scope.tier_months
    counted = scope.count(_EARNED if months is None else _windowed(months, scope))
    slug = (
        "(SELECT t.slug FROM loyalty_tiers t WHERE t.workspace_id = $1"  # noqa: S608 (fragments of ours)
        f" AND t.min_points <= coalesce({counted.sum}, 0) ORDER BY t.min_points DESC LIMIT 1)"
    )
    leaf = operators.text(slug, condition.operator, condition.value, scope)
    return Leaf(leaf.is_true, counted.next_at)


_EARNED = Tally(
    tables="loyalty_accounts a", owner="a.guest_id", where=("a.workspace_id = $1",), measure="sum(a.earned)"
)


def _windowed(months: int, scope: Scope) -> Tally:
    """What was earned in the last so many months; it counts until that long has passed, or its month's end."""
    length = scope.value(months, "integer")
    earned_at = "coalesce(o.happened_at, m.happened_at)"
    ends = f"{earned_at} + make_interval(months => {length})"
    # 31 January and a month is 28 February, where a month back is 28 January: three days more see past it.
    edges = ", ".join(
        f"CASE WHEN {ends} + interval '{days} days' > {scope.at} THEN {ends} + interval '{days} days' END"
        for days in range(4)
    )
    return Tally(
        tables="loyalty_movements m LEFT JOIN loyalty_movements o ON o.workspace_id = $1 AND o.id = m.reverses",
        owner="m.guest_id",
        where=(
            "m.workspace_id = $1",
            "coalesce(o.kind, m.kind) IN ('earn', 'adjust')",
            f"{earned_at} > {scope.at} - make_interval(months => {length})",
        ),
        next_at=f"least({edges})",
        measure="sum(m.points)",
    )


def _beside(condition: conditions.OfNumber, counted: Counted, scope: Scope) -> Leaf:
    return operators.compared(counted, condition.operator, condition.value, scope, holds_at_zero=condition.is_negative)


FIELDS = (
    Field(
        name="points.balance",
        kind=conditions.OfNumber,
        about="Points that the guest can spend now.",
        topics=_TOPICS,
        fragment=_balance,
    ),
    Field(
        name="points.earned",
        kind=conditions.OfNumber,
        about="Points that the guest ever earned.",
        topics=_TOPICS,
        fragment=_earned,
    ),
    Field(name="tier", kind=conditions.OfText, about="The slug of the guest's tier.", topics=_TOPICS, fragment=_tier),
)
