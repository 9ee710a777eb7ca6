"""Recording what happened, and reading it back.

A position orders a workspace's log; a sequence number orders one guest's events, without gaps.
Positions follow the ids of the transactions that wrote them, so a reader that stops below the
oldest transaction still running (`list_after`) never misses an event. Readers that show the
newest first (`list_newest`) see everything committed.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from hospes.base.db import Reader, Tx, sql


class Event(msgspec.Struct, frozen=True):
    """A fact in the past tense. Its fields are the payload that webhooks carry."""

    TYPE: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""

    guest_id: int


class Recorded(msgspec.Struct, frozen=True):
    """An event as it stands in the log, for reactions."""

    position: int
    sequence: int
    type: str
    location_id: int | None
    payload: dict[str, Any]
    occurred_at: datetime


class Sequenced(msgspec.Struct, frozen=True):
    position: int
    sequence: int


class Entry(msgspec.Struct, frozen=True):
    """An event as it is read."""

    position: int
    type: str
    guest_id: int | None
    sequence: int | None
    location_id: int | None
    payload: dict[str, Any]
    occurred_at: datetime


class Filter(msgspec.Struct, frozen=True):
    """Which events to read; what is None does not narrow. Both instants are inclusive."""

    guest_ids: list[int] | None = None
    types: list[str] | None = None
    location_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


Reaction = Callable[[Tx, Recorded], Awaitable[None]]

RECORD = sql("""
    WITH numbered AS (
        INSERT INTO event_sequences AS s (workspace_id, subject, subject_id, last)
        VALUES ($1, 'guest', $4, 1)
            ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE SET last = s.last + 1
        RETURNING last
    )
    INSERT INTO events (workspace_id, position, type, guest_id, sequence, location_id,
                        payload, door, actor, occurred_at, recorded_at)
    SELECT $1,
           ((pg_current_xact_id()::text::bigint + (SELECT log_base FROM installation)) << 16) | $2,
           $3, $4, numbered.last, $5, $6, $7, $8, $9, $10
      FROM numbered
    RETURNING position, sequence
""")


async def record(
    tx: Tx, event: Event, *, location_id: int | None = None, occurred_at: datetime | None = None
) -> Recorded:
    """Write one event and run the reactions to it, in the same transaction.

    `occurred_at` is the workspace's present unless given; when it was recorded is kept beside it.
    """
    payload = msgspec.to_builtins(event)
    at = occurred_at or tx.now
    row = await tx.find(
        Sequenced,
        RECORD,
        tx.next_ordinal(),
        event.TYPE,
        event.guest_id,
        location_id,
        payload,
        tx.actor.door,
        tx.actor.name,
        at,
        tx.recorded_at,
    )
    assert row is not None
    recorded = Recorded(row.position, row.sequence, event.TYPE, location_id, payload, at)
    for reaction in tx.reactions:
        await reaction(tx, recorded)
    return recorded


# A filter is a choice between NULL (any) and a value: the statement stays one constant.
_WHERE = """
     WHERE workspace_id = $1
       AND ($2::bigint[] IS NULL OR guest_id = ANY ($2))
       AND ($3::text[] IS NULL OR type = ANY ($3))
       AND ($4::bigint IS NULL OR location_id = $4)
       AND ($5::timestamptz IS NULL OR occurred_at >= $5)
       AND ($6::timestamptz IS NULL OR occurred_at <= $6)
"""
_COLUMNS = "position, type, guest_id, sequence, location_id, payload, occurred_at"

NEWEST = sql(f"""
    SELECT {_COLUMNS}
      FROM events
    {_WHERE}
     ORDER BY occurred_at DESC, position DESC
     LIMIT $7 OFFSET $8
""")  # noqa: S608 (constants only)
# The first condition is indexable for a guest; a plan for NULL would read the whole log instead.
NEWEST_OF_GUEST = sql(f"""
    SELECT {_COLUMNS}
      FROM events
    {_WHERE.replace("($2::bigint[] IS NULL OR guest_id = ANY ($2))", "guest_id = ANY ($2::bigint[])")}
     ORDER BY occurred_at DESC, position DESC
     LIMIT $7 OFFSET $8
""")  # noqa: S608
COUNT = sql(f"SELECT count(*) FROM events {_WHERE}")  # noqa: S608
COUNT_OF_GUEST = sql(
    f"SELECT count(*) FROM events "  # noqa: S608
    f"{_WHERE.replace('($2::bigint[] IS NULL OR guest_id = ANY ($2))', 'guest_id = ANY ($2::bigint[])')}"
)
AFTER = sql(f"""
    SELECT {_COLUMNS}
      FROM events
    {_WHERE}
       AND position > $7
       AND position < ((pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                        + (SELECT log_base FROM installation)) << 16)
     ORDER BY position
     LIMIT $8
""")  # noqa: S608


async def list_newest(reader: Reader, by: Filter, *, limit: int, offset: int) -> list[Entry]:
    """Events, newest first by when they happened."""
    statement = NEWEST if by.guest_ids is None else NEWEST_OF_GUEST
    return await reader.all(Entry, statement, *_values(by), limit, offset)


async def count(reader: Reader, by: Filter) -> int:
    """How many events the filter lets through."""
    statement = COUNT if by.guest_ids is None else COUNT_OF_GUEST
    return int(await reader.value(statement, *_values(by)))


async def list_after(reader: Reader, position: int, by: Filter, *, limit: int) -> list[Entry]:
    """Events behind `position`, in the log's order, as far as nothing earlier can still appear."""
    return await reader.all(Entry, AFTER, *_values(by), position, limit)


SINCE = sql("""
    SELECT position, type, guest_id, sequence, location_id, payload, occurred_at
      FROM events
     WHERE workspace_id = $1 AND occurred_at >= $2 AND type = ANY ($3::text[]) AND position > $4
     ORDER BY position
     LIMIT $5
""")


async def since(reader: Reader, instant: datetime, types: list[str], *, after: int, limit: int) -> list[Entry]:
    """Events of these types from `instant` on, behind position `after`, in the log's order."""
    return await reader.all(Entry, SINCE, instant, types, after, limit)


def _values(by: Filter) -> tuple[Any, ...]:
    return by.guest_ids, by.types, by.location_id, by.since, by.until


def titled(type_: str) -> str:
    """The line a timeline shows for an event of this type."""
    return _titles().get(type_, type_)


def _titles() -> dict[str, str]:
    return {event.TYPE: event.TITLE for event in _subclasses(Event)}


def _subclasses(kind: type[Event]) -> list[type[Event]]:
    direct = kind.__subclasses__()
    return direct + [deeper for event in direct for deeper in _subclasses(event)]
