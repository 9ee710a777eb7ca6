"""Instants and decimals that mean exactly one thing.

msgspec takes an instant without an offset, or one that no UTC instant answers to, and hands every
string to `Decimal`, which takes `NaN`, `1_000`, blanks and Arabic digits (cases S5, A30, A31).
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import inspect

from hospes.web.faults import Fault, Loc, Malformed, echo, short, worded

_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


def needs_exactness(root: inspect.Type) -> bool:
    """Whether a value of this type can hold an instant or a decimal."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, inspect.DateTimeType | inspect.DecimalType):
            return True
        if id(node) not in seen:  # a type may hold itself
            seen.add(id(node))
            waiting += _parts(node)
    return False


def _parts(node: inspect.Type) -> list[inspect.Type]:
    match node:
        case inspect.StructType():
            return [field.type for field in node.fields]
        case inspect.DictType():
            return [node.key_type, node.value_type]
        case inspect.UnionType():
            return list(node.types)
        case inspect.TupleType():
            return list(node.item_types)
        case inspect.CollectionType():
            return [node.item_type]
        case inspect.Metadata():
            return [node.type]
        case _:
            return []


def check_exact(value: Any, document: Any) -> None:
    """Refuse inexact instants and decimals in `value`, which was decoded from `document`. Raises Malformed."""
    waiting: list[tuple[Loc, Any, Any]] = [(("body",), value, document)]
    while waiting:
        loc, value, given = waiting.pop()
        if isinstance(value, datetime):
            _check_instant(loc, value, given)
        elif isinstance(value, Decimal):
            _check_decimal(loc, value, given)
        else:
            waiting += _members(loc, value, given)


def _members(loc: Loc, value: Any, given: Any) -> list[tuple[Loc, Any, Any]]:
    if isinstance(value, msgspec.Struct) and isinstance(given, dict):
        fields = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        return [((*loc, name), getattr(value, field), given[name]) for field, name in fields if name in given]
    if isinstance(value, dict) and isinstance(given, dict):
        pairs = zip(value.values(), given.items(), strict=False)
        return [((*loc, short(name)), member, original) for member, (name, original) in pairs]
    if isinstance(value, list | tuple) and isinstance(given, list):
        return [((*loc, place), *pair) for place, pair in enumerate(zip(value, given, strict=False))]
    if isinstance(value, set | frozenset):  # the order is lost, and with it what was given
        return [(loc, element, element) for element in value]
    return []


def _check_instant(loc: Loc, value: datetime, given: Any) -> None:
    if value.tzinfo is None:
        raise Malformed((worded("Expected `datetime` with a timezone component", loc, given),))
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise Malformed((worded("Invalid RFC3339 encoded datetime", loc, given),)) from None


def _check_decimal(loc: Loc, value: Decimal, given: Any) -> None:
    text = given if isinstance(given, str) else f"{value:f}"
    if not _PLAIN_DECIMAL.fullmatch(text):
        shown = str(given) if isinstance(given, Decimal) else given
        raise Malformed((Fault("decimal_parsing", loc, "Input should be a valid decimal", echo(shown)),))
