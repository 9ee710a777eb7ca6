"""The one strict converter for what stands in a path or a query (case S4)."""

import re
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

import msgspec

from hospes.web.faults import Fault, Malformed, worded

T = TypeVar("T", bound=msgspec.Struct)

_GREATEST = 2**63 - 1
_ID = re.compile(r"[1-9][0-9]{0,18}")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|[+ -]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def identifier(text: str, name: str) -> int:
    """An id of ASCII digits, 1 to 2^63-1. Raises Malformed."""
    if _ID.fullmatch(text) and (number := int(text)) <= _GREATEST:
        return number
    raise Malformed((Fault("int_parsing", ("path", name), "Input should be a valid integer", text[:100]),))


class QueryDecoder(Generic[T]):
    """Reads a query into a struct; names that the struct lacks are passed over. Raises Malformed.

    A name given twice is a fault, unless its type is a list.
    """

    def __init__(self, type_: type[T]) -> None:
        self._type = type_
        hints = get_type_hints(type_)
        self._readers = {name: _reader(hints[name]) for name in type_.__struct_fields__}
        self._repeatable = {name for name in hints if _plain(hints[name]) is list}

    def __call__(self, query_string: bytes) -> T:
        texts = self._texts(query_string)
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        for name, given in texts.items():
            if len(given) > 1 and name not in self._repeatable:
                faults.append(Fault("value_error", ("query", name), "This parameter was given twice", given[0][:100]))
                continue
            try:
                read = [self._readers[name](text) for text in given]
            except _Unreadable as error:
                faults.append(Fault(error.kind, ("query", name), error.words, given[0][:100]))
                continue
            values[name] = read if name in self._repeatable else read[0]
        if not faults:
            try:
                return msgspec.convert(values, self._type, strict=True)
            except msgspec.ValidationError as error:
                faults.append(_bound_fault(str(error), texts))
        raise Malformed(tuple(faults))

    def _texts(self, query_string: bytes) -> dict[str, list[str]]:
        texts: dict[str, list[str]] = {}
        if not query_string:
            return texts
        if _BAD_ESCAPE.search(query_string):
            raise Malformed((Fault("value_error", ("query",), "The query has a broken % escape"),))
        for part in query_string.split(b"&"):
            name, _, value = part.partition(b"=")
            try:
                key, text = (unquote_to_bytes(piece.replace(b"+", b" ")).decode() for piece in (name, value))
            except UnicodeDecodeError:
                raise Malformed((Fault("value_error", ("query",), "The query is not valid UTF-8"),)) from None
            if "\x00" in text:
                raise Malformed((Fault("value_error", ("query", key), "The character NUL is not allowed"),))
            if key in self._readers:
                texts.setdefault(key, []).append(text)
        return texts


class _Unreadable(Exception):
    def __init__(self, kind: str, words: str) -> None:
        self.kind = kind
        self.words = words
        super().__init__(words)


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) and -_GREATEST - 1 <= (number := int(text)) <= _GREATEST:
        return number
    raise _Unreadable("int_parsing", "Input should be a valid integer, unable to parse string as an integer")


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if known is None:
        raise _Unreadable("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    return known


def instant(text: str) -> datetime:
    """An ISO 8601 instant with an offset, in UTC."""
    found = _INSTANT.fullmatch(text)
    if found:
        # In a query a plus sign means a blank: "…T12:00:00 00:00" was "+00:00".
        zone = "+00:00" if found[2].upper() == "Z" else found[2].replace(" ", "+")
        try:
            return datetime.fromisoformat(found[1] + zone).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _Unreadable(
        "datetime_parsing", "Input should be an instant with an offset, such as 2026-06-20T12:00:00+00:00"
    )


_READERS: dict[Any, Any] = {int: _integer, bool: _boolean, datetime: instant, str: str}


def _plain(hint: Any) -> Any:
    """Int for `Annotated[int, …] | None`, list for `list[str] | None`, and so on."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _plain(next(option for option in get_args(hint) if option is not type(None)))
    if origin is not None and hasattr(hint, "__metadata__"):
        return _plain(get_args(hint)[0])
    return origin or hint


def _reader(hint: Any) -> Any:
    plain = _plain(hint)
    return str if plain is list or plain not in _READERS else _READERS[plain]


def _bound_fault(message: str, texts: dict[str, list[str]]) -> Fault:
    sentence, _, path = message.partition(" - at `$.")
    name = re.split(r"[`\[.]", path)[0]
    return worded(sentence, ("query", name), texts.get(name, [""])[0])
