"""Segments: counting beside the best SQL by hand, from commit to membership, and members beside a recomputation."""

import argparse
import asyncio
import signal
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import asyncpg

from bench.measuring import child, row
from bench.seed import BIG
from hospes.base.db import Actor, Statement
from hospes.base.signals import Signals
from hospes.capabilities import events, segments, workspaces
from hospes.capabilities.segments import checking, compiling
from hospes.house import House

_ACTOR = Actor("bench", "bench")
_NAMES = ("order", "page", "login", "search", "share")

# Ten events a guest, over 180 days, of five names; more of them lately.
_EVENTS = """
    INSERT INTO events (workspace_id, position, type, name, guest_id, payload, door, actor, occurred_at, recorded_at)
    SELECT $1, $2 + i, 'event.tracked', ($4::text[])[1 + abs(hashint8(i) % 5)], 1 + (i * 7919) % $3,
           jsonb_build_object('guest_id', 1 + (i * 7919) % $3, 'name', ($4::text[])[1 + abs(hashint8(i) % 5)],
                              'attributes', jsonb_build_object('amount', (i * 31) % 100, 'kind', 'k' || i % 7)),
           'bench', 'bench', $5::timestamptz - interval '180 days' * (((i * 104729) % 1000003)::float / 1000003) ^ 2,
           $5
      FROM generate_series(1::bigint, $6) AS i
"""
_ATTRIBUTES = """
    UPDATE guests
       SET attributes = jsonb_build_object('city', (ARRAY['Lyon', 'Nice', 'Lille', 'Metz'])[1 + id % 4], 'age', 18 + id % 60),
           email_consent = id % 3 <> 0
     WHERE workspace_id = $1 AND attributes = '{}'
"""
EIGHT: dict[str, Any] = {
    "combinator": "and",
    "rules": [
        {"field": "consent.email", "operator": "=", "value": True},
        {"field": "guest.vip", "operator": "=", "value": False},
        {"field": "attribute", "name": "city", "operator": "in", "value": ["Lyon", "Nice"]},
        {"field": "attribute", "name": "age", "operator": "between", "value": [25, 65]},
        {"field": "guest.created_at", "operator": "before", "value": "2100-01-01T00:00:00Z"},
        {"field": "event", "name": "order", "operator": ">=", "value": 1, "within": {"days": 30}},
        {
            "field": "event",
            "name": "page",
            "operator": ">=",
            "value": 1,
            "within": {"days": 90},
            "where": [{"field": "amount", "operator": ">", "value": 20}],
        },
        {"field": "event", "name": "login", "operator": "=", "value": 0, "within": {"days": 7}},
    ],
}
# The same, as somebody would write it who may look at the data, the indexes and the plan.
BY_HAND = """
    SELECT count(*)
      FROM guests g
     WHERE g.workspace_id = $1 AND g.merged_into IS NULL
       AND g.email_consent AND NOT g.is_vip
       AND g.attributes ->> 'city' IN ('Lyon', 'Nice')
       AND (g.attributes -> 'age')::numeric BETWEEN 25 AND 65
       AND g.created_at < '2100-01-01T00:00:00Z'
       AND EXISTS (SELECT FROM events e
                    WHERE e.workspace_id = $1 AND e.guest_id = g.id AND e.name = 'order'
                      AND e.occurred_at > $2::timestamptz - interval '30 days')
       AND EXISTS (SELECT FROM events e
                    WHERE e.workspace_id = $1 AND e.guest_id = g.id AND e.name = 'page'
                      AND e.occurred_at > $2::timestamptz - interval '90 days'
                      AND (e.payload -> 'attributes' -> 'amount')::numeric > 20)
       AND NOT EXISTS (SELECT FROM events e
                        WHERE e.workspace_id = $1 AND e.guest_id = g.id AND e.name = 'login'
                          AND e.occurred_at > $2::timestamptz - interval '7 days')
"""


