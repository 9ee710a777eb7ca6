"""Events on their way in: beside PostgreSQL's own COPY of the same rows, and beside the limit."""

import argparse
import json
import random
import signal
import statistics
import time
from datetime import UTC, datetime
from itertools import count

import asyncpg

from bench.load import load
from bench.measuring import child, row
from hospes.base.db import encode_json
from hospes.capabilities import access, workspaces
from hospes.cli.supervisor import bind
from hospes.house import House

USERS = 10_000
PATH = "/api/v1/event/create"
# Each brand may call 10,000 times a minute.
_BRANDS = 8
_BATCH = 100
_COPIED = 5_000
_NAMES = ("Order Placed", "Looked", "Signed in", "Left")

_SEED = """
    WITH born AS (
        INSERT INTO guests (workspace_id, name, search_text, first_seen_at, last_seen_at, created_at, updated_at)
        SELECT $1, 'User ' || n, 'user ' || n, now(), now(), now(), now() FROM generate_series(1, $2::int) n
        RETURNING id, name
    )
    INSERT INTO guest_identifiers (workspace_id, kind, value, guest_id, door, evidence, position, created_at)
    SELECT $1, 'user_id', replace(name, 'User ', 'u-'), id, 'bench', 'bench', 0, now() FROM born
"""
_COLUMNS = (
    "workspace_id", "position", "type", "guest_id", "sequence", "payload", "door", "actor", "occurred_at",
    "recorded_at", "name",
)  # fmt: skip


async def intake(house: House, options: argparse.Namespace) -> None:
    connection = await asyncpg.connect(house.dsn)
    brands = [await _brand(house, connection) for _ in range(_BRANDS)]
    # What seeding left behind is not to be vacuumed while events are timed.
    await connection.execute("VACUUM (ANALYZE) guests, guest_identifiers")
    await connection.close()
    listening = [bind("127.0.0.1", 0) for _ in range(2)]
    ours, theirs = (sock.getsockname()[1] for sock in listening)
    server = child("hospes.cli.children", "api", str(listening[0].fileno()), fds=(listening[0].fileno(),))
    limit = child("bench.limit", str(listening[1].fileno()), house.dsn, str(brands[0][0]), fds=(listening[1].fileno(),))
    chance = random.Random(7)
    try:
        batches = [_request(brands[number % _BRANDS], chance, _BATCH) for number in range(200)]
        singles = [_request(brands[number % _BRANDS], chance, 1) for number in range(2000)]
        for port in (ours, theirs):
            await load(port, lambda n: singles[n], connections=1, seconds=0.5)
        figures: dict[str, list[float]] = {"batches": [], "copied": [], "singles": [], "limit": []}
        for _ in range(options.rounds):
            for name, port, made, connections in (
                ("batches", ours, batches, 32),
                ("singles", ours, singles, 16),
                ("limit", theirs, singles, 16),
            ):
                rate, _ = await load(
                    port,
                    lambda n, made=made: made[n % len(made)],
                    connections=connections,
                    seconds=options.seconds,
                )
                figures[name].append(rate * (_BATCH if name == "batches" else 1))
            figures["copied"].append(await _copied(house, brands[0][0], chance))
        middle = {name: statistics.median(found) for name, found in figures.items()}
        events, copied = middle["batches"], middle["copied"]
        row("events a second over HTTP, 100 a request", events, "/s", ">= 20000", events >= 20_000)
        row("the same, of COPY of the same rows", events / copied, "ratio", ">= 0.5", events / copied >= 0.5)
        ratio = middle["singles"] / middle["limit"]
        row("single events, of the limit", ratio, "ratio", ">= 0.6", ratio >= 0.6)
        print(
            f"    COPY {copied:,.0f} rows; singles {middle['singles']:,.0f}, the limit {middle['limit']:,.0f} a second"
        )
    finally:
        for process in (server, limit):
            process.send_signal(signal.SIGTERM)
            process.wait()


async def _brand(house: House, connection: asyncpg.Connection) -> tuple[int, str]:
    now = house.clock.now()
    workspace = await workspaces.create(house.database, name="Intake", now=now)
    _, secret = await access.brand_keys.create(house.database, workspace.id, name="Bench", now=now)
    settings = access.brand_keys.Settings(event_limit=10_000)
    await access.brand_keys.set_settings(house.database, workspace.id, settings)
    await connection.execute(_SEED, workspace.id, USERS)
    return workspace.id, secret


def _entry(chance: random.Random) -> dict[str, object]:
    attributes = {"product_name": chance.choice(("Mug", "Cup", "Bowl")), "total_amount": chance.randint(1, 100)}
    return {"userID": f"u-{chance.randint(1, USERS)}", "event_name": chance.choice(_NAMES), "attributes": attributes}


def _request(brand: tuple[int, str], chance: random.Random, entries: int) -> bytes:
    body = json.dumps({"nv": [_entry(chance) for _ in range(entries)]}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-brand-id: {brand[0]}\r\nx-api-key: {brand[1]}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_positions = count(1 << 61)


async def _copied(house: House, workspace_id: int, chance: random.Random) -> float:
    """Rows a second by COPY into the same table, so many a transaction."""
    connection = await asyncpg.connect(house.dsn)
    guests = [row[0] for row in await connection.fetch("SELECT id FROM guests WHERE workspace_id = $1", workspace_id)]
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        # The binary form is its version, and the text.
        encoder=lambda value: b"\x01" + encode_json(value).encode(),
        decoder=lambda raw: json.loads(raw[1:]),
        format="binary",
    )
    now, rows = datetime.now(UTC), []
    for _ in range(4 * _COPIED):
        entry, guest = _entry(chance), chance.choice(guests)
        payload = {"guest_id": guest, "name": entry["event_name"], "attributes": entry["attributes"]}
        rows.append(
            (workspace_id, next(_positions), "event.tracked", guest, 1, payload, "bench", "bench", now, now,
             entry["event_name"])
        )  # fmt: skip
    began = time.perf_counter()
    for start in range(0, len(rows), _COPIED):
        await connection.copy_records_to_table("events", records=rows[start : start + _COPIED], columns=_COLUMNS)
    took = time.perf_counter() - began
    await connection.execute("DELETE FROM events WHERE workspace_id = $1 AND position >= $2", workspace_id, 1 << 61)
    await connection.close()
    return len(rows) / took
