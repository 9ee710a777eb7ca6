"""The rule language, version 1: conditions in groups, as query builders write them.

    {"version": 1, "combinator": "and", "rules": [
        {"field": "guest.vip", "operator": "=", "value": true},
        {"combinator": "or", "not": true, "rules": [...]}]}

Reading is strict: what is not understood is refused, with the place where it stands as a JSON path.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from hospes.base.errors import Invalid
from hospes.capabilities.segments.conditions import (
    Condition,
    OfAttribute,
    OfCount,
    OfEvents,
    OfIdSet,
    OfPresent,
    OfStaysAhead,
    OfUpcoming,
    operators_of,
)
from hospes.capabilities.segments.fields import FIELDS, STRUCTS, field_of

VERSION = 1
MOST_LEVELS = 10
MOST_CONDITIONS = 100

_GROUP_NAMES = frozenset({"combinator", "rules", "not"})


class Placed(msgspec.Struct, frozen=True):
    """A condition, and where it stands (`$.rules[0]`)."""

    path: str
    condition: Condition


class Group(msgspec.Struct, frozen=True):
    """Conditions and groups of which all hold, or any; or, negated, not."""

    path: str
    combinator: Literal["and", "or"]
    rules: tuple["Placed | Group", ...]
    is_negated: bool = False


def parse(document: Any) -> Group:
    """Rules from decoded JSON. Raises Invalid; `field` is the JSON path of what is wrong."""
    if not isinstance(document, dict):
        raise _wrong("$", "Rules are an object with combinator and rules")
    version = document.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise _wrong("$.version", f"This server reads version {VERSION} of the rule language")
    root = _group({name: value for name, value in document.items() if name != "version"}, "$", 1)
    found = list(conditions_of(root))
    if len(found) > MOST_CONDITIONS:
        raise _wrong(found[MOST_CONDITIONS].path, f"A segment has at most {MOST_CONDITIONS} conditions")
    _check_bounded(root)
    return root


def conditions_of(node: Placed | Group) -> Iterator[Placed]:
    """Every condition, in the order in which they are written."""
    if isinstance(node, Placed):
        yield node
        return
    for rule in node.rules:
        yield from conditions_of(rule)


def segments_in(node: Placed | Group) -> set[int]:
    """The other segments that rules look at."""
    asked = (one.condition for one in conditions_of(node))
    return {
        segment_id
        for condition in asked
        if isinstance(condition, OfIdSet) and field_of(condition).name == "segment"
        for segment_id in condition.value
    }


def topics_of(node: Placed | Group) -> frozenset[str]:
    """Beginnings of the types of events after which a guest may have come in or left."""
    conditions = [one.condition for one in conditions_of(node)]
    return frozenset(topic for one in conditions for topic in one.heard(field_of(one).topics))


def check_attributes(node: Placed | Group, known: Mapping[str, str]) -> None:
    """Raises Invalid for an attribute that is used as what it is not; `known` are types by attribute."""
    for one in conditions_of(node):
        if isinstance(one.condition, OfAttribute):
            type_ = known.get(one.condition.name)
            fitting = {"date": "text"}.get(one.condition.read_as, one.condition.read_as)
            if type_ == "object":
                raise _wrong(f"{one.path}.name", f"Attribute {one.condition.name} holds objects, which cannot be used")
            if type_ is not None and type_ != fitting and one.condition.operator not in Condition.BARE:
                raise _wrong(f"{one.path}.name", f"Attribute {one.condition.name} holds a {type_}, not a {fitting}")


def _group(node: dict[str, Any], path: str, level: int) -> Group:
    if level > MOST_LEVELS:
        raise _wrong(path, f"Groups nest at most {MOST_LEVELS} levels deep")
    for name in node:
        if name not in _GROUP_NAMES:
            raise _wrong(f"{path}.{name[:64]}", "A group has combinator, rules and not, and nothing else")
    combinator, rules, is_negated = node.get("combinator"), node.get("rules"), node.get("not", False)
    if combinator not in ("and", "or"):
        raise _wrong(f"{path}.combinator", "A group's combinator is 'and' or 'or'")
    if not isinstance(is_negated, bool):
        raise _wrong(f"{path}.not", "A group's not is true or false")
    if not isinstance(rules, list) or not rules:
        raise _wrong(f"{path}.rules", "A group has at least one rule; for every guest, use the field 'everyone'")
    if len(rules) > MOST_CONDITIONS:
        raise _wrong(f"{path}.rules", f"A segment has at most {MOST_CONDITIONS} conditions")
    read = tuple(_rule(rule, f"{path}.rules[{place}]", level) for place, rule in enumerate(rules))
    return Group(path, combinator, read, is_negated)


def _rule(node: Any, path: str, level: int) -> Placed | Group:
    if not isinstance(node, dict):
        raise _wrong(path, "A rule is an object: a condition with field, or a group with combinator and rules")
    if "field" not in node and (node.keys() & _GROUP_NAMES):
        return _group(node, path, level + 1)
    return Placed(path, _condition(node, path))


def _condition(node: dict[str, Any], path: str) -> Condition:
    name = node.get("field")
    if not isinstance(name, str) or name not in FIELDS:
        shown = f" {name[:64]!r}" if isinstance(name, str) else ""
        raise _wrong(f"{path}.field", f"Unknown field{shown}")
    known = operators_of(FIELDS[name].kind)
    operator = node.get("operator", "=" if "=" in known and len(known) == 1 else None)
    if operator not in known:
        raise _wrong(f"{path}.operator", f"Field {name!r} has the operators {', '.join(known)}")
    try:
        if b"\\u0000" in msgspec.json.encode(node):
            raise _wrong(path, "NUL characters are not allowed")
        condition: Condition = msgspec.convert(node, STRUCTS[name])
    except (msgspec.ValidationError, RecursionError, UnicodeEncodeError) as error:
        sentence, _, place = str(error).partition(" - at `")
        raise _wrong(path + place.rstrip("`").removeprefix("$"), sentence) from None
    _check_filters(condition, path)
    return condition


def _check_filters(condition: Condition, path: str) -> None:
    if not isinstance(condition, OfCount) or isinstance(condition, OfEvents):
        return
    columns = field_of(condition).filters
    for place, one in enumerate(condition.where):
        here = f"{path}.where[{place}]"
        if one.field not in columns:
            known = ", ".join(columns) or "nothing"
            raise _wrong(f"{here}.field", f"This field is narrowed by {known}")
        type_ = columns[one.field][1]
        wanted = "number" if type_ == "id" else type_
        if one.operator not in Condition.BARE and one.read_as != wanted:
            raise _wrong(f"{here}.value", f"{one.field} is a {wanted}")
        if type_ == "id" and not _are_ids(one.value):
            raise _wrong(f"{here}.value", f"{one.field} is an id, a whole number from 1 on")
        if type_ == "id" and one.operator not in ("=", "!=", "in", "not_in", "set", "not_set"):
            raise _wrong(f"{here}.operator", f"{one.field} is an id: it has =, !=, in, not_in, set and not_set")


def _are_ids(value: Any) -> bool:
    several = value if isinstance(value, list) else [] if value is msgspec.UNSET else [value]
    return all(type(one) is int and one >= 1 for one in several)


def _check_bounded(root: Group) -> None:
    """Refuse what holds for nearly everybody and can only be found by looking at all that ever happened."""
    if _is_bounded(root, is_negated=False):
        return
    culprit = next(one for one in conditions_of(root) if _is_unwindowed(one.condition))
    raise _wrong(
        culprit.path,
        "This would look at everything that ever happened to everybody. Give it a window (within or since), "
        "or add a condition on the field 'everyone' if that is what you want",
    )


def _is_bounded(node: Placed | Group, *, is_negated: bool) -> bool:
    if isinstance(node, Placed):
        return not _scans(node.condition, is_negated=is_negated)
    turned = is_negated != node.is_negated
    inner = [_is_bounded(rule, is_negated=turned) for rule in node.rules]
    # Turned round, all becomes any.
    return any(inner) if (node.combinator == "and") != turned else all(inner)


def _scans(condition: Condition, *, is_negated: bool) -> bool:
    return _is_unwindowed(condition) and condition.is_negative != is_negated


def _is_unwindowed(condition: Condition) -> bool:
    """Whether it counts all that ever happened. What is so now, or ahead, is little."""
    return (
        isinstance(condition, OfCount)
        and not isinstance(condition, OfPresent | OfUpcoming | OfStaysAhead)
        and condition.within is msgspec.UNSET
        and condition.since is msgspec.UNSET
    )


def _wrong(path: str, sentence: str) -> Invalid:
    return Invalid(f"{sentence.rstrip('.')} (at {path}).", field=path)
