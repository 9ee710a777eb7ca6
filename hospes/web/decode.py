"""The one place that decodes JSON: into a struct, or into faults that say what is wrong where.

msgspec is strict about types, but lets pass what PostgreSQL or the next reader will choke on, and
raises foreign exceptions for hostile input (cases S2, S5, A20, A28); this module closes the gap.
"""

import re
from itertools import accumulate
from typing import Any, Generic, TypeVar

import msgspec

from hospes.base.errors import Invalid

T = TypeVar("T")

MOST_DEPTH = 64
MOST_MEMBERS = 1000
_LONGEST_ECHO = 100


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: what kind, where, in words, and the value that was given."""

    kind: str
    loc: tuple[str | int, ...]
    msg: str
    input: Any = None
    ctx: dict[str, Any] | None = None


class Malformed(Invalid):
    """The request cannot be read."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("The request cannot be read.")


class BodyDecoder(Generic[T]):
    """Decodes bodies of one type. Raises Malformed, and nothing else."""

    def __init__(self, type_: type[T], *, most_depth: int = MOST_DEPTH, most_members: int = MOST_MEMBERS) -> None:
        self._decode = msgspec.json.Decoder(type_).decode
        self._most_depth = most_depth
        self._most_members = most_members

    def __call__(self, raw: bytes) -> T:
        if raw.count(b"[") + raw.count(b"{") > self._most_depth or raw.count(b",") > self._most_members:
            self._check_size(raw)
        try:
            value = self._decode(raw)
            if b"\\u" in raw or not raw.isascii() or b"\x7f" in raw:
                _check_text(raw)
            if raw.count(b":") > 1:
                _check_names(raw)
        except msgspec.ValidationError as error:
            raise Malformed((_fault(str(error), raw),)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
            raise Malformed((_not_json(error),)) from None
        return value

    def _check_size(self, raw: bytes) -> None:
        bare = _STRINGS.sub(b"", raw)
        steps = [1 if byte in b"[{" else -1 for byte in _NOT_BRACKETS.sub(b"", bare)]
        if steps and max(accumulate(steps)) > self._most_depth:
            raise Malformed((_json_fault(f"nested deeper than {self._most_depth} levels"),))
        if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > self._most_members:
            raise Malformed((_json_fault(f"more than {self._most_members} members"),))


_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = re.compile(rb"[^\[\]{}]+")
_INT64 = (-(2**63), 2**63 - 1)


def _check_text(raw: bytes) -> None:
    """Refuse NUL and lone surrogates anywhere, member names included."""
    for loc, text in _texts(msgspec.json.decode(raw), ("body",)):
        if "\x00" in text:
            raise Malformed((Fault("value_error", loc, "The character NUL is not allowed", _echo(text)),))
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Malformed((Fault("value_error", loc, "Lone surrogates are not allowed"),)) from None


def _texts(value: Any, loc: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        return [(loc, value)]
    if isinstance(value, dict):
        names = [((*loc, "(name)"), name) for name in value]
        return names + [found for name, member in value.items() for found in _texts(member, (*loc, name))]
    if isinstance(value, list):
        return [found for place, element in enumerate(value) for found in _texts(element, (*loc, place))]
    return []


_MEMBER = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:|([{}])|"(?:[^"\\]|\\.)*"', re.DOTALL)


_PLAIN_NAME = re.compile(rb'"([^"\\]*)"\s*:')


def _check_names(raw: bytes) -> None:
    """Refuse a member name that stands twice in one object: which of the two counts would be chance."""
    if b"\\" not in raw:
        names = _PLAIN_NAME.findall(raw)
        if len(names) == len(set(names)):
            return
    open_objects: list[set[bytes]] = []
    for found in _MEMBER.finditer(raw):
        name, bracket = found[1], found[2]
        if bracket == b"{":
            open_objects.append(set())
        elif bracket == b"}":
            open_objects.pop()
        elif name is not None:
            if name in open_objects[-1]:
                raise Malformed((_json_fault("a member name stands twice in one object"),))
            open_objects[-1].add(name)


def _json_fault(reason: str) -> Fault:
    return Fault("json_invalid", ("body", 0), "JSON decode error", {}, {"error": reason})