async def counting(house: House, options: argparse.Namespace) -> None:
    connection = await asyncpg.connect(house.dsn, server_settings={"jit": "off", "timezone": "UTC"})
    await _fill(connection, BIG, options.guests)
    now = datetime.now(UTC)
    reader = house.database.reader(BIG, now=now, actor=_ACTOR)
    compiled = compiling.counting(segments.parse(EIGHT), await compiling.surroundings(reader))
    took: list[list[float]] = [[], []]
    for _ in range(max(3, options.rounds)):
        began = time.perf_counter()
        ours = await connection.fetchval(compiled.statement.text, BIG, now, *compiled.values)
        took[0].append(time.perf_counter() - began)
        began = time.perf_counter()
        theirs = await connection.fetchval(BY_HAND, BIG, now)
        took[1].append(time.perf_counter() - began)
        assert ours == theirs > 0, (ours, theirs)
    ratio = statistics.median(took[0]) / statistics.median(took[1])
    work = f"segment count, 8 conditions, {options.guests:,} guests, {options.guests * 10:,} events"
    row(work, ratio, "ratio", "<= 1.2", ratio <= 1.2, seconds=round(statistics.median(took[0]), 3))
    print(f"    {statistics.median(took[0]):.2f} s; by hand {statistics.median(took[1]):.2f} s; {ours:,} guests")
    await connection.close()


async def keeping(house: House, options: argparse.Namespace) -> None:
    guests, changes = min(100_000, options.guests), 200
    workspace = await workspaces.create(house.database, name="Segments", now=house.clock.now())
    connection = await asyncpg.connect(house.dsn)
    first = await _guests(connection, workspace.id, guests)
    made = await _segments(house, workspace.id, 50)
    signals = Signals(house.dsn, house.clock)
    await signals.start()
    house.database.on_commit = signals.wake
    worker = child("hospes.cli.children", "worker")
    try:
        await _published(connection, workspace.id, 50)
        await _latency(
            house, connection, workspace.id, made[0], first, changes=changes, seconds=max(5, options.seconds)
        )
        await _differences(house, connection, workspace.id, first, guests, options.guests)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()
        house.database.on_commit = None
        await signals.stop()
        await connection.execute("UPDATE segments SET status = 'draft' WHERE workspace_id = $1", workspace.id)
        await connection.close()


class Tracked(events.Event, frozen=True):
    TYPE: ClassVar[str] = "event.tracked"
    TITLE: ClassVar[str] = "Tracked"

    name: str
    attributes: dict[str, Any]


_NAME = Statement("UPDATE events SET name = $2 WHERE workspace_id = $1 AND position = $3")


async def _latency(
    house: House, connection: Any, workspace_id: int, segment_id: int, first: int, *, changes: int, seconds: float
) -> None:
    """From COMMIT of an event to the row of its guest's membership, at so many changes a second."""
    committed: dict[int, float] = {}
    took: list[float] = []
    total = int(changes * seconds)

    async def change(number: int) -> None:
        guest_id = first + number
        async with house.database.begin(workspace_id, now=house.clock.now(), actor=_ACTOR) as tx:
            made = await events.record(tx, Tracked(guest_id=guest_id, name="signal", attributes={"amount": number}))
            await tx.run(_NAME, "signal", made.position)
        committed[guest_id] = time.perf_counter()

    async def drive() -> None:
        began, running = time.perf_counter(), set()
        for number in range(total):
            await asyncio.sleep(max(0.0, began + number / changes - time.perf_counter()))
            task = asyncio.create_task(change(number))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    driving = asyncio.create_task(drive())
    seen = "SELECT guest_id FROM segment_members WHERE workspace_id = $1 AND segment_id = $2 AND guest_id = ANY ($3::bigint[])"
    ends = time.perf_counter() + seconds + 60
    while len(took) < total and time.perf_counter() < ends:
        waiting = list(committed)
        for found in await connection.fetch(seen, workspace_id, segment_id, waiting) if waiting else []:
            took.append(time.perf_counter() - committed.pop(found[0]))
        await asyncio.sleep(0.005)
    await driving
    assert len(took) == total, (len(took), total)
    p99 = statistics.quantiles(took, n=100)[-1]
    row(f"commit to membership, 50 segments, {changes} changes a second, p99", p99, "s", "<= 1", p99 <= 1)
    print(f"    median {statistics.median(took):.3f} s, slowest {max(took):.3f} s, of {total:,}")


