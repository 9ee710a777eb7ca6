"""Custom attributes: flat, bounded, and of the type they first had."""

import re
from typing import Any

from hospes.base.errors import Invalid

MOST = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_LONGEST_TEXT = 1000
_GREATEST = 2**53


def checked_attributes(given: dict[str, Any], *, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """The attributes as they may be stored: text to 1,000 characters, numbers to 2^53, true, false; or None.

    Raises Invalid naming the attribute: for a bad name, another type of value, more than 200, or a
    value of another type than the attribute has in `before`.
    """
    if len(given) > MOST:
        raise Invalid(f"A guest has at most {MOST} attributes.", field="attributes")
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise Invalid(
                "An attribute's name starts with a letter and has at most 64 letters, digits, '_', '.' or '-'.",
                field="attributes",
            )
        if value is not None and not _is_plain(value):
            raise Invalid(
                f"Attribute {name} must be a text of at most {_LONGEST_TEXT} characters, a number, true or false.",
                field=f"attributes.{name}",
            )
        old = (before or {}).get(name)
        if value is not None and old is not None and _kind(old) is not _kind(value):
            raise Invalid(
                f"Attribute {name} was a {_kind(old).__name__} first; its type stays.", field=f"attributes.{name}"
            )
    return given


def _is_plain(value: Any) -> bool:
    match value:
        case bool():
            return True
        case int() | float():
            return -_GREATEST <= value <= _GREATEST
        case str():
            return len(value) <= _LONGEST_TEXT
        case _:
            return False


def _kind(value: Any) -> type:
    return bool if isinstance(value, bool) else float if isinstance(value, int | float) else str
