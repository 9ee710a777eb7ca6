"""Fields of promotions: offers that a guest was given, holds, and used."""

from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.fragments.field import Field, filtered
from hospes.capabilities.segments.scope import Leaf, Scope, Tally

_GRANTS = {"promotion_id": ("o.promotion_id", "id"), "location_id": ("o.location_id", "id")}
_TOPICS = ("promotion.", "guest.merged", "guest.unmerged")


def _grants(condition: conditions.OfCount, scope: Scope, *where: str) -> Tally:
    narrowed = filtered(condition.where, _GRANTS, scope)
    return Tally(tables="grants o", owner="o.guest_id", where=("o.workspace_id = $1", *where, *narrowed))


def _held(condition: conditions.OfCount, scope: Scope) -> Leaf:
    grants = _grants(condition, scope, "o.status = 'granted'")
    return operators.lasting(condition, grants, "o.granted_at", "coalesce(o.expires_at, 'infinity')", scope)


def _granted(condition: conditions.OfCount, scope: Scope) -> Leaf:
    return operators.happened(condition, _grants(condition, scope), "o.granted_at", scope)


def _used(condition: conditions.OfCount, scope: Scope) -> Leaf:
    where = ("o.workspace_id = $1", *filtered(condition.where, _GRANTS, scope))
    return operators.happened(
        condition, Tally(tables="redemptions o", owner="o.guest_id", where=where), "o.redeemed_at", scope
    )


FIELDS = (
    Field(
        name="offer.held",
        kind=conditions.OfPresent,
        about="Offers that the guest holds: granted, not used, not expired.",
        topics=_TOPICS,
        fragment=_held,
        filters=_GRANTS,
    ),
    Field(
        name="offer.granted",
        kind=conditions.OfCount,
        about="Offers that the guest was given, whatever became of them.",
        topics=_TOPICS,
        fragment=_granted,
        filters=_GRANTS,
    ),
    Field(
        name="offer.used",
        kind=conditions.OfCount,
        about="Offers that the guest used.",
        topics=_TOPICS,
        fragment=_used,
        filters=_GRANTS,
    ),
)