def _not_json(error: Exception) -> Fault:
    if isinstance(error, RecursionError):
        return _json_fault(f"nested deeper than {MOST_DEPTH} levels")
    if isinstance(error, UnicodeDecodeError):
        return _json_fault("not valid UTF-8")
    reason = re.sub(r"\s*\(byte \d+\)$", "", str(error)).removeprefix("JSON is malformed: ")
    place = re.search(r"\(byte (\d+)\)$", str(error))
    return Fault("json_invalid", ("body", int(place[1]) if place else 0), "JSON decode error", {}, {"error": reason})


# What msgspec says → pydantic's kind, words and bound: the dialect of the contract's answers.
_TYPES = {
    "int": ("int_type", "Input should be a valid integer"),
    "float": ("float_type", "Input should be a valid number"),
    "bool": ("bool_type", "Input should be a valid boolean"),
    "str": ("string_type", "Input should be a valid string"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("dict_type", "Input should be an object"),
    "null": ("none_required", "Input should be null"),
}
BOUNDS: list[tuple[re.Pattern[str], str, str, str]] = [
    (re.compile(r"Expected `\w+` >= (\S+)"), "greater_than_equal", "Input should be greater than or equal to {}", "ge"),
    (re.compile(r"Expected `\w+` <= (\S+)"), "less_than_equal", "Input should be less than or equal to {}", "le"),
    (
        re.compile(r"Expected `str` of length >= (\d+)"),
        "string_too_short",
        "String should have at least {} characters",
        "min_length",
    ),
    (
        re.compile(r"Expected `str` of length <= (\d+)"),
        "string_too_long",
        "String should have at most {} characters",
        "max_length",
    ),
    (
        re.compile(r"Expected `(?:array|object)` of length >= (\d+)"),
        "too_short",
        "List should have at least {} items",
        "min_length",
    ),
    (
        re.compile(r"Expected `(?:array|object)` of length <= (\d+)"),
        "too_long",
        "List should have at most {} items",
        "max_length",
    ),
    (
        re.compile(r"Expected `str` matching regex '(.*)'$"),
        "string_pattern_mismatch",
        "String should match pattern '{}'",
        "pattern",
    ),
]


def _fault(message: str, raw: bytes) -> Fault:
    text, _, path = message.partition(" - at `")
    loc = ("body", *_steps(path.rstrip("`")))
    missing = re.fullmatch(r"Object missing required field `(.+)`", text)
    given = _given(raw, loc[1:])
    if missing:
        return Fault("missing", (*loc, missing[1]), "Field required", _echo(given))
    for pattern, kind, words, name in BOUNDS:
        found = pattern.match(text)
        if found:
            bound: Any = int(found[1]) if re.fullmatch(r"-?\d+", found[1]) else found[1]
            return Fault(kind, loc, words.format(bound), _echo(given), {name: bound})
    if text.startswith("Invalid enum value"):
        return Fault("enum", loc, text, _echo(given))
    wanted = re.match(r"Expected `(\w+)", text)
    if wanted and wanted[1] in _TYPES:
        kind, words = _TYPES[wanted[1]]
        return Fault(kind, loc, words, _echo(given))
    if "out of range" in text.lower():
        return Fault("int_parsing_size", loc, "Input is too large", _echo(given))
    return Fault("value_error", loc, text, _echo(given))


def _steps(path: str) -> list[str | int]:
    return [
        int(index) if index else name for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$"))
    ]


def _given(raw: bytes, steps: tuple[str | int, ...]) -> Any:
    try:
        value = msgspec.json.decode(raw)
        for step in steps:
            value = value[step]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, IndexError, TypeError):
        return None
    return value


def _echo(value: Any) -> Any:
    """The value given, short enough to send back, and always sendable."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()[:_LONGEST_ECHO]
    if isinstance(value, float | bool) or value is None:
        return value
    if isinstance(value, int):
        return value if _INT64[0] <= value <= _INT64[1] else "(a number beyond 64 bits)"
    try:
        text = msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError, msgspec.MsgspecError, OverflowError):
        return "(not shown)"
    return value if len(text) <= 20 * _LONGEST_ECHO else "(not shown)"