async def _differences(house: House, connection: Any, workspace_id: int, first: int, guests: int, total: int) -> None:
    """Mixed events in bulk, noted as they are written; then every segment beside a plain recomputation."""
    size = 1000
    began = time.perf_counter()
    for batch in range(-(-total // size)):
        async with house.database.begin(workspace_id, now=house.clock.now(), actor=_ACTOR) as tx:
            at, numbers = tx.now, range(batch * size, min(total, (batch + 1) * size))
            rows = [(first + (n * 7919) % guests, _NAMES[n % 5], n) for n in numbers]
            await tx.run(
                _MIXED,
                tx.now,
                [guest for guest, _, _ in rows],
                [name for _, name, _ in rows],
                [
                    {"guest_id": g, "name": name, "attributes": {"amount": n % 100, "kind": f"k{n % 7}"}}
                    for g, name, n in rows
                ],
                [at - timedelta(minutes=(n * 104729) % 100_000) for _, _, n in rows],
            )
            await segments.note_all(tx, [(guest, f"{events.TRACKED}:{name}") for guest, name, _ in rows])
    written = time.perf_counter() - began
    await _settled(connection, workspace_id)
    took = time.perf_counter() - began
    async with house.database.snapshot(workspace_id, now=house.clock.now(), actor=_ACTOR) as reader:
        found = [await checking.check(reader, one) for one in await checking.published(reader)]
    wrong = sum(len(one.missing) + len(one.surplus) for one in found)
    row(f"members against a recomputation, {total:,} mixed events", wrong, "guests", "0", wrong == 0)
    print(f"    {sum(one.members for one in found):,} members; written in {written:.0f} s, followed in {took:.0f} s")


_MIXED = Statement("""
    INSERT INTO events (workspace_id, position, type, name, guest_id, payload, door, actor, occurred_at, recorded_at)
    SELECT $1, (pg_current_xact_id()::text::bigint << 16) | place, 'event.tracked', name, guest_id, payload, 'bench',
           'bench', at, $2::timestamptz
      FROM unnest($3::bigint[], $4::text[], $5::jsonb[], $6::timestamptz[])
           WITH ORDINALITY AS given (guest_id, name, payload, at, place)
""")


async def _settled(connection: Any, workspace_id: int) -> None:
    left = "SELECT EXISTS (SELECT FROM segment_notes WHERE workspace_id = $1)"
    while await connection.fetchval(left, workspace_id):
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)


async def _fill(connection: Any, workspace_id: int, guests: int) -> None:
    if await connection.fetchval(
        "SELECT EXISTS (SELECT FROM events WHERE workspace_id = $1 AND name = 'order')", workspace_id
    ):
        return
    print(f"Seeding {guests * 10:,} events (once)")
    await connection.execute(_ATTRIBUTES, workspace_id)
    now = datetime.now(UTC)
    await connection.execute(_EVENTS, workspace_id, 10**12, guests, list(_NAMES), now, guests * 10)
    await connection.execute("VACUUM ANALYZE guests, events")


async def _guests(connection: Any, workspace_id: int, guests: int) -> int:
    """So many guests of a new workspace; returns the lowest id."""
    first = await connection.fetchval("SELECT coalesce(max(id), 0) + 1 FROM guests")
    await connection.execute(
        "INSERT INTO guests (workspace_id, id, name, email, is_vip, search_text, first_seen_at, last_seen_at, created_at, updated_at)"
        " SELECT $1, $2 + i, 'Guest ' || i, 'g' || i || '@example.com', i % 40 = 0, '', now(), now(), now(), now()"
        " FROM generate_series(0, $3 - 1) AS i",
        workspace_id,
        first,
        guests,
    )
    await connection.execute("SELECT setval('guests_id_seq', $1)", first + guests)
    await connection.execute("ANALYZE guests")
    return int(first)


async def _segments(house: House, workspace_id: int, count: int) -> list[int]:
    """The first waits for the signal; of the others, each about half look at each name."""
    made = []
    for number in range(count):
        names = (
            ("signal",) if number == 0 else (_NAMES[number % 5], "signal" if number % 2 else _NAMES[(number + 2) % 5])
        )
        rules = [
            {
                "field": "event",
                "name": name,
                "operator": ">=",
                "value": 1 + number % 3 * (number > 0),
                "within": {"days": 1 + number},
            }
            for name in names
        ]
        if number % 4 == 3:
            rules.append({"field": "guest.vip", "operator": "=", "value": False})
        async with house.database.begin(workspace_id, now=house.clock.now(), actor=_ACTOR) as tx:
            tree = {"combinator": "and" if number % 3 else "or", "rules": rules}
            made.append(await segments.create(tx, name=f"Segment {number}", rules=tree))
            await segments.publish(tx, made[-1])
    return made


async def _published(connection: Any, workspace_id: int, count: int) -> None:
    began = time.perf_counter()
    done = "SELECT count(*) FROM segments WHERE workspace_id = $1 AND status = 'published'"
    while await connection.fetchval(done, workspace_id) < count:
        await asyncio.sleep(0.2)
    row(f"{count} segments published, every guest judged", time.perf_counter() - began, "s", "-", True)
