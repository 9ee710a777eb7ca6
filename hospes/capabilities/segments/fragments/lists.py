"""Fields of membership: of lists, and of other segments."""

from hospes.capabilities.segments import conditions
from hospes.capabilities.segments.fragments.field import Field
from hospes.capabilities.segments.scope import Counted, Leaf, Scope, Tally


def _lists(condition: conditions.OfIdSet, scope: Scope) -> Leaf:
    if condition.operator == "all_of":
        return Leaf(" AND ".join(f"{_on([one], scope).sum} >= 1" for one in condition.value))
    on_any = f"{_on(condition.value, scope).sum} >= 1"
    return Leaf(on_any if condition.operator == "any_of" else f"({on_any}) IS NOT TRUE")


def _on(list_ids: list[int], scope: Scope) -> Counted:
    asked = f"m.list_id = ANY ({scope.value(list_ids, 'bigint[]')})"
    return scope.count(Tally(tables="list_members m", owner="m.guest_id", where=("m.workspace_id = $1", asked)))


def _segments(condition: conditions.OfIdSet, scope: Scope) -> Leaf:
    if condition.operator == "all_of":
        return Leaf(" AND ".join(_in([one], scope) for one in condition.value))
    in_any = _in(condition.value, scope)
    return Leaf(in_any if condition.operator == "any_of" else f"NOT {in_any}")


def _in(segment_ids: list[int], scope: Scope) -> str:
    asked = scope.value(segment_ids, "bigint[]")
    return (
        "EXISTS (SELECT FROM segment_members sm"
        f" WHERE sm.workspace_id = $1 AND sm.guest_id = g.id AND sm.segment_id = ANY ({asked}))"
    )


FIELDS = (
    Field(
        name="list",
        kind=conditions.OfIdSet,
        about="The lists that the guest is on, by id.",
        topics=("list.", "guest.merged", "guest.unmerged"),
        fragment=_lists,
    ),
    Field(
        name="segment",
        kind=conditions.OfIdSet,
        about="The other segments that the guest is in, by id. No segment may look at itself, even by way of others.",
        topics=(),
        fragment=_segments,
    ),
)
