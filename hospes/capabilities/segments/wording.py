"""Rules as a person reads them: an outline, a line for each condition."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from hospes.capabilities.segments.conditions import Condition, Filter, OfCount, OfEventValues, OfStaysAhead, Span
from hospes.capabilities.segments.fields import field_of
from hospes.capabilities.segments.rules import Group, Placed


class Line(msgspec.Struct, frozen=True):
    """A condition, with its path, or what a group asks of those under it."""

    level: int
    text: str
    path: str | None = None


def outline(node: Placed | Group, *, level: int = 0) -> Iterator[Line]:
    """The lines of rules, in the order in which they are written."""
    if isinstance(node, Placed):
        yield Line(level, worded(node.condition), node.path)
        return
    wanted = "all of" if node.combinator == "and" else "any of"
    yield Line(level, f"{'not ' if node.is_negated else ''}{wanted}")
    for rule in node.rules:
        yield from outline(rule, level=level + 1)


def worded(condition: Condition) -> str:
    """One condition: `event order >= 3 within 30 days, where amount > 20`."""
    words = [field_of(condition).name, getattr(condition, "name", "")]
    if isinstance(condition, OfEventValues):
        words.append(f"{condition.measure} of {condition.attribute}")
    words += [condition.operator, _value(getattr(condition, "value", UNSET))]
    if isinstance(condition, OfStaysAhead):
        first, last = condition.days
        words.append(f"in {first} days" if first == last else f"in {first} to {last} days")
    where = ""
    if isinstance(condition, OfCount):
        windows = {"within": condition.within, "since": condition.since}
        words += [f"{name} {_value(window)}" for name, window in windows.items() if window is not UNSET]
        where = " and ".join(_filter(one) for one in condition.where)
    return " ".join(word for word in words if word) + (f", where {where}" if where else "")


def _filter(one: Filter) -> str:
    return " ".join(word for word in (one.field, one.operator, _value(one.value)) if word)


def _value(value: Any) -> str:
    if value is UNSET:
        return ""
    if isinstance(value, Span):
        spans = ((value.days, "days"), (value.hours, "hours"), (value.minutes, "minutes"))
        return " ".join(f"{count} {unit[:-1] if count == 1 else unit}" for count, unit in spans if count)
    if isinstance(value, datetime):
        return value.isoformat()
    return msgspec.json.encode(value).decode()
