"""Texts with places in them: `@{attribute}@` as the contract has it, and Liquid.

`@{first_name}@` is the guest's value, or nothing; `@{first_name|there}@` is `there` for a guest
without one. Values are put in as they are, never read as templates, and escaped in HTML.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from hospes.capabilities.messaging import rendering

_PLACE = re.compile(r"@\{([^{}@|]{1,64})(?:\|([^{}@]{0,200}))?\}@")
_LIQUID = ("{{", "{%")


class Text:
    """One text of a campaign, made ready once and filled for every guest."""

    __slots__ = ("_field", "_is_html", "_liquid", "_parts", "_places")

    def __init__(self, source: str, *, is_html: bool = False, field: str = "text") -> None:
        found = list(_PLACE.finditer(source))
        self._field, self._is_html = field, is_html
        self._places = [(one[1].strip(), one[2] or "") for one in found]
        ends = [0, *(one.end() for one in found)]
        starts = [*(one.start() for one in found), len(source)]
        self._parts = [source[start:end] for start, end in zip(ends, starts, strict=True)]
        self._liquid: str | None = None
        if any(sign in part for part in self._parts for sign in _LIQUID):
            # A place becomes a variable of Liquid's, so that what it holds is not read again.
            numbered = (f"{{{{ places[{number}] }}}}" for number in range(len(found)))
            self._liquid = "".join(part + next(numbered, "") for part in self._parts)

    def check(self) -> None:
        """Raises Invalid for a text that could never be filled."""
        if self._liquid is not None:
            rendering.check(self._liquid, field=self._field)

    def filled(self, values: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
        """`values` are for `@{…}@`, `facts` for Liquid. Raises Invalid when Liquid runs past a bound."""
        put = [_written(values.get(name)) or fallback for name, fallback in self._places]
        if self._liquid is not None:
            return rendering.render(self._liquid, {**facts, "places": put}, is_html=self._is_html, field=self._field)
        words = iter([escape(word) for word in put] if self._is_html else put)
        return "".join(part + next(words, "") for part in self._parts)


def _written(value: Any) -> str:
    """A value as a person would write it."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_written(one) for one in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
