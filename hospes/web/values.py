"""The one strict converter for what stands in a path or a query (case S4).

Python's own conversions take `١٢`, `1_000`, ` 5` and `+5` for integers, and `%ff` for a question
mark. Nothing of that passes here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import inspect

from hospes.web.faults import GREATEST, SMALLEST, Fault, Malformed, echo, parted, short, worded

T = TypeVar("T", bound=msgspec.Struct)

_ID = re.compile(r"[1-9][0-9]{0,18}")
_DIGITS = re.compile(r"[1-9][0-9]*")
_BELOW_ONE = re.compile(r"0|-[0-9]+")
_INTEGER = re.compile(r"-?[0-9]+")
_CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_NAIVE = re.compile(_CLOCK, re.IGNORECASE)
_INSTANT = re.compile(rf"({_CLOCK})(Z|[+ -][0-9]{{2}}:[0-9]{{2}})", re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def identifier(text: str, name: str) -> int:
    """The id in a path: ASCII digits without a leading zero, 1 to 2^63-1.

    Raises Malformed, its fault at `("path", name)`.
    """
    if _ID.fullmatch(text) and (number := int(text)) <= GREATEST:
        return number
    loc = ("path", name)
    if _DIGITS.fullmatch(text):
        raise Malformed((worded(f"Expected `int` <= {GREATEST}", loc, text),))
    if _BELOW_ONE.fullmatch(text):
        raise Malformed((worded("Expected `int` >= 1", loc, text),))
    raise Malformed((Fault("int_parsing", loc, _NO_INTEGER, echo(text)),))


class QueryDecoder(Generic[T]):
    """Reads query strings into structs of one type. Raises Malformed with every fault, and nothing else.

    Fields are text, integers, booleans, instants, days, enumerations, or lists of these; a list
    takes a name given several times, which is a fault for all others. Names that the struct lacks
    are passed over, but have to be as well encoded as the rest.
    """

    def __init__(self, type_: type[T]) -> None:
        """Raises TypeError when a field's type cannot be read from text."""
        self._type = type_
        hints = get_type_hints(type_, include_extras=True)
        fields = msgspec.structs.fields(type_)
        self._hints = {field.encode_name: hints[field.name] for field in fields}
        self._required = {field.encode_name for field in fields if field.required}
        self._repeatable = {name for name, hint in self._hints.items() if get_origin(_plain(hint)) is list}
        self._readers = {name: _reader(hint) for name, hint in self._hints.items()}
        # One instance answers every empty query, unless a caller could change it.
        is_shareable = type_.__struct_config__.frozen and not self._repeatable and not self._required
        self._default = type_() if is_shareable else None

    def __call__(self, query_string: bytes) -> T:
        if not query_string and self._default is not None:
            return self._default
        faults: list[Fault] = []
        texts = self._texts(query_string, faults)
        values: dict[str, Any] = {}
        for name, given in texts.items():
            try:
                values[name] = self._value(name, given)
            except _Unreadable as error:
                faults.append(Fault(error.kind, ("query", name), error.words, echo(given[0] if len(given) == 1 else given)))
        if not faults:
            try:
                return msgspec.convert(values, self._type)
            except msgspec.ValidationError as error:
                faults = [worded(str(error), ("query",), None)]
        raise Malformed(tuple(self._all_faults(texts, values, faults)))

    def _texts(self, query_string: bytes, faults: list[Fault]) -> dict[str, list[str]]:
        """What was given for the names we know; what cannot be read goes to `faults`."""
        texts: dict[str, list[str]] = {}
        is_plain = query_string.isascii() and not any(sign in query_string for sign in (b"%", b"+", b"\0"))
        for pair in query_string.split(b"&"):
            raw_name, _, raw_text = pair.partition(b"=")
            if is_plain:
                name, text = raw_name.decode(), raw_text.decode()
            else:
                try:
                    name, text = _unescaped(raw_name), _unescaped(raw_text)
                except _Unreadable as error:
                    shown = raw_name.decode(errors="replace")
                    given = echo(raw_text.decode(errors="replace"))
                    faults.append(Fault(error.kind, ("query", short(shown)), error.words, given))
                    continue
            if name in self._readers:
                texts.setdefault(name, []).append(text)
        return texts

    def _value(self, name: str, given: list[str]) -> Any:
        reader = self._readers[name]
        if name in self._repeatable:
            return [reader(text) for text in given]
        if len(given) > 1:
            raise _Unreadable("value_error", "This parameter may be given once")
        return reader(given[0])

    def _all_faults(
        self, texts: Mapping[str, list[str]], values: Mapping[str, Any], faults: list[Fault]
    ) -> Iterator[Fault]:
        """`faults`, and what else is wrong: msgspec stops at the first value out of bounds."""
        root = inspect.type_info(self._type)
        seen = {fault.loc[1] for fault in faults if len(fault.loc) > 1}
        yield from (fault for fault in faults if )
        for name, hint in self._hints.items():
            ...
