"""Recording what happened, and reading it back.

A position orders a workspace's log; a sequence number orders one guest's events, without gaps,
and what is tracked has none.
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


class PropertyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A fact about a property, and perhaps one of its bookings. It carries no contact details and no lock code."""

    TYPE: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""

    property_id: int
    booking_id: int | None = None
    guest_id: int | None = None


class Recorded(msgspec.Struct, frozen=True):
    """An event as it stands in the log, for reactions. Sequences count its guest's and its booking's events."""

    position: int
    sequence: int | None
    booking_sequence: int | None
    type: str
    location_id: int | None
    payload: dict[str, Any]
    occurred_at: datetime


class Sequenced(msgspec.Struct, frozen=True):
    position: int
    sequence: int | None
    booking_sequence: int | None


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
        SELECT $1, subject, subject_id, 1
          FROM (VALUES ('booking', $12::bigint), ('guest', $4::bigint)) AS named (subject, subject_id)
         WHERE subject_id IS NOT NULL
            ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE SET last = s.last + 1
        RETURNING subject, last
    )
    INSERT INTO events (workspace_id, position, type, guest_id, sequence, location_id,
                        payload, door, actor, occurred_at, recorded_at, property_id, booking_id, booking_sequence)
    SELECT $1,
           ((pg_current_xact_id()::text::bigint + (SELECT log_base FROM installation)) << 16) | $2,
           $3, $4, (SELECT last FROM numbered WHERE subject = 'guest'), $5, $6, $7, $8, $9, $10,
           $11, $12, (SELECT last FROM numbered WHERE subject = 'booking')
    RETURNING position, sequence, booking_sequence
""")


async def record(
    tx: Tx, event: Event | PropertyEvent, *, location_id: int | None = None, occurred_at: datetime | None = None
) -> Recorded:
    """Write one event and run the reactions to it, in the same transaction.

    `occurred_at` is the workspace's present unless given; when it was recorded is kept beside it.
    """
    payload = msgspec.to_builtins(event)
    at = occurred_at or tx.now
    place = event if isinstance(event, PropertyEvent) else None
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
        place.property_id if place else None,
        place.booking_id if place else None,
    )
    assert row is not None
    recorded = Recorded(row.position, row.sequence, row.booking_sequence, event.TYPE, location_id, payload, at)
    for reaction in tx.reactions:
        await reaction(tx, recorded)
    return recorded


# The type of what somebody outside tracks.
TRACKED = "event.tracked"


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


class Happening(msgspec.Struct, frozen=True):
    """An event of a property, as its activity feed shows it."""

    position: int
    type: str
    booking_id: int | None
    payload: dict[str, Any]
    occurred_at: datetime


AT_PROPERTY = sql("""
    SELECT position, type, booking_id, payload, occurred_at
      FROM events
     WHERE workspace_id = $1 AND property_id = $2
       AND type = ANY ($3::text[])
       AND ($4::bigint IS NULL OR booking_id = $4)
       AND occurred_at >= $5 AND occurred_at < $6
     ORDER BY occurred_at DESC, position DESC
     LIMIT $7 OFFSET $8
""")
COUNT_AT_PROPERTY = sql("""
    SELECT count(*)
      FROM events
     WHERE workspace_id = $1 AND property_id = $2
       AND type = ANY ($3::text[])
       AND ($4::bigint IS NULL OR booking_id = $4)
       AND occurred_at >= $5 AND occurred_at < $6
""")


async def list_at_property(
    reader: Reader,
    property_id: int,
    types: list[str],
    *,
    booking_id: int | None,
    since: datetime,
    before: datetime,
    limit: int,
    offset: int,
) -> tuple[list[Happening], int]:
    """A page of what happened at a property, the newest first, and how much there is."""
    which = (property_id, types, booking_id, since, before)
    found = await reader.all(Happening, AT_PROPERTY, *which, limit, offset)
    return found, int(await reader.value(COUNT_AT_PROPERTY, *which))


def _values(by: Filter) -> tuple[Any, ...]:
    return by.guest_ids, by.types, by.location_id, by.since, by.until


def titled(type_: str) -> str:
    """The line a timeline shows for an event of this type."""
    return _titles().get(type_, type_)


def _titles() -> dict[str, str]:
    return {TRACKED: "Event tracked"} | {
        event.TYPE: event.TITLE for event in [*_subclasses(Event), *_subclasses(PropertyEvent)]
    }


def _subclasses(kind: type[Any]) -> list[type[Any]]:
    direct = kind.__subclasses__()
    return direct + [deeper for event in direct for deeper in _subclasses(event)]
