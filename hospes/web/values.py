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
                shown = given[0] if len(given) == 1 else given
                faults.append(Fault(error.kind, ("query", name), error.words, echo(shown)))
        sentence = ""
        if not faults:
            try:
                return msgspec.convert(values, self._type)
            except msgspec.ValidationError as error:
                sentence = str(error)
        faults += self._out_of_bounds(texts, values)
        faults += self._missing(texts, faults)
        raise Malformed(tuple(faults) or (worded(sentence, ("query",), None),))

    def _texts(self, query_string: bytes, faults: list[Fault]) -> dict[str, list[str]]:
        """What was given for the names we know; what is badly encoded goes to `faults`."""
        texts: dict[str, list[str]] = {}
        for name, text in _pairs(query_string, faults):
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

    def _out_of_bounds(self, texts: Mapping[str, list[str]], values: Mapping[str, Any]) -> Iterator[Fault]:
        """What msgspec says of each value by itself: of all together it would name the first alone."""
        for name, value in values.items():
            try:
                msgspec.convert(value, self._hints[name])
            except msgspec.ValidationError as error:
                said = parted(str(error))
                steps = [step for step in said.steps if step is not None]
                given: Any = texts[name] if name in self._repeatable else texts[name][0]
                for step in steps:
                    given = given[step]
                yield worded(said.sentence, ("query", name, *steps), given, inspect.type_info(self._type))

    def _missing(self, texts: Mapping[str, list[str]], faults: list[Fault]) -> list[Fault]:
        unreadable = {fault.loc[1] for fault in faults}
        absent = [name for name in self._hints if name in self._required and name not in texts]
        return [Fault("missing", ("query", name), "Field required") for name in absent if name not in unreadable]


class _Unreadable(Exception):
    def __init__(self, kind: str, words: str) -> None:
        self.kind = kind
        self.words = words
        super().__init__(words)


_MOST_FAULTS = 20
_SPECIAL = re.compile(rb"[%+\0\x80-\xff]")
_NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def _pairs(query_string: bytes, faults: list[Fault]) -> list[tuple[str, str]]:
    if not _SPECIAL.search(query_string):
        cut = [pair.partition("=") for pair in query_string.decode().split("&")]
        return [(name, text) for name, _, text in cut]
    pairs = []
    for pair in query_string.split(b"&"):
        name, _, text = pair.partition(b"=")
        try:
            pairs.append((_unescaped(name), _unescaped(text)))
        except _Unreadable as error:
            if len(faults) < _MOST_FAULTS:
                loc = ("query", short(name.decode(errors="replace")))
                faults.append(Fault(error.kind, loc, error.words, echo(text.decode(errors="replace"))))
    return pairs


def _unescaped(raw: bytes) -> str:
    """Percent-decoding as RFC 3986 2.1 and UTF-8 have it, plus signs for blanks as forms write them."""
    if _BROKEN_ESCAPE.search(raw):
        raise _Unreadable("value_error", "A percent sign is followed by two hexadecimal digits")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise _Unreadable("string_unicode", "Input should be valid UTF-8") from None
    if "\0" in text:
        raise _Unreadable("value_error", "NUL characters are not allowed")
    return text


def _integer(text: str) -> int:
    if text.isdigit() and text.isascii() and len(text) < 19:  # nearly all there are
        return int(text)
    if not _INTEGER.fullmatch(text):
        raise _Unreadable("int_parsing", _NO_INTEGER)
    # The length first: converting very long digits takes time, and Python refuses from 4300 on.
    if len(text) <= 20 and SMALLEST <= (number := int(text)) <= GREATEST:
        return number
    raise _Unreadable("int_parsing_size", "Input should be an integer of at most 64 bits")


def _boolean(text: str) -> bool:
    known = _BOOLEANS.get(text.lower())
    if known is None:
        raise _Unreadable("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    return known


def _instant(text: str) -> datetime:
    """An ISO 8601 instant with an offset, in UTC."""
    found = _INSTANT.fullmatch(text)
    if found:
        # In a query a plus sign means a blank: "…T12:00:00 00:00" was "+00:00".
        zone = "+00:00" if found[2] in "Zz" else found[2].replace(" ", "+")
        try:
            return datetime.fromisoformat(found[1] + zone).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    if _NAIVE.fullmatch(text):
        raise _Unreadable("timezone_aware", "Input should have timezone info")
    raise _Unreadable("datetime_parsing", "Input should be a valid datetime, such as 2026-06-20T12:00:00+00:00")


def _day(text: str) -> date:
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise _Unreadable("date_parsing", "Input should be a valid date in the format YYYY-MM-DD")


_READERS: dict[Any, Callable[[str], Any]] = {str: str, int: _integer, bool: _boolean, datetime: _instant, date: _day}


def _plain(hint: Any) -> Any:
    """`int` for `Annotated[int, …] | None`, `list[str]` for `list[str] | UnsetType`, and so on."""
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        options = [option for option in get_args(hint) if option not in {NoneType, msgspec.UnsetType}]
        return _plain(options[0]) if len(options) == 1 else hint
    return hint


def _reader(hint: Any) -> Callable[[str], Any]:
    plain = _plain(hint)
    if get_origin(plain) is list:
        plain = _plain(get_args(plain)[0])
    if get_origin(plain) is Literal and all(isinstance(value, str) for value in get_args(plain)):
        return str
    if isinstance(plain, type) and issubclass(plain, Enum) and all(isinstance(each.value, str) for each in plain):
        return str
    if plain not in _READERS:
        raise TypeError(f"{plain} cannot be read from a query")
    return _READERS[plain]
