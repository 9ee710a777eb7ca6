"""Custom attributes: bounded, and of the type they first had."""

import re
from typing import Any

import msgspec

from hospes.base.errors import Invalid

MOST = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_FREE_NAME = 49
_LONGEST_TEXT = 1000
_LONGEST_JSON = 10_000
_GREATEST = 2**53


def checked_attributes(
    given: dict[str, Any], *, before: dict[str, Any] | None = None, is_rich: bool = False
) -> dict[str, Any]:
    """The attributes as they may be stored: text to 1,000 characters, numbers to 2^53, true, false; or None.

    Where they may be rich, also lists and objects, to 10,000 characters of JSON, under any name of at
    most 49 printable characters.

    Raises Invalid naming the attribute: for a bad name, another type of value, more than 200, or a
    value of another type than the attribute has in `before`.
    """
    few_enough(given)
    for name, value in given.items():
        _check_name(name, is_rich=is_rich)
        if value is None:
            continue
        if not (_is_plain(value) or (is_rich and _is_nested(value))):
            raise Invalid(
                f"Attribute {name} must be a text of at most {_LONGEST_TEXT} characters, a number, true or false.",
                field=f"attributes.{name}",
            )
        old = before.get(name) if before else None
        if old is not None and kind(old) != kind(value):
            raise Invalid(f"Attribute {name} was a {kind(old)} first; its type stays.", field=f"attributes.{name}")
    return given


def few_enough(given: dict[str, Any]) -> dict[str, Any]:
    """Raises Invalid for more than 200."""
    if len(given) > MOST:
        raise Invalid(f"A guest has at most {MOST} attributes.", field="attributes")
    return given


_KINDS = {bool: "boolean", int: "number", float: "number", str: "text", list: "list"}


def kind(value: Any) -> str:
    """The type of an attribute's value, in a word."""
    return _KINDS.get(type(value), "object")


def _check_name(name: str, *, is_rich: bool) -> None:
    if is_rich:
        if not (1 <= len(name) <= _FREE_NAME and name.isprintable()):
            raise Invalid(f"An attribute's name has 1 to {_FREE_NAME} printable characters.", field="attributes")
    elif not _NAME.fullmatch(name):
        raise Invalid(
            "An attribute's name starts with a letter and has at most 64 letters, digits, '_', '.' or '-'.",
            field="attributes",
        )


def _is_plain(value: Any) -> bool:
    type_ = type(value)
    if type_ is str:
        return len(value) <= _LONGEST_TEXT
    return type_ is bool or (type_ in (int, float) and -_GREATEST <= value <= _GREATEST)


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict) and len(msgspec.json.encode(value)) <= _LONGEST_JSON
