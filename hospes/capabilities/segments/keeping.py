"""Keeping members current: the job `segments`.

Three things make a guest be judged: something happened to it (a note), the clock reached an instant at
which it may change (a due), or all guests are judged in turn (a round: a segment was published, its rules
changed, or a day passed). In each, one statement a segment judges many guests, and what it changes is
recorded in the same transaction. A workspace's segments are kept by one transaction at a time: what was
judged later was also read later.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Tx, sql
from hospes.base.errors import Busy, HospesError
from hospes.capabilities import events
from hospes.capabilities.segments import compiling, definitions, noting
from hospes.capabilities.segments.compiling import Compiled, Surroundings
from hospes.capabilities.segments.happenings import SegmentEntered, SegmentLeft
from hospes.capabilities.segments.rules import Group, parse, segments_in, topics_of

# Rounds make sure of what no event tells, such as a property's other check-in time.
ROUND = timedelta(days=1)
# A transaction holds 65,536 events at most: so many guests for each of a hundred segments.
_NOTES = 500
_DUES = 2000
_AT_ONCE = 10_000
_ROUND = 1000
_KEPT_COMPILED = 1000
_ACTOR = Actor("worker", "segments")
# These concern every segment: who is new or gone is to be judged by all.
_ALWAYS = ("guest.created", "guest.merged", "guest.unmerged", "guest.erased")

log = structlog.get_logger()


class Live(msgspec.Struct, frozen=True):
    """A segment that has members, as the job needs it."""

    id: int
    version: int
    rules: Group
    topics: tuple[str, ...]
    looks_at: frozenset[int]

    def hears(self, topic: str) -> bool:
        return topic.startswith(_ALWAYS) or topic.startswith(self.topics)


class _Row(msgspec.Struct, frozen=True):
    id: int
    version: int
    rules: dict[str, Any]


class _Change(msgspec.Struct, frozen=True):
    guest_id: int
    at: datetime
    is_in: bool


class _Due(msgspec.Struct, frozen=True):
    segment_id: int
    guest_id: int
    due_at: datetime


class _Round(msgspec.Struct, frozen=True):
    id: int
    judged_to: int
    is_clear: bool


# By segment, the instant at which each guest is to be judged.
Pending = dict[int, dict[int, datetime]]

LIVE = sql("SELECT id, version, rules FROM segments WHERE workspace_id = $1 AND status IN ('processing', 'published')")
DUE = sql("""
    SELECT segment_id, guest_id, due_at
      FROM segment_dues
     WHERE workspace_id = $1 AND due_at <= $2 AND segment_id = ANY ($4::bigint[])
     ORDER BY due_at
     LIMIT $3
""")
NEXT_DUE = sql("SELECT min(due_at) FROM segment_dues WHERE workspace_id = $1")
FAIL = sql("""
    WITH undue AS (DELETE FROM segment_dues WHERE workspace_id = $1 AND segment_id = $2)
    UPDATE segments SET status = 'error', fault = $3, judged_to = NULL WHERE workspace_id = $1 AND id = $2
""")
BEGIN_ROUNDS = sql("""
    UPDATE segments
       SET judged_to = 0, barrier = NULL
     WHERE workspace_id = $1 AND status = 'published' AND judged_to IS NULL
       AND (judged_at <= $2::timestamptz - $3::interval OR basis <> $4)
""")
# Who was writing when the segment became live may not have seen that, and left no note: it is waited for.
RAISE_BARRIER = sql("""
    UPDATE segments
       SET barrier = pg_snapshot_xmax(pg_current_snapshot())::text::bigint
     WHERE workspace_id = $1 AND judged_to IS NOT NULL AND barrier IS NULL
""")
IN_ROUND = sql("""
    SELECT id, judged_to, pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= barrier AS is_clear
      FROM segments
     WHERE workspace_id = $1 AND judged_to IS NOT NULL AND status IN ('processing', 'published')
     ORDER BY judged_to, id
     LIMIT 1
""")
GUESTS = sql("""
    SELECT id FROM guests WHERE workspace_id = $1 AND id > $2 AND merged_into IS NULL ORDER BY id LIMIT $3
""")
ADVANCE = sql("UPDATE segments SET judged_to = $3 WHERE workspace_id = $1 AND id = $2")
END_ROUND = sql("""
    UPDATE segments
       SET status = 'published', judged_to = NULL, barrier = NULL, judged_at = $3, basis = $4
     WHERE workspace_id = $1 AND id = $2 AND status IN ('processing', 'published')
