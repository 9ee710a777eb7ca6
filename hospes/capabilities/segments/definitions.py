"""Segments: their rules, and their life from draft to published.

A draft can be counted and looked at. Publishing judges every guest, in batches (`processing`), and from
then on members follow each change. New rules for a published segment do the same: until a guest is judged
by them, it stays as it was.
"""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Duplicate, Invalid, NotFound
from hospes.capabilities.segments import compiling
from hospes.capabilities.segments.rules import Group, check_attributes, parse, segments_in

JOB = "segments"


class Segment(msgspec.Struct, frozen=True):
    """A segment: `rules` as they were written, `version` of them, and how many are in it."""

    id: int
    name: str
    description: str | None
    rules: dict[str, Any]
    version: int
    status: str
    fault: str | None
    member_count: int
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Person(msgspec.Struct, frozen=True):
    id: int
    name: str | None
    email: str | None


class Member(msgspec.Struct, frozen=True):
    guest_id: int
    entered_at: datetime


_COLUMNS = """
           s.id, s.name, s.description, s.rules, s.version, s.status, s.fault,
           (SELECT count(*)
              FROM segment_members m
             WHERE m.workspace_id = $1 AND m.segment_id = s.id) AS member_count,
           s.published_at, s.created_at, s.updated_at
"""
LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM segments s
     WHERE s.workspace_id = $1 AND ($2::bigint IS NULL OR s.id < $2)
     ORDER BY s.id DESC
     LIMIT $3
""")  # noqa: S608 (constants only)
GET = sql(f"SELECT {_COLUMNS} FROM segments s WHERE s.workspace_id = $1 AND s.id = $2")  # noqa: S608


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Segment]:
    """Segments behind the id `after`, newest first."""
    return await reader.all(Segment, LIST, after, limit)


async def get(reader: Reader, segment_id: int) -> Segment:
    """Raises NotFound."""
    segment = await reader.find(Segment, GET, segment_id)
    if segment is None:
        raise NotFound("Segment not found")
    return segment


CREATE = sql("""
    INSERT INTO segments (workspace_id, name, description, rules, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5)
    RETURNING id
""")


async def create(tx: Tx, *, name: str, rules: Any, description: str | None = None) -> int:
    """Make a draft; returns its id. Raises Invalid, with the JSON path of what is wrong, and Duplicate."""
    await _checked(tx, rules, segment_id=None)
    try:
        return int(await tx.value(CREATE, _named(name), description, rules, tx.now))
    except Violation as violation:
        raise _refused(violation, name) from None


# A published segment goes on with its members while every guest is judged by the new rules.
CHANGE = sql("""
    UPDATE segments
       SET name = $3, description = $4, rules = $5, updated_at = $6,
           version = version + CASE WHEN rules = $5 THEN 0 ELSE 1 END,
           status = CASE WHEN status = 'draft' OR (rules = $5 AND status <> 'error') THEN status ELSE 'processing' END,
           judged_to = CASE WHEN status = 'draft' OR (rules = $5 AND status <> 'error') THEN judged_to ELSE 0 END,
           barrier = NULL,
           fault = NULL
     WHERE workspace_id = $1 AND id = $2
""")


async def change(tx: Tx, segment_id: int, *, name: str, rules: Any, description: str | None = None) -> None:
    """Give a segment another name or other rules. Raises NotFound, Invalid and Duplicate."""
    await _held(tx, segment_id)
    await _checked(tx, rules, segment_id=segment_id)
    try:
        await tx.run(CHANGE, segment_id, _named(name), description, rules, tx.now)
    except Violation as violation:
        raise _refused(violation, name) from None
    tx.wake(JOB)


PUBLISH = sql("""
    UPDATE segments
       SET status = 'processing', judged_to = 0, barrier = NULL, fault = NULL, published_at = $3, updated_at = $3
     WHERE workspace_id = $1 AND id = $2 AND status IN ('draft', 'error')
