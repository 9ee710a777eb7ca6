"""Fields of the log: what senders track, and what the house records by itself."""

from hospes.capabilities import events
from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.conditions import Filter
from hospes.capabilities.segments.fragments.field import Field, of_json
from hospes.capabilities.segments.operators import Comparing
from hospes.capabilities.segments.scope import Leaf, Scope, Tally

# Who merges or is merged has something happen to it, too.
_SELVES = ("guest.merged", "guest.unmerged")


# How each measure reads in SQL, over the numbers of the events that have one.
_MEASURES = {"sum": "sum", "min": "min", "max": "max", "average": "avg"}


def _tracked(condition: conditions.OfEvents, scope: Scope) -> Leaf:
    return operators.happened(condition, _events(condition, scope), "x.occurred_at", scope)


def _values(condition: conditions.OfEventValues, scope: Scope) -> Leaf:
    number = of_json(f"({_attribute(condition.attribute, scope)})", "number")
    tally = _events(condition, scope, measure=f"{_MEASURES[condition.measure]}({number})")
    return operators.measured(condition, tally, "x.occurred_at", scope)


def _attribute(name: str, scope: Scope) -> str:
    return f"nullif(x.payload -> 'attributes' -> {scope.value(name, 'text')}, 'null')"


def _events(condition: conditions.OfEvents, scope: Scope, *, measure: str = "count(*)") -> Tally:
    def column_of(one: Filter) -> tuple[str, Comparing]:
        value = _attribute(one.field, scope)
        if one.operator in Filter.BARE:
            return f"({value})", operators.text
        compare = {"text": operators.text, "number": operators.number, "boolean": operators.flag}[one.read_as]
        return f"({of_json(f'({value})', one.read_as)})", compare

    return Tally(
        tables="events x",
        owner="x.guest_id",
        where=(
            "x.workspace_id = $1",
            f"{scope.beside_guest('x.name')} = {scope.value(condition.name, 'text')}",
            *operators.narrowed_by(condition.where, column_of, scope),
        ),
        measure=measure,
    )


def _activity(condition: conditions.OfActivity, scope: Scope) -> Leaf:
    named = f"{scope.beside_guest('x.type')} = {scope.value(condition.name, 'text')}"
    tally = Tally(tables="events x", owner="x.guest_id", where=("x.workspace_id = $1", named, "x.guest_id IS NOT NULL"))
    return operators.happened(condition, tally, "x.occurred_at", scope)


FIELDS = (
    Field(
        name="event",
        kind=conditions.OfEvents,
        about="How often the guest did what is tracked under a name. `where` narrows by the event's attributes.",
        topics=(events.TRACKED,),
        fragment=_tracked,
    ),
    Field(
        name="event.value",
        kind=conditions.OfEventValues,
        about="What an `attribute` of tracked events comes to, as `measure` says: `sum`, `min`, `max` or `average`.",
        topics=(events.TRACKED,),
        fragment=_values,
    ),
    Field(
        name="activity",
        kind=conditions.OfActivity,
        about="How often the house recorded something of the guest, by the event's type, such as note.added.",
        topics=_SELVES,
        fragment=_activity,
    ),
)