""")
# Members that are no guests any more, or not by themselves.
STRAYS = sql("""
    SELECT m.guest_id
      FROM segment_members m
      LEFT JOIN guests g ON g.workspace_id = $1 AND g.id = m.guest_id AND g.merged_into IS NULL
     WHERE m.workspace_id = $1 AND m.segment_id = $2 AND g.id IS NULL
""")
# What of a workspace's settings membership rests on, beside guests.
BASIS = sql("""
    SELECT md5(concat_ws('|',
               (SELECT p.tier_window_months FROM loyalty_programs p WHERE p.workspace_id = $1),
               (SELECT string_agg(t.slug || ' ' || t.min_points, ',' ORDER BY t.min_points)
                  FROM loyalty_tiers t
                 WHERE t.workspace_id = $1),
               (SELECT w.time_zone FROM workspaces w WHERE w.id = $1)))
""")
WAITING = sql(
    """
    SELECT DISTINCT s.workspace_id
      FROM segments s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE s.status IN ('processing', 'published')
       AND (s.judged_to IS NOT NULL
            OR s.judged_at <= coalesce(w.sandbox_at, $1) - $2::interval
            OR EXISTS (SELECT FROM segment_notes n WHERE n.workspace_id = s.workspace_id)
            OR EXISTS (SELECT FROM segment_dues d
                        WHERE d.workspace_id = s.workspace_id AND d.due_at <= coalesce(w.sandbox_at, $1)))
    """,
    across="the sweep looks for workspaces that have something waiting",
)


class Keeper:
    """The job: notes, then dues, then rounds, until nothing is left. One a worker process."""

    def __init__(self, database: Database, clock: Clock, *, instant: Callable[[int], Awaitable[datetime]]) -> None:
        """`instant(workspace_id)` tells a workspace's present."""
        self._database = database
        self._clock = clock
        self._instant = instant
        self._is_stopping = False
        self._parsed: dict[tuple[int, int, int], Live] = {}
        self._compiled: dict[tuple[int, int, int, Surroundings], Compiled] = {}

    async def run(self, workspace_id: int) -> datetime | None:
        """As `Job.run`; everything that was due has been judged when it returns."""
        while not self._is_stopping:
            now = await self._instant(workspace_id)
            if not any(
                [
                    await self._in_turn(workspace_id, now, self._take_notes),
                    await self._in_turn(workspace_id, now, self._take_dues),
                    await self._in_turn(workspace_id, now, self._go_round),
                ]
            ):
                break
        reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
        return await reader.value(NEXT_DUE)  # type: ignore[no-any-return]

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        return [row[0] for row in await self._database.fetch(WAITING, self._clock.now(), ROUND)]

    def stop(self) -> None:
        """As `Job.stop`."""
        self._is_stopping = True

    async def settle(self) -> None:
        """As `Job.settle`: `run` waits for its own."""

    async def take_over(self) -> None:
        """As `Job.take_over`: what was not committed is still noted."""

    async def check(self) -> None:
        """As `Job.check`: there is nobody outside to ask."""

    async def _in_turn(
        self, workspace_id: int, now: datetime, step: Callable[[Tx, list[Live]], Awaitable[bool]]
    ) -> bool:
        """Whether there was something to do, and may be more."""
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            await tx.value(definitions.HOLD)
            return await step(tx, self._in_order(tx.workspace_id, await tx.all(_Row, LIVE)))

    async def _take_notes(self, tx: Tx, live: list[Live]) -> bool:
        notes = await noting.take(tx, most=_NOTES)
        await self._judge(tx, live, _concerned(live, notes))
        return bool(notes)

    async def _take_dues(self, tx: Tx, live: list[Live]) -> bool:
        dues = await tx.all(_Due, DUE, tx.now, _DUES, [segment.id for segment in live])
        pending: Pending = defaultdict(dict)
        for due in dues:
            # Whoever is due at several instants is judged at the first, and then at the next.
            pending[due.segment_id].setdefault(due.guest_id, due.due_at)
        await self._judge(tx, live, pending)
        return bool(dues)

    async def _go_round(self, tx: Tx, live: list[Live]) -> bool:
        basis = str(await tx.value(BASIS))
        await tx.run(BEGIN_ROUNDS, tx.now, ROUND, basis)
        if await tx.run(RAISE_BARRIER):
            return True
        turn = await tx.find(_Round, IN_ROUND)
        if turn is None or not turn.is_clear:
            return False
        guests = await tx.column(GUESTS, turn.judged_to, _ROUND)
        if not guests:
            strays = await tx.column(STRAYS, turn.id)
            await self._judge(tx, live, {turn.id: dict.fromkeys(strays, tx.now)})
            await tx.run(END_ROUND, turn.id, tx.now, basis)
            return True
        await self._judge(tx, live, {turn.id: dict.fromkeys(guests, tx.now)})
        await tx.run(ADVANCE, turn.id, guests[-1])
        return True

    async def _judge(self, tx: Tx, live: list[Live], pending: Pending) -> None:
        """Judge who is pending; whoever comes or goes is judged by segments that look at this one, too."""
        if not any(pending.values()):
            return
        around = await compiling.surroundings(tx)
        told: list[tuple[events.Event, datetime]] = []
        for segment in live:
            waiting = dict(pending.get(segment.id, {}))
            if not waiting:
                continue
            changes = await self._judged(tx, segment, around, waiting)
            for other in live:
                if segment.id in other.looks_at:
                    later = pending.setdefault(other.id, {})
                    later.update(
                        {change.guest_id: max(change.at, later.get(change.guest_id, change.at)) for change in changes}
                    )
            told += [(_happening(segment.id, change), change.at) for change in changes]
        # All at the end, guest by guest: what numbers a guest's events is held no longer than that.
        told.sort(key=lambda one: (one[0].guest_id, one[1]))
        for first in range(0, len(told), _AT_ONCE):
            await events.record_all(tx, told[first : first + _AT_ONCE])

    async def _judged(self, tx: Tx, segment: Live, around: Surroundings, waiting: dict[int, datetime]) -> list[_Change]:
        """Who came or went. A segment that cannot be judged is set aside with its fault; others go on."""
        compiled = self._compile(tx.workspace_id, segment, around)
        ordered = sorted(waiting.items())
        guests, instants = [guest for guest, _ in ordered], [at for _, at in ordered]
        try:
            async with tx.undoable():
                return await tx.all(_Change, compiled.statement, guests, instants, segment.id, *compiled.values)
        except Busy:
            raise
        except HospesError as error:
            log.error("segment.failed", workspace=tx.workspace_id, segment=segment.id, error=type(error).__name__)
            await tx.run(FAIL, segment.id, error.message[:500])
            return []

    def _compile(self, workspace_id: int, segment: Live, around: Surroundings) -> Compiled:
        key = (workspace_id, segment.id, segment.version, around)
        if key not in self._compiled:
            if len(self._compiled) >= _KEPT_COMPILED:
                self._compiled.clear()
            self._compiled[key] = compiling.judging(segment.rules, around)
        return self._compiled[key]

    def _in_order(self, workspace_id: int, rows: Iterable[_Row]) -> list[Live]:
        """Segments that others look at come before these. There are no circles (`definitions`)."""
        waiting = {row.id: self._read(workspace_id, row) for row in rows}
        ordered: list[Live] = []
        while waiting:
            ready = [one for one in waiting.values() if not one.looks_at & waiting.keys()] or list(waiting.values())
            ordered += ready
            for one in ready:
                del waiting[one.id]
        return ordered

    def _read(self, workspace_id: int, row: _Row) -> Live:
        key = (workspace_id, row.id, row.version)
        if key not in self._parsed:
            if len(self._parsed) >= _KEPT_COMPILED:
                self._parsed.clear()
            rules = parse(row.rules)
            self._parsed[key] = Live(row.id, row.version, rules, tuple(topics_of(rules)), frozenset(segments_in(rules)))
        return self._parsed[key]


def _happening(segment_id: int, change: _Change) -> events.Event:
    kind = SegmentEntered if change.is_in else SegmentLeft
    return kind(guest_id=change.guest_id, segment_id=segment_id)


def _concerned(live: list[Live], notes: list[noting.Noted]) -> Pending:
    """Whom each segment has to judge, at the latest instant at which something happened to it."""
    by_topic: dict[str, list[noting.Noted]] = defaultdict(list)
    for note in notes:
        by_topic[note.topic].append(note)
    pending: Pending = defaultdict(dict)
    for segment in live:
        judged = pending[segment.id]
        for topic, noted in by_topic.items():
            if segment.hears(topic):
                for note in noted:
                    for guest_id in {note.guest_id, note.head or note.guest_id}:
                        judged[guest_id] = max(note.noted_at, judged.get(guest_id, note.noted_at))
    return pending
