"""What operators mean in SQL, for a column of each type. Values are parameters, always."""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from hospes.capabilities.segments.conditions import Filter, OfCount, OfEventValues
from hospes.capabilities.segments.scope import Counted, Leaf, Scope, Tally, earliest

# An operator, and the one that it is the opposite of: that holds wherever the other does not.
_OPPOSITES = {
    "!=": "=",
    "not_in": "in",
    "not_contains": "contains",
    "not_set": "set",
    "not_within_last": "within_last",
    "none_of": "any_of",
}
_COMPARISONS = frozenset({"=", "<", "<=", ">", ">="})

# The shape of all below: the column, the operator, the value, the scope.
Comparing = Callable[[str, str, Any, Scope], Leaf]


def text(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """`contains`, `begins_with` and `ends_with` ignore case; the others do not."""
    if operator in _OPPOSITES:
        return _opposite(text(column, _OPPOSITES[operator], value, scope))
    match operator:
        case "set":
            return Leaf(f"{column} IS NOT NULL")
        case "=":
            return Leaf(f"{column} = {scope.value(value, 'text')}")
        case "in":
            return Leaf(f"{column} = ANY ({scope.value(value, 'text[]')})")
        case "contains":
            return Leaf(f"position(lower({scope.value(value, 'text')}) IN lower({column})) > 0")
        case "begins_with":
            return Leaf(f"starts_with(lower({column}), lower({scope.value(value, 'text')}))")
        case _:
            ending = scope.value(value, "text")
            return Leaf(f"right(lower({column}), length(lower({ending}))) = lower({ending})")


def number(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """Exact: a number is compared as it was written."""
    if operator in _OPPOSITES:
        return _opposite(number(column, _OPPOSITES[operator], value, scope))
    match operator:
        case "set":
            return Leaf(f"{column} IS NOT NULL")
        case "in":
            several = ", ".join(scope.value(one, "numeric") for one in value)
            return Leaf(f"{column} IN ({several})")
        case "between":
            low, high = (scope.value(one, "numeric") for one in value)
            return Leaf(f"{column} BETWEEN {low} AND {high}")
        case _:
            return Leaf(f"{column} {_checked(operator)} {scope.value(value, 'numeric')}")


def whole(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """Ids: whole numbers that are only equal or not."""
    if operator in _OPPOSITES:
        return _opposite(whole(column, _OPPOSITES[operator], value, scope))
    match operator:
        case "set":
            return Leaf(f"{column} IS NOT NULL")
        case "in":
            return Leaf(f"{column} = ANY ({scope.value(value, 'bigint[]')})")
        case _:
            return Leaf(f"{column} = {scope.value(value, 'bigint')}")


def flag(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """True, false, or not known, which is neither."""
    if operator in _OPPOSITES:
        return _opposite(flag(column, _OPPOSITES[operator], value, scope))
    if operator == "set":
        return Leaf(f"{column} IS NOT NULL")
    return Leaf(f"{column} = {scope.value(value, 'boolean')}")


def instant(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """An instant of the past; within a span until exactly that long has passed."""
    if operator in _OPPOSITES:
        return _opposite(instant(column, _OPPOSITES[operator], value, scope))
    match operator:
        case "before":
            return Leaf(f"{column} < {scope.value(value, 'timestamptz')}")
        case "after":
            return Leaf(f"{column} > {scope.value(value, 'timestamptz')}")
        case _:
            ends = f"{column} + {scope.value(value.length, 'interval')}"
            return Leaf(f"{ends} > {scope.at}", f"CASE WHEN {ends} > {scope.at} THEN {ends} END")


def day(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """A date, beside today in the workspace's time zone; it changes at that zone's midnights."""
    if operator in _OPPOSITES:
        return _opposite(day(column, _OPPOSITES[operator], value, scope))
    match operator:
        case "set":
            return Leaf(f"{column} IS NOT NULL")
        case "=":
            return Leaf(f"{column} = {scope.value(value, 'date')}")
        case "before":
            return Leaf(f"{column} < {scope.value(value, 'date')}")
        case "after":
            return Leaf(f"{column} > {scope.value(value, 'date')}")
        case "within_last":
            return _between_days(column, f"{column} + {scope.value(value, 'integer')}", scope)
        case "within_next":
            return _between_days(f"{column} - {scope.value(value, 'integer')}", column, scope)
        case _:
            coming = _anniversary(column, scope)
            return _between_days(f"{coming} - {scope.value(value, 'integer')}", coming, scope)


def elements(column: str, operator: str, value: Any, scope: Scope) -> Leaf:
    """A JSON list of texts."""
    if operator in _OPPOSITES:
        return _opposite(elements(column, _OPPOSITES[operator], value, scope))
    if operator == "set":
        return Leaf(f"{column} IS NOT NULL")
    asked = scope.value(value, "text[]")
    return Leaf(f"{column} {'?|' if operator == 'any_of' else '?&'} {asked}")


def compared(counted: Counted, operator: str, value: Any, scope: Scope, *, holds_at_zero: bool) -> Leaf:
    """A tally beside a number; nobody's tally is 0.

    Where 0 would not do, the bare column stands in the comparison: then the planner knows that only
    guests with a row can be meant, and joins the other way round. `!=` is not one of these: what is not
    there is not equal, either.
    """
    column = f"coalesce({counted.sum}, 0)" if holds_at_zero or operator == "!=" else counted.sum
    return Leaf(number(column, operator, value, scope).is_true, counted.next_at)


def happened(condition: OfCount, tally: Tally, happened_at: str, scope: Scope) -> Leaf:
    """Things that happened at instants, in the condition's window."""
    return of_tally(condition, in_window(condition, tally, happened_at, scope), scope)


def measured(condition: OfEventValues, tally: Tally, happened_at: str, scope: Scope) -> Leaf:
    """What a number comes to that things carried that happened, in the condition's window."""
    counted = scope.count(in_window(condition, tally, happened_at, scope))
    if condition.measure == "sum":
        return compared(counted, condition.operator, condition.value, scope, holds_at_zero=condition.is_negative)
    return Leaf(number(counted.sum, condition.operator, condition.value, scope).is_true, counted.next_at)


def in_window(condition: OfCount, tally: Tally, happened_at: str, scope: Scope) -> Tally:
    """The tally of what happened in the condition's window."""
    if condition.within is not UNSET:
        length = scope.value(condition.within.length, "interval")
        # An index knows the instant, not the sum: so the instant stands alone.
        begun = f"{happened_at} > {scope.at} - {length}"
        return _narrowed(tally, begun, next_at=f"{happened_at} + {length}")
    if condition.since is not UNSET:
        return _narrowed(tally, f"{happened_at} >= {scope.value(condition.since, 'timestamptz')}")
    return tally


def lasting(condition: OfCount, tally: Tally, begins_at: str, ends_at: str, scope: Scope) -> Leaf:
    """Things that last, now: begun, and not ended."""
    coming = f"CASE WHEN {begins_at} > {scope.at} THEN {begins_at} ELSE {ends_at} END"
    narrowed = _narrowed(tally, f"{ends_at} > {scope.at}", only=f"{begins_at} <= {scope.at}", next_at=coming)
    return of_tally(condition, narrowed, scope)


def upcoming(condition: OfCount, tally: Tally, begins_at: str, scope: Scope) -> Leaf:
    """Things that begin later, at most `within` from now."""
    only, coming = None, begins_at
    if condition.within is not UNSET:
        seen_at = f"{begins_at} - {scope.value(condition.within.length, 'interval')}"
        only = f"{seen_at} <= {scope.at}"
        coming = f"CASE WHEN {seen_at} > {scope.at} THEN {seen_at} ELSE {begins_at} END"
    return of_tally(condition, _narrowed(tally, f"{begins_at} > {scope.at}", only=only, next_at=coming), scope)


def over(condition: OfCount, tally: Tally, ends_at: str, scope: Scope) -> Leaf:
    """Things that lasted and have ended, in the condition's window."""
    only = f"{ends_at} <= {scope.at}"
    coming = f"CASE WHEN {ends_at} > {scope.at} THEN {ends_at} END"
    if condition.within is not UNSET:
        forgotten_at = f"{ends_at} + {scope.value(condition.within.length, 'interval')}"
        coming = f"CASE WHEN {ends_at} > {scope.at} THEN {ends_at} ELSE {forgotten_at} END"
        return of_tally(condition, _narrowed(tally, f"{forgotten_at} > {scope.at}", only=only, next_at=coming), scope)
    if condition.since is not UNSET:
        tally = _narrowed(tally, f"{ends_at} >= {scope.value(condition.since, 'timestamptz')}")
    return of_tally(condition, _narrowed(tally, None, only=only, next_at=coming), scope)


# What asks for no more than whether there is any.
_ANY = {(">=", 1): "", (">", 0): "", ("!=", 0): "", ("=", 0): "NOT ", ("<", 1): "NOT ", ("<=", 0): "NOT "}


def of_tally(condition: OfCount, tally: Tally, scope: Scope) -> Leaf:
    """As many as the condition asks for."""
    asked = None if isinstance(condition.value, list) else _ANY.get((condition.operator, condition.value))
    found = scope.find(tally) if asked is not None else None
    if found is not None:
        return Leaf(f"{asked}{found}")
    counted = scope.count(tally)
    return compared(counted, condition.operator, condition.value, scope, holds_at_zero=condition.is_negative)


def narrowed_by(
    filters: list[Filter], column_of: Callable[[Filter], tuple[str, Comparing]], scope: Scope
) -> tuple[str, ...]:
    """What filters say of one row."""
    found = []
    for one in filters:
        column, compare = column_of(one)
        found.append(f"({compare(column, one.operator, one.value, scope).is_true})")
    return tuple(found)


def _narrowed(tally: Tally, where: str | None, *, only: str | None = None, next_at: str | None = None) -> Tally:
    return Tally(
        tables=tally.tables,
        owner=tally.owner,
        where=(*tally.where, where) if where else tally.where,
        only=only,
        next_at=next_at,
        measure=tally.measure,
    )


def _opposite(leaf: Leaf) -> Leaf:
    return Leaf(f"({leaf.is_true}) IS NOT TRUE", leaf.next_at)


def _checked(operator: str) -> str:
    if operator not in _COMPARISONS:
        raise ValueError(f"{operator!r} compares nothing")
    return operator


def _today(scope: Scope) -> str:
    return f"({scope.at} AT TIME ZONE {scope.zone})::date"


def _midnight(day_: str, scope: Scope) -> str:
    return f"(({day_})::timestamp AT TIME ZONE {scope.zone})"


def _between_days(first: str, last: str, scope: Scope) -> Leaf:
    """Today is one of the days from `first` to `last`."""
    begins, ends = _midnight(first, scope), _midnight(f"{last} + 1", scope)
    coming = [f"CASE WHEN {edge} > {scope.at} THEN {edge} END" for edge in (begins, ends)]
    return Leaf(f"{_today(scope)} BETWEEN {first} AND {last}", earliest(list(coming)))


def _anniversary(column: str, scope: Scope) -> str:
    """The next day on which so many whole years have passed; of a 29 February, the 28th in other years."""
    today = _today(scope)
    years = f"(extract(year FROM {today}) - extract(year FROM {column}))::integer"
    this_year = f"({column} + make_interval(years => {years}))::date"
    next_year = f"({column} + make_interval(years => {years} + 1))::date"
    return f"(CASE WHEN {this_year} < {today} THEN {next_year} ELSE {this_year} END)"
