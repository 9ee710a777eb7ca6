"""Fields of visits: who came, how long they stayed, who is here."""

from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.fragments.field import Field, filtered
from hospes.capabilities.segments.scope import Leaf, Scope, Tally

_FILTERS = {
    "location_id": ("v.location_id", "id"),
    # Of a visit that has ended.
    "minutes": ("(extract(epoch FROM v.ended_at - v.started_at) / 60)", "number"),
}
_HERE = {"location_id": _FILTERS["location_id"]}
_TOPICS = ("visit.", "wifi.", "guest.merged", "guest.unmerged")


def _visits(condition: conditions.OfCount, scope: Scope) -> Tally:
    where = ("v.workspace_id = $1", *filtered(condition.where, _FILTERS, scope))
    return Tally(tables="visits v", owner="v.guest_id", where=where)


def _came(condition: conditions.OfCount, scope: Scope) -> Leaf:
    return operators.happened(condition, _visits(condition, scope), "v.started_at", scope)


def _present(condition: conditions.OfCount, scope: Scope) -> Leaf:
    visits = _visits(condition, scope)
    here = Tally(tables=visits.tables, owner=visits.owner, where=(*visits.where, "v.ended_at IS NULL"))
    return operators.of_tally(condition, here, scope)


FIELDS = (
    Field(
        name="visit",
        kind=conditions.OfCount,
        about="Visits to locations, as the Wi-Fi saw them; windows look at when they began.",
        topics=_TOPICS,
        fragment=_came,
        filters=_FILTERS,
    ),
    Field(
        name="presence",
        kind=conditions.OfPresent,
        about="Visits that have not ended: 1 or more is here now.",
        topics=_TOPICS,
        fragment=_present,
        filters=_HERE,
    ),
)
