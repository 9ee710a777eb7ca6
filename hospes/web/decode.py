"""The one place that decodes JSON: into a struct, or into faults that say what is wrong where.

msgspec is strict about types, but lets pass what PostgreSQL or the next reader will choke on, does
not look inside members it skips, and raises foreign exceptions for hostile input (cases S2, S5,
A20, A28 to A31). This module closes the gap.

What is accepted can be decoded once more, as `Any`, without an error: a door that fingerprints a
body relies on it.
"""

import re
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from hospes.web.exactness import check_exact, needs_exactness
from hospes.web.faults import GREATEST, SMALLEST, Fault, Loc, Malformed, echo, parted, short, worded

__all__ = ["BodyDecoder", "Fault", "Malformed"]

T = TypeVar("T")

_decode_any = msgspec.json.Decoder().decode

# Digits become zeros and every opening bracket the same, so that one look finds a long run of
# digits, and one count bounds the depth.
_MARKS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256)).replace(b"{", b"[")
_LONG_NUMBER = b"0" * 19  # 2^63 has 19 digits

# Possessive, and content with a missing last quote: linear whatever the body holds.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRUCTURE = re.compile(_STRING + rb"|[\[\]{},]", re.DOTALL)
# Longer ones are looked at from the beginning, as far as they are let.
_PLAIN_BYTES = 256 * 1024
_ONE_STRING = re.compile(_STRING, re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NO_BRACKETS_OR_QUOTES = _NO_BRACKETS.replace(b'"', b"")
_NAMES = re.compile(rb"(" + _STRING + rb")(\s*+:)?|[{}]", re.DOTALL)

_NOT_JSON = re.compile(r"JSON is malformed: (.+) \(byte (\d+)\)")


class BodyDecoder(Generic[T]):
    """Decodes JSON bodies of one type. Raises Malformed, and nothing else.

    A body has at most `max_depth` containers inside one another (itself included), and at most
    `max_members` members and elements in all, an empty container counting as one. Members that the
    type lacks are passed over, but have to be as well-formed as the rest. Everywhere, integers fit
    64 bits, strings hold no NUL, and an object has each name once; instants carry an offset, and
    decimals are plain digits.
    """

    def __init__(self, type_: type[T], *, max_depth: int = 64, max_members: int = 1000) -> None:
        self._decode = msgspec.json.Decoder(type_).decode
        self._type = inspect.type_info(type_)
        self._is_exact = needs_exactness(self._type)
        self._max_depth = max_depth
        self._max_members = max_members

    def __call__(self, raw: bytes) -> T:
        marks = raw.translate(_MARKS)
        openings = marks.count(b"[")
        # Every member but a container's first comes after a comma, and takes two bytes.
        is_suspect = openings > self._max_depth or (
            len(raw) > self._max_members and openings + raw.count(b",") > self._max_members
        )
        if is_suspect and not (len(raw) <= _PLAIN_BYTES and self._is_plainly_small(raw)):
            self._check_size(raw)
        document = None
        try:
            # As `Any` first: this looks into every member, and stops at the first byte that is not JSON.
            document = _decode_any(raw)
            value = self._decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed((self._fault(error, raw, document),)) from None
        has_escapes = b"\\" in raw
        if _LONG_NUMBER in marks or (has_escapes and b"\\u0000" in raw):
            _check_scalars(document)
        colons = raw.count(b":")
        if colons > 1 and not (type(document) is dict and len(document) == colons):
            _check_names(raw, document, colons, has_escapes=has_escapes)
        if self._is_exact:
            check_exact(value, document)
        return value

    def _is_plainly_small(self, raw: bytes) -> bool:
        """Whether a body with many containers is neither deep nor large, told without looking at each of them."""
        # Two quotes side by side are a string without brackets; with none left over, all were such.
        brackets = raw.translate(_BRACKETS, _NO_BRACKETS_OR_QUOTES).replace(b'""', b"")
        commas = raw.count(b",")
        if b'"' in brackets or b"\\" in raw or brackets.count(b"[") + commas > self._max_members:
            bare = _ONE_STRING.sub(b"", raw)
            brackets = bare.translate(_BRACKETS, _NO_BRACKETS)
            commas = bare.count(b",")
        if brackets.count(b"[") + commas > self._max_members:
            return False
        for _ in range(self._max_depth):
            inner = brackets.replace(b"[]", b"")
            if not inner:
                return True
            if len(inner) == len(brackets):
                return False
            brackets = inner
        return False

    def _check_size(self, raw: bytes) -> None:
        """Before anything is decoded, refuse what is too deep or too large, having read no further than that.

        What cannot be JSON ends the check: decoding it stops there too, and says why.
        """
        depth = members = strings = 0
        for found in _STRUCTURE.finditer(raw):
            mark = raw[found.start()]
            if mark == _QUOTE:
                strings += 1
                if strings > 2 * self._max_members + 1:
                    return
                continue
            if mark in _CLOSING:
                depth -= 1
                if depth < 1:
                    return
                continue
            members += 1
            depth += mark != _COMMA
            if depth > self._max_depth:
                raise Malformed((_too_deep(found.start(), self._max_depth),))
            if members > self._max_members:
                words = f"Body should have at most {self._max_members} members and elements"
                raise Malformed((Fault("too_long", ("body",), words, None, {"max_length": self._max_members}),))

    def _fault(self, error: Exception, raw: bytes, document: Any) -> Fault:
        if isinstance(error, RecursionError):
            return _too_deep(0, self._max_depth)
        if not isinstance(error, msgspec.ValidationError):
            return _not_json(error, raw)
        if document is None:  # a number that no type can hold: the typed decoder knows the names on the way
            error = self._objection(raw) or error
        said = parted(str(error))
        names = self._named([*said.steps, None] if said.is_about_a_name else said.steps, document, str(error))
        loc = ("body", *map(short, names))
        if said.is_about_a_name:  # pydantic ends its place so
            return worded(said.sentence, (*loc, "[key]"), names[-1] if names else None)
        return worded(said.sentence, loc, _at(document, names), self._type)

    def _objection(self, raw: bytes) -> msgspec.ValidationError | None:
        try:
            self._decode(raw)
        except msgspec.ValidationError as error:
            return error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return None

    def _named(self, steps: Sequence[str | int | None], document: Any, message: str) -> Loc:
        """The path to the offence. msgspec does not name members of a dict (`[...]`): find which it was."""
        names: list[str | int] = []
        place = document
        for step in steps:
            name = self._culprit(place, document, message) if step is None else step
            if name is None:
                break
            names.append(name)
            place = _at(place, (name,))
        return tuple(names)

    def _culprit(self, place: Any, document: Any, message: str) -> str | None:
        """The first member of `place`, a dict in `document`, with which the decoder objects as it did."""
        if not isinstance(place, dict):
            return None
        members = list(place.items())
        low, high = 0, len(members)
        while low < high:
            middle = (low + high) // 2
            place.clear()
            place.update(members[: middle + 1])
            if str(self._objection(msgspec.json.encode(document))) == message:
                high = middle
            else:
                low = middle + 1
        place.clear()
        place.update(members)
        return members[low][0] if low < len(members) else None


_QUOTE, _COMMA, _CLOSING = ord('"'), ord(","), b"]}"


def _at(value: Any, names: Loc) -> Any:
    for name in names:
        try:
            value = value[name]
        except (LookupError, TypeError):
            return None
    return value


def _too_deep(place: int, most: int) -> Fault:
    reason = f"nested deeper than {most} levels"
    return Fault("json_invalid", ("body", place), "JSON decode error", {}, {"error": reason})


def _not_json(error: Exception, raw: bytes) -> Fault:
    if not raw:
        return Fault("missing", ("body",), "Field required")
    found = _NOT_JSON.fullmatch(str(error))
    place, reason = (int(found[2]), found[1]) if found else (len(raw), str(error))
    if isinstance(error, UnicodeDecodeError):
        place, reason = _broken_utf8_at(raw), "invalid UTF-8"
    return Fault("json_invalid", ("body", place), "JSON decode error", {}, {"error": reason})


def _broken_utf8_at(raw: bytes) -> int:
    try:
        raw.decode()
    except UnicodeDecodeError as error:  # msgspec's own counts from the beginning of the string
        return error.start
    return 0


def _check_scalars(document: Any) -> None:
    """Refuse NUL in any string or name (PostgreSQL's text lacks it), and integers beyond 64 bits."""
    waiting: list[tuple[Loc, Any]] = [(("body",), document)]
    while waiting:
        loc, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*loc, short(name), "[key]"), name) for name in value if "\0" in name]
            waiting += [((*loc, short(name)), member) for name, member in value.items()]
        elif isinstance(value, list):
            waiting += [((*loc, place), element) for place, element in enumerate(value)]
        elif isinstance(value, str) and "\0" in value:
            raise Malformed((Fault("value_error", loc, "NUL characters are not allowed", echo(value)),))
        elif isinstance(value, int) and not SMALLEST <= value <= GREATEST:
            bound = f"<= {GREATEST}" if value > 0 else f">= {SMALLEST}"
            raise Malformed((worded(f"Expected `int` {bound}", loc, value),))


def _check_names(raw: bytes, document: Any, colons: int, *, has_escapes: bool) -> None:
    r"""Refuse an object with a name given twice: which of the two counts would be chance.

    The later one has replaced the earlier in `document`, and taken at least one colon with it: as
    many colons as before mean that none was lost. Only a colon written as `\u003a` could make up for
    one; then, and to tell which name it is, every name is read.
    """
    if msgspec.json.encode(document).count(b":") == colons and not (has_escapes and b"\\u003" in raw):
        return
    objects: list[set[str]] = []
    for found in _NAMES.finditer(raw):
        if found[2]:
            name = msgspec.json.decode(found[1], type=str)
            if name in objects[-1]:
                raise Malformed((Fault("value_error", ("body",), "Member names must be unique", echo(name)),))
            objects[-1].add(name)
        elif found[0] == b"{":
            objects.append(set())
        elif found[0] == b"}":
            objects.pop()
