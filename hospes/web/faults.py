"""What can be wrong with a request, in pydantic's kinds and words: the Guest API speaks that dialect (contract 5).

msgspec says only in a sentence what it found wrong first. `worded` turns the sentence into a `Fault`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from hospes.base.errors import Invalid

Loc = tuple[str | int, ...]

SMALLEST, GREATEST = -(2**63), 2**63 - 1

_ECHO_LENGTH = 100
_ECHO_ITEMS = 20
_ECHO_DEPTH = 2


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: what kind, where, in words, and the value that was given."""

    kind: str
    loc: Loc
    msg: str
    input: Any = None
    ctx: dict[str, Any] | None = None


class Malformed(Invalid):
    """The request cannot be read."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("The request cannot be read.")


def short(step: str | int) -> str | int:
    """A step of a `loc`; names of members come from outside, and are cut after 100 characters."""
    return step[:_ECHO_LENGTH] if isinstance(step, str) else step


def echo(value: Any, depth: int = 0) -> Any:
    """The value as it may be sent back: short, flat, and always encodable as JSON.

    Strings are cut after 100 characters; containers with more than 20 members, or standing inside
    two others, become a short text, as do integers beyond 64 bits.
    """
    if isinstance(value, str):
        return value[:_ECHO_LENGTH].encode("utf-8", "replace").decode()
    if isinstance(value, dict | list):
        kind = "object" if isinstance(value, dict) else "list"
        if len(value) > _ECHO_ITEMS or depth == _ECHO_DEPTH:
            return f"({kind} of {len(value)})"
        if isinstance(value, dict):
            return {echo(name): echo(member, depth + 1) for name, member in value.items()}
        return [echo(element, depth + 1) for element in value]
    if isinstance(value, int) and not SMALLEST <= value <= GREATEST:
        return "(integer beyond 64 bits)"
    return value


# msgspec's name of a type → pydantic's kind, and what the input should be.
_TYPES = {
    "int": ("int_type", "a valid integer"),
    "float": ("float_type", "a valid number"),
    "bool": ("bool_type", "a valid boolean"),
    "str": ("string_type", "a valid string"),
    "array": ("list_type", "a valid list"),
    "object": ("dict_type", "a valid dictionary"),
    "null": ("none_required", "null"),
    "datetime": ("datetime_type", "a valid datetime"),
    "date": ("date_type", "a valid date"),
    "time": ("time_type", "a valid time"),
    "duration": ("time_delta_type", "a valid duration"),
    "decimal": ("decimal_type", "a valid decimal"),
    "uuid": ("uuid_type", "a valid UUID"),
    "bytes": ("bytes_type", "valid base64"),
}
_SENTENCES = {
    "Invalid RFC3339 encoded datetime": ("datetime_parsing", "Input should be a valid datetime"),
    "Invalid RFC3339 encoded date": ("date_parsing", "Input should be a valid date"),
    "Invalid RFC3339 encoded time": ("time_parsing", "Input should be a valid time"),
    "Invalid ISO8601 duration": ("time_delta_parsing", "Input should be a valid duration"),
    "Duration is out of range": ("time_delta_parsing", "Input should be a valid duration"),
    "Invalid decimal string": ("decimal_parsing", "Input should be a valid decimal"),
    "Invalid UUID": ("uuid_parsing", "Input should be a valid UUID"),
    "Invalid base64 encoded string": ("bytes_invalid_encoding", "Input should be valid base64"),
    "Integer value out of range": ("int_parsing_size", "Input should be an integer of at most 64 bits"),
    "Number out of range": ("finite_number", "Input should be a finite number"),
    "Expected `datetime` with a timezone component": ("timezone_aware", "Input should have timezone info"),
    "Expected `datetime` with no timezone component": ("timezone_naive", "Input should not have timezone info"),
}
_BOUNDS = {
    ">=": ("greater_than_equal", "greater than or equal to", "ge"),
    "<=": ("less_than_equal", "less than or equal to", "le"),
    ">": ("greater_than", "greater than", "gt"),
    "<": ("less_than", "less than", "lt"),
    "that's": ("multiple_of", "a multiple of", "multiple_of"),
}
_BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<|that's)(?: a multiple of)? (\S+)")
_LENGTH = re.compile(r"Expected `(\w+)` of length (>= |<= |)(\d+)")
_MESSAGE = re.compile(r"(?P<said>.*) - at (?P<name>`key` in )?`\$(?P<path>.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
_PATTERN = re.compile(r"Expected `str` matching regex (.+)", re.DOTALL)
_TYPE = re.compile(r"Expected `([^`]+)`(?:, got `\w+`)?")
_MEMBER = re.compile(r"Object (?:missing required|contains unknown) field `(.+)`", re.DOTALL)


class Said(msgspec.Struct, frozen=True):
    """A message of msgspec in its parts; a step of None is a member of a dict that it did not name."""

    sentence: str
    steps: tuple[str | int | None, ...] = ()
    is_about_a_name: bool = False


def parted(message: str) -> Said:
    """What msgspec said, and where: "Expected `int`, got `str` - at `$.items[0].id`"."""
    found = _MESSAGE.fullmatch(message)
    if not found:
        return Said(message)
    steps = tuple(step[1] or (int(step[2]) if step[2] else None) for step in _STEP.finditer(found["path"]))
    return Said(found["said"], steps, is_about_a_name=bool(found["name"]))


def worded(sentence: str, loc: Loc, given: Any, root: inspect.Type | None = None) -> Fault:
    """The fault for what msgspec said of the value `given` at `loc`.

    With the decoded type as `root` the fault can name the values that are allowed there.
    """
    nodes = _nodes_at(root, loc[1:]) if root else []
    for worder in (_a_member, _a_sentence, _a_bound, _a_length, _a_pattern):
        fault = worder(sentence, loc, given)
        if fault:
            return fault
    if sentence.startswith(("Invalid enum value", "Invalid value")):
        return _not_allowed(loc, given, nodes)
    return _a_type(sentence, loc, given, nodes) or Fault("value_error", loc, sentence, echo(given))


def _a_member(sentence: str, loc: Loc, given: Any) -> Fault | None:
    found = _MEMBER.fullmatch(sentence)
    if not found:
        return None
    if "unknown" in sentence[: found.start(1)]:
        extra = given.get(found[1]) if isinstance(given, dict) else None
        return Fault("extra_forbidden", (*loc, short(found[1])), "Extra inputs are not permitted", echo(extra))
    return Fault("missing", (*loc, found[1]), "Field required", echo(given))


def _a_sentence(sentence: str, loc: Loc, given: Any) -> Fault | None:
    known = _SENTENCES.get(sentence)
    return Fault(known[0], loc, known[1], echo(given)) if known else None


def _a_bound(sentence: str, loc: Loc, given: Any) -> Fault | None:
    found = _BOUND.fullmatch(sentence)
    if not found:
        return None
    kind, words, name = _BOUNDS[found[1]]
    bound = msgspec.json.decode(found[2])
    return Fault(kind, loc, f"Input should be {words} {bound}", echo(given), {name: bound})


def _a_length(sentence: str, loc: Loc, given: Any) -> Fault | None:
    found = _LENGTH.fullmatch(sentence)
    if not found:
        return None
    type_, sign, bound = found[1], found[2], int(found[3])
    extreme = {">= ": "at least ", "<= ": "at most "}.get(sign, "")
    name = {">= ": "min_length", "<= ": "max_length"}.get(sign, "length")
    has = len(given) if isinstance(given, str | list | dict) else bound
    side = "short" if has < bound else "long"
    plural = "" if bound == 1 else "s"
    if type_ in {"str", "bytes"}:
        words = f"String should have {extreme}{bound} character{plural}"
        return Fault(f"string_too_{side}", loc, words, echo(given), {name: bound})
    field = "List" if type_ == "array" else "Dictionary"
    words = f"{field} should have {extreme}{bound} item{plural} after validation, not {has}"
    ctx = {"field_type": field, name: bound, "actual_length": has}
    return Fault(f"too_{side}", loc, words, echo(given), ctx)


def _a_pattern(sentence: str, loc: Loc, given: Any) -> Fault | None:
    found = _PATTERN.fullmatch(sentence)
    if not found:
        return None
    pattern = ast.literal_eval(found[1])  # msgspec prints the repr of a pattern of ours
    return Fault(
        "string_pattern_mismatch", loc, f"String should match pattern '{pattern}'", echo(given), {"pattern": pattern}
    )


def _not_allowed(loc: Loc, given: Any, nodes: Sequence[inspect.Type]) -> Fault:
    allowed = [repr(value) for node in nodes for value in _values(node)]
    if not allowed:
        return Fault("enum", loc, "Input should be one of the allowed values", echo(given))
    kind = "literal_error" if any(isinstance(node, inspect.LiteralType) for node in nodes) else "enum"
    expected = " or ".join([", ".join(allowed[:-1]), allowed[-1]] if len(allowed) > 1 else allowed)
    return Fault(kind, loc, f"Input should be {expected}", echo(given), {"expected": expected})


def _values(node: inspect.Type) -> Sequence[Any]:
    if isinstance(node, inspect.LiteralType):
        return node.values
    return [member.value for member in node.cls] if isinstance(node, inspect.EnumType) else ()


def _a_type(sentence: str, loc: Loc, given: Any, nodes: Sequence[inspect.Type]) -> Fault | None:
    found = _TYPE.fullmatch(sentence)
    if not found:
        return None
    names = [name for name in found[1].split(" | ") if name in _TYPES and (name != "null" or found[1] == "null")]
    if not names:
        return None
    kind, words = _TYPES[names[0]][0], " or ".join(_TYPES[name][1] for name in names)
    if names == ["object"] and any(isinstance(node, inspect.StructType) for node in nodes):
        kind, words = "model_attributes_type", "a valid dictionary or object to extract fields from"
    if names == ["int"] and isinstance(given, float) and not given.is_integer():
        kind, words = "int_from_float", "a valid integer, got a number with a fractional part"
    return Fault(kind, loc, f"Input should be {words}", echo(given))


def _nodes_at(root: inspect.Type, steps: Sequence[str | int]) -> list[inspect.Type]:
    """What may stand at this place; several where the type is a union."""
    nodes = _options(root)
    for step in steps:
        nodes = [option for node in nodes for inner in _inside(node, step) for option in _options(inner)]
    return nodes


def _options(node: inspect.Type) -> list[inspect.Type]:
    if isinstance(node, inspect.UnionType):
        return [option for each in node.types for option in _options(each)]
    return _options(node.type) if isinstance(node, inspect.Metadata) else [node]


def _inside(node: inspect.Type, step: str | int) -> Iterator[inspect.Type]:
    if isinstance(node, inspect.StructType):
        if node.tag_field == step:
            yield inspect.LiteralType((node.tag,))
        yield from (field.type for field in node.fields if field.encode_name == step)
    elif isinstance(node, inspect.DictType):
        yield node.value_type
    elif isinstance(node, inspect.CollectionType):
        yield node.item_type