""")


async def publish(tx: Tx, segment_id: int) -> None:
    """Let a draft have members, and keep them current. Raises NotFound, and Conflict when it is published."""
    segment = await _held(tx, segment_id)
    await _checked(tx, segment.rules, segment_id=segment_id)
    if not await tx.run(PUBLISH, segment_id, tx.now):
        raise Conflict("The segment is published already.")
    tx.wake(JOB)


REFERENCES = sql("SELECT id, rules FROM segments WHERE workspace_id = $1 AND id <> $2")
DELETE = sql("DELETE FROM segments WHERE workspace_id = $1 AND id = $2")


async def delete(tx: Tx, segment_id: int) -> None:
    """Take a segment away, with its members. Raises NotFound, and Conflict while another looks at it."""
    await _held(tx, segment_id)
    for other in await tx.all(_Rules, REFERENCES, segment_id):
        if segment_id in segments_in(parse(other.rules)):
            raise Conflict(f"Segment {other.id} looks at this one. Change its rules first.")
    await tx.run(DELETE, segment_id)


MEMBERS = sql("""
    SELECT guest_id, entered_at
      FROM segment_members
     WHERE workspace_id = $1 AND segment_id = $2 AND ($3::bigint IS NULL OR guest_id > $3)
     ORDER BY guest_id
     LIMIT $4
""")


async def members(reader: Reader, segment_id: int, after: int | None, *, limit: int) -> list[Member]:
    """Who is in, by guest id, behind the id `after`. Raises NotFound."""
    await get(reader, segment_id)
    return await reader.all(Member, MEMBERS, segment_id, after, limit)


async def count(reader: Reader, rules: Any) -> int:
    """How many guests these rules hold for now, whether anything is kept of them or not. Raises Invalid."""
    return await compiling.count(reader, await _checked(reader, rules, segment_id=None))


async def sample(reader: Reader, rules: Any, *, limit: int) -> list[Person]:
    """The newest guests for whom these rules hold now. Raises Invalid."""
    read = await _checked(reader, rules, segment_id=None)
    compiled = compiling.sampling(read, await compiling.surroundings(reader))
    return await reader.all(Person, compiled.statement, reader.now, limit, *compiled.values)


class _Rules(msgspec.Struct, frozen=True):
    id: int
    rules: dict[str, Any]


class _Typed(msgspec.Struct, frozen=True):
    name: str
    type: str


ATTRIBUTES = sql("SELECT name, type FROM attribute_types WHERE workspace_id = $1 AND subject = 'user'")


async def _checked(reader: Reader, document: Any, *, segment_id: int | None) -> Group:
    """Rules that can be used in this workspace. Raises Invalid."""
    rules = parse(document)
    check_attributes(rules, {one.name: one.type for one in await reader.all(_Typed, ATTRIBUTES)})
    asked = segments_in(rules)
    if asked:
        others = {one.id: one.rules for one in await reader.all(_Rules, REFERENCES, segment_id or 0)}
        _check_segments(asked, others, segment_id)
    return rules


def _check_segments(asked: set[int], others: dict[int, Any], segment_id: int | None) -> None:
    """Raises Invalid for a segment that there is not, or that looks at this one, directly or by others."""
    waiting, seen = list(asked), set[int]()
    while waiting:
        other = waiting.pop()
        if other == segment_id:
            raise Invalid("A segment cannot look at itself, even by way of others.", field="$")
        if other not in others:
            raise Invalid(f"There is no segment {other}.", field="$")
        if other not in seen:
            seen.add(other)
            waiting += segments_in(parse(others[other]))


# Who judges a workspace's segments, or changes them, does so alone: nobody is judged by rules that are
# gone, and two changes at once cannot make a circle. Judging holds it for one batch.
HOLD = sql("SELECT pg_advisory_xact_lock(7101, ($1::bigint % 2147483647)::integer)")


async def _held(tx: Tx, segment_id: int) -> Segment:
    await tx.value(HOLD)
    return await get(tx, segment_id)


def _refused(violation: Violation, name: str) -> Exception:
    if violation.constraint == "segments_name":
        return Duplicate(f"A segment called {name.strip()!r} exists already.")
    return Invalid("A segment has a name of 1 to 100 characters, and a description of at most 1000.")


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("A segment's name has 1 to 100 characters.", field="name")
    return name.strip()
