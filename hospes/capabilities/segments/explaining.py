"""Why is this guest in, or not, and when would that change?"""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities import guests
from hospes.capabilities.segments import compiling
from hospes.capabilities.segments.compiling import Compiled
from hospes.capabilities.segments.definitions import get
from hospes.capabilities.segments.fields import field_of
from hospes.capabilities.segments.rules import Group, Placed, conditions_of, parse

# How many instants are looked at for one that changes the answer.
_MOST_STEPS = 100


class Finding(msgspec.Struct, frozen=True):
    """A condition: where it stands, its field, whether it holds, and when next the clock may change that."""

    path: str
    field: str
    is_true: bool
    may_change_at: datetime | None


class Explanation(msgspec.Struct, frozen=True):
    """`decided_by` are the paths of the conditions without which the answer would be another.

    `changes_at` is when the clock alone turns the answer round, None when it never does by itself; then it
    changes when the guest does something. With `is_sure` false, it is not before that instant.
    """

    guest_id: int
    is_in: bool
    is_member: bool
    entered_at: datetime | None
    decided_by: list[str]
    conditions: list[Finding]
    changes_at: datetime | None
    is_sure: bool


class _Told(msgspec.Struct, frozen=True):
    held: list[bool]
    next_at: list[datetime | None]


ENTERED = sql("SELECT entered_at FROM segment_members WHERE workspace_id = $1 AND segment_id = $2 AND guest_id = $3")


async def explain(reader: Reader, segment_id: int, guest_id: int) -> Explanation:
    """For any guest; a merged one is explained as the one that answers for it. Raises NotFound."""
    segment = await get(reader, segment_id)
    guest = await guests.get(reader, guest_id)
    rules = parse(segment.rules)
    compiled = compiling.explaining(rules, await compiling.surroundings(reader))
    told = await _tell(reader, compiled, guest.id, reader.now)
    is_in = holds(rules, told.held)
    entered_at = await reader.value(ENTERED, segment_id, guest.id)
    changes_at, is_sure = await _turn(reader, compiled, rules, guest.id, told)
    return Explanation(
        guest.id,
        is_in,
        entered_at is not None,
        entered_at,
        deciders(rules, told.held),
        [
            Finding(one.path, field_of(one.condition).name, is_true, at)
            for one, is_true, at in zip(conditions_of(rules), told.held, told.next_at, strict=True)
        ],
        changes_at,
        is_sure,
    )


def holds(rules: Group, held: list[bool]) -> bool:
    """Whether rules hold when each of their conditions does as `held` says, in their order."""
    return _value(rules, _by_path(rules, held))


def deciders(rules: Group, held: list[bool]) -> list[str]:
    """The conditions that decide: of a group in which all must hold, those that do not, or all of them."""
    return _deciding(rules, _by_path(rules, held))


def _by_path(rules: Group, held: list[bool]) -> dict[str, bool]:
    return {one.path: is_true for one, is_true in zip(conditions_of(rules), held, strict=True)}


def _value(node: Placed | Group, held: dict[str, bool]) -> bool:
    if isinstance(node, Placed):
        return held[node.path]
    joined = (all if node.combinator == "and" else any)(_value(rule, held) for rule in node.rules)
    return joined != node.is_negated


def _deciding(node: Placed | Group, held: dict[str, bool]) -> list[str]:
    if isinstance(node, Placed):
        return [node.path]
    joined = _value(node, held) != node.is_negated
    decisive = [rule for rule in node.rules if _value(rule, held) == joined]
    # Where one is enough, the first is told.
    is_one_enough = joined == (node.combinator == "or")
    return [path for rule in (decisive[:1] if is_one_enough else decisive) for path in _deciding(rule, held)]


async def _tell(reader: Reader, compiled: Compiled, guest_id: int, at: datetime) -> _Told:
    told = await reader.find(_Told, compiled.statement, guest_id, at, *compiled.values)
    if told is None:  # it was merged, or went, just now
        told = await reader.find(
            _Told, compiled.statement, (await guests.get(reader, guest_id)).id, at, *compiled.values
        )
    assert told is not None
    return told


async def _turn(
    reader: Reader, compiled: Compiled, rules: Group, guest_id: int, told: _Told
) -> tuple[datetime | None, bool]:
    """When the clock alone turns the answer round, looking from instant to instant."""
    is_in, at = holds(rules, told.held), None
    for _ in range(_MOST_STEPS):
        coming = [instant for instant in told.next_at if instant is not None]
        if not coming:
            return None, True
        at = min(coming)
        told = await _tell(reader, compiled, guest_id, at)
        if holds(rules, told.held) != is_in:
            return at, True
    return at, False
