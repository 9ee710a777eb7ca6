"""Feeds that have not changed: 500 of 200 stays, by one worker process."""

import asyncio
import signal
import statistics
import time
from hashlib import sha256

import asyncpg

from bench.feeds import EVENTS, feed
from bench.measuring import child, row
from hospes.base.db import Actor, sql
from hospes.capabilities import places, properties, workspaces
from hospes.capabilities.calendars import polling, subscriptions
from hospes.cli.supervisor import bind
from hospes.house import House

FEEDS = 500
# Read and taken over for real, to say what that costs; the others are only known by their digest, which is
# all that is looked at while a feed does not change.
_REAL = 5
_ACTOR = Actor("bench", "bench")


async def calendars(house: House) -> None:
    listening = bind("127.0.0.1", 0)
    server = child("bench.feeds", str(listening.fileno()), fds=(listening.fileno(),))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    workspace = await workspaces.create(house.database, name="Feeds", now=house.clock.now())
    connection = await asyncpg.connect(house.dsn)
    await connection.execute("DELETE FROM calendar_stays")
    await connection.execute("DELETE FROM calendars")  # of an earlier run: its server has gone
    worker = None
    try:
        await _add(house, workspace.id, url, range(_REAL), is_due=True)
        worker = child("hospes.cli.children", "worker")
        took = await _polled(connection, workspace.id, _REAL)
        kept = await connection.fetchval("SELECT count(*) FROM bookings WHERE workspace_id = $1", workspace.id)
        assert kept == _REAL * EVENTS, kept
        each = took / _REAL
        row(f"a feed of {EVENTS} new stays, taken over", each, "s", "-", True)
        await _add(house, workspace.id, url, range(_REAL, FEEDS), is_due=False)
        for kind, suffix in (("by its SHA-256", ""), ("by 304", "?tagged")):
            await _know(house, connection, workspace.id, url, suffix)
            seconds = []
            for _ in range(3):
                await _due(connection, workspace.id)
                seconds.append(await _polled(connection, workspace.id, FEEDS))
            middle = statistics.median(seconds)
            row(f"{FEEDS} feeds of {EVENTS}, unchanged {kind}", middle, "s", "<= 10", middle <= 10)
        changed = await connection.fetchval(
            "SELECT count(*) FROM calendars WHERE workspace_id = $1 AND (fault IS NOT NULL OR failures > 0)",
            workspace.id,
        )
        assert changed == 0, changed
    finally:
        for process in filter(None, (worker, server)):
            process.send_signal(signal.SIGTERM)
            process.wait()
        await connection.execute("UPDATE calendars SET is_active = false")
        await connection.close()


_LATER = sql("UPDATE calendars SET due_at = due_at + interval '1 hour' WHERE workspace_id = $1")


async def _add(house: House, workspace_id: int, url: str, numbers: range, *, is_due: bool) -> None:
    """A property with a calendar for each number."""
    now = house.clock.now()
    async with house.database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
        location_id = await places.create_location(tx, name="Bench", time_zone="Europe/Paris")
        for number in numbers:
            new = properties.NewProperty(location_id=location_id, name=f"Flat {number}", time_zone="Europe/Paris")
            unit = await properties.create(tx, new)
            await subscriptions.create(
                tx, house.vault, house.destinations, property_id=unit, url=f"{url}/{number}.ics", channel="airbnb"
            )
        if not is_due:
            await tx.run(_LATER)


async def _know(house: House, connection: asyncpg.Connection, workspace_id: int, url: str, suffix: str) -> None:
    """Every calendar has this address, and the digest and tag of what it says."""
    rows = await connection.fetch("SELECT id FROM calendars WHERE workspace_id = $1 ORDER BY id", workspace_id)
    for number, (calendar_id,) in enumerate(rows):
        address = f"{url}/{number}.ics{suffix}".encode()
        await connection.execute(
            "UPDATE calendars SET url = $3, digest = $4, etag = $5, due_at = now() + interval '1 hour'"
            " WHERE workspace_id = $1 AND id = $2",
            workspace_id,
            calendar_id,
            house.vault.seal(address, subscriptions.place(workspace_id, calendar_id)),
            sha256(polling.STAMPS.sub(b"", feed(number))).digest(),
            f'"{number}"' if suffix else None,
        )


async def _due(connection: asyncpg.Connection, workspace_id: int) -> None:
    await connection.execute(
        "UPDATE calendars SET due_at = now(), polled_at = NULL WHERE workspace_id = $1", workspace_id
    )


async def _polled(connection: asyncpg.Connection, workspace_id: int, count: int) -> float:
    """Seconds until so many calendars were polled; the worker's sweep, every two seconds, is part of it."""
    began = time.perf_counter()
    waiting = "SELECT count(*) FROM calendars WHERE workspace_id = $1 AND polled_at IS NOT NULL"
    while await connection.fetchval(waiting, workspace_id) < count:
        await asyncio.sleep(0.02)
    return time.perf_counter() - began
