"""Fields of stays: booked, ahead, in house, past. A stay lasts from check-in to check-out, where the property is."""

from hospes.capabilities.segments import conditions, operators
from hospes.capabilities.segments.conditions import OfCount
from hospes.capabilities.segments.fragments.field import Field, filtered
from hospes.capabilities.segments.scope import Leaf, Scope, Tally

_FILTERS = {
    "nights": ("(b.departure_on - b.arrival_on)", "number"),
    "channel": ("b.channel", "text"),
    "property_id": ("b.property_id", "id"),
    "location_id": ("p.location_id", "id"),
    "adults": ("b.adults", "number"),
    "children": ("b.children", "number"),
    "amount": ("b.amount", "number"),
}
_BEGINS = "((b.arrival_on + coalesce(b.check_in_time, p.check_in_time)) AT TIME ZONE p.time_zone)"
_ENDS = "((b.departure_on + coalesce(b.check_out_time, p.check_out_time)) AT TIME ZONE p.time_zone)"


def _stays(condition: OfCount, scope: Scope) -> Tally:
    return Tally(
        tables="bookings b JOIN properties p ON p.workspace_id = $1 AND p.id = b.property_id",
        owner="b.guest_id",
        where=(
            "b.workspace_id = $1",
            "b.status = 'confirmed'",
            "b.guest_id IS NOT NULL",
            *filtered(condition.where, _FILTERS, scope),
        ),
    )


def _booked(condition: OfCount, scope: Scope) -> Leaf:
    return operators.happened(condition, _stays(condition, scope), "b.created_at", scope)


def _current(condition: OfCount, scope: Scope) -> Leaf:
    return operators.lasting(condition, _stays(condition, scope), _BEGINS, _ENDS, scope)


def _upcoming(condition: OfCount, scope: Scope) -> Leaf:
    return operators.upcoming(condition, _stays(condition, scope), _BEGINS, scope)


def _past(condition: OfCount, scope: Scope) -> Leaf:
    return operators.over(condition, _stays(condition, scope), _ENDS, scope)


def _arriving(condition: conditions.OfStaysAhead, scope: Scope) -> Leaf:
    return _ahead(condition, "b.arrival_on", scope)


def _departing(condition: conditions.OfStaysAhead, scope: Scope) -> Leaf:
    return _ahead(condition, "b.departure_on", scope)


def _ahead(condition: conditions.OfStaysAhead, day: str, scope: Scope) -> Leaf:
    """True on the days on which `day` is so many days ahead: it lasts, midnight to midnight."""
    first, last = (scope.value(days, "integer") for days in condition.days)
    begins, ends = f"{day} - {last}", f"{day} - {first} + 1"
    begins_at, ends_at = (f"(({edge})::timestamp AT TIME ZONE p.time_zone)" for edge in (begins, ends))
    return operators.lasting(condition, _stays(condition, scope), begins_at, ends_at, scope)


_TOPICS = ("booking.", "guest.merged", "guest.unmerged")


def _field(name: str, kind: type[conditions.Condition], fragment: object, about: str) -> Field:
    return Field(name=name, kind=kind, about=about, topics=_TOPICS, fragment=fragment, filters=_FILTERS)  # type: ignore[arg-type]


FIELDS = (
    _field("stay.current", conditions.OfPresent, _current, "Stays now, from check-in to check-out: in house."),
    _field("stay.upcoming", conditions.OfUpcoming, _upcoming, "Stays that begin later; `within` looks ahead."),
    _field("stay.past", OfCount, _past, "Stays that have ended; `within` looks back from their end."),
    _field("stay.booked", OfCount, _booked, "Stays of any time; `within` looks at when they were booked."),
    _field("stay.arriving", conditions.OfStaysAhead, _arriving, "Stays that arrive in so many days."),
    _field("stay.departing", conditions.OfStaysAhead, _departing, "Stays that depart in so many days."),
)
