"""The queue of calendars: which are due, who polls them, and what came of it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from hospes.base import ids
from hospes.base.db import Database, Reader, Tx, columns, sql

# Longer than a poll takes: 20 s to fetch, the rest to wait for a turn and to take the feed over.
LEASE = timedelta(minutes=5)
# A calendar that cannot be read is asked less and less often, down to once in so many of its turns.
_SLOWEST = 4


class Claimed(msgspec.Struct, frozen=True):
    """A calendar in the hands of a worker, until `claimed_until`."""

    id: int
    property_id: int
    channel: str
    url: bytes
    closed_is: str
    every_minutes: int
    etag: str | None
    modified: str | None
    digest: bytes | None
    failures: int
    thin_polls: int
    echoes: dict[str, datetime | None]
    claimed_until: datetime

    @property
    def echo_nights(self) -> dict[date, datetime | None]:
        return {date.fromisoformat(night): since for night, since in self.echoes.items()}


_CLAIMED = ", ".join(f"c.{field}" for field in Claimed.__struct_fields__)
CLAIM = sql(f"""
    WITH due AS (
        SELECT id
          FROM calendars
         WHERE workspace_id = $1 AND is_active AND due_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $3)
         ORDER BY due_at
         LIMIT $5
           FOR UPDATE SKIP LOCKED
    )
    UPDATE calendars c
       SET claimed_until = $4
      FROM due
     WHERE c.workspace_id = $1 AND c.id = due.id
    RETURNING {_CLAIMED}
""")  # noqa: S608


async def claim(reader: Reader, *, house_now: datetime, most: int) -> list[Claimed]:
    """Take what is due: nobody else polls it until the lease is over."""
    rows = await reader.all(_Row, CLAIM, reader.now, house_now, house_now + LEASE, most)
    return [row.claimed for row in rows]


class _Row(msgspec.Struct, frozen=True):
    id: int
    property_id: int
    channel: str
    url: bytes
    closed_is: str
    every_minutes: int
    etag: str | None
    modified: str | None
    digest: bytes | None
    failures: int
    thin_polls: int
    echoes: dict[str, Any]
    claimed_until: datetime

    @property
    def claimed(self) -> Claimed:
        return msgspec.convert(msgspec.structs.asdict(self), Claimed)


NEXT_DUE = sql("SELECT min(due_at) FROM calendars WHERE workspace_id = $1 AND is_active")
WAITING = sql(
    """
    SELECT DISTINCT c.workspace_id
      FROM calendars c
      JOIN workspaces w ON w.id = c.workspace_id
     WHERE c.is_active AND c.due_at <= coalesce(w.sandbox_at, $1)
       AND (c.claimed_until IS NULL OR c.claimed_until <= $1)
    """,
    across="asks which workspaces have a calendar to poll, each by its own clock",
)


async def next_due(reader: Reader) -> datetime | None:
    """When the next calendar of the workspace falls due."""
    return await reader.value(NEXT_DUE)  # type: ignore[no-any-return]


async def waiting(database: Database, house_now: datetime) -> list[int]:
    """Workspaces in which a calendar is due that nobody polls."""
    return [row[0] for row in await database.fetch(WAITING, house_now)]


# A worker whose lease ran out writes nothing: somebody else has the calendar by then.
UNCHANGED = sql("""
    UPDATE calendars c
       SET polled_at = $2, good_at = $2, due_at = o.due_at, failures = 0, claimed_until = NULL,
           fault = CASE WHEN failures > 0 THEN NULL ELSE fault END
      FROM unnest($3::bigint[], $4::timestamptz[], $5::timestamptz[]) AS o (id, claimed_until, due_at)
     WHERE c.workspace_id = $1 AND c.id = o.id AND c.claimed_until = o.claimed_until
""")
FAILED = sql("""
    UPDATE calendars
       SET polled_at = $4, due_at = $5, fault = $6, failures = failures + 1, claimed_until = NULL
     WHERE workspace_id = $1 AND id = $2 AND claimed_until = $3
""")
RELEASE = sql("""
    UPDATE calendars SET claimed_until = NULL WHERE workspace_id = $1 AND id = $2 AND claimed_until = $3
""")


async def unchanged(tx: Tx, calendars: Sequence[Claimed]) -> None:
    """These feeds say what they said before."""
    rows = [(one.id, one.claimed_until, _next(one, tx.now)) for one in calendars]
    await tx.run(UNCHANGED, tx.now, *columns(rows, 3))


async def failed(tx: Tx, calendar: Claimed, fault: str) -> None:
    """The feed could not be had or read. Nothing of it is believed, nothing is cancelled."""
    due_at = _next(calendar, tx.now, turns=min(calendar.failures + 1, _SLOWEST))
    await tx.run(FAILED, calendar.id, calendar.claimed_until, tx.now, due_at, fault)


async def release(tx: Tx, calendar: Claimed) -> None:
    """Somebody else may poll it: this process ends."""
    await tx.run(RELEASE, calendar.id, calendar.claimed_until)


HOLD = sql("SELECT id FROM calendars WHERE workspace_id = $1 AND id = $2 AND claimed_until = $3 FOR UPDATE")
TAKEN_OVER = sql("""
    UPDATE calendars
       SET polled_at = $3, good_at = $3, changed_at = CASE WHEN $4 THEN $3 ELSE changed_at END, due_at = $5,
           etag = $6, modified = $7, digest = $8, fault = $9, failures = 0, thin_polls = $10, echoes = $11,
           claimed_until = NULL
     WHERE workspace_id = $1 AND id = $2
""")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be remembered of a feed that was read.

    Unless it `is_settled` something is left open, and the next poll reads the feed anew, changed or not.
    """

    is_changed: bool
    is_settled: bool
    fault: str | None
    thin_polls: int
    echoes: dict[date, datetime | None]


class Edition(msgspec.Struct, frozen=True):
    """How a feed is recognised that has not changed."""

    digest: bytes | None = None
    etag: str | None = None
    modified: str | None = None


async def hold(tx: Tx, calendar: Claimed) -> bool:
    """Keep the calendar until this transaction ends; False when it is no longer ours."""
    return await tx.value(HOLD, calendar.id, calendar.claimed_until) is not None


async def taken_over(tx: Tx, calendar: Claimed, state: State, edition: Edition) -> None:
    """The feed was read and followed."""
    known = edition if state.is_settled else Edition()
    await tx.run(
        TAKEN_OVER,
        calendar.id,
        tx.now,
        state.is_changed,
        _next(calendar, tx.now),
        known.etag,
        known.modified,
        known.digest,
        state.fault,
        state.thin_polls,
        {night.isoformat(): since for night, since in sorted(state.echoes.items())},
    )


def _next(calendar: Claimed, now: datetime, *, turns: int = 1) -> datetime:
    """A little early by chance, so that calendars that were added together are not asked together for ever."""
    return now + timedelta(minutes=calendar.every_minutes) * turns * (1 - ids.fraction() / 20)
