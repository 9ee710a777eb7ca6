"""Bookings listed and changed, each beside its limit."""

import argparse
import json
import signal
import statistics
import time
from contextlib import contextmanager
from typing import Any

import asyncpg

from bench.load import load, request
from bench.measuring import answering, child, row
from bench.seed import BIG, SMALL
from hospes.base import ids
from hospes.base.secrets import digest
from hospes.capabilities.oauth.scopes import SCOPES
from hospes.cli.supervisor import bind
from hospes.house import House

_APPS = 800
_EACH = 500
_CHANGED = 200
PATH = "/public/v1/bookings"

_PROPERTIES = """
    INSERT INTO properties (workspace_id, id, location_id, name, time_zone, created_at, updated_at)
    SELECT $1, i, 1, 'Flat ' || i, 'Europe/Paris', now(), now() FROM generate_series(1, $2::integer) i
"""
# Stays of three nights, a night apart, from 2020 on.
_BOOKINGS = """
    INSERT INTO bookings (workspace_id, id, property_id, guest_id, channel, channel_booking_id, status, arrival_on,
                          departure_on, adults, amount, currency, created_at, updated_at)
    SELECT $1, i, 1 + i % $2::integer, 1 + i % 10000, (array['direct', 'airbnb', 'booking'])[1 + i % 3],
           CASE WHEN i % 3 > 0 THEN 'B' || i END, 'confirmed', date '2020-01-01' + (i / $2::integer) * 4,
           date '2020-01-01' + (i / $2::integer) * 4 + 3, 2, 360, 'EUR', now(), now()
      FROM generate_series(0, $3::integer - 1) i
"""
# One more booking of each of some properties, in 2040, with its nights and its cleaning: those that are changed.
_MOVING = """
    WITH made AS (
        INSERT INTO bookings (workspace_id, id, property_id, guest_id, channel, status, arrival_on, departure_on,
                              currency, created_at, updated_at)
        SELECT $1, 5000000 + i, i, 1 + i, 'direct', 'confirmed', date '2040-05-10', date '2040-05-14', 'EUR',
               now(), now()
          FROM generate_series(1, $2::integer) i
        RETURNING id, property_id
    ), nights AS (
        INSERT INTO booking_nights (workspace_id, property_id, night_on, booking_id)
        SELECT $1, property_id, date '2040-05-10' + n, id FROM made, generate_series(0, 3) n
    ), cleaned AS (
        INSERT INTO missions (workspace_id, property_id, booking_id, mission_type, status, title, scheduled_at,
                              time_zone, is_automatic, created_at, updated_at)
        SELECT $1, property_id, id, 'cleaning', 'pending', 'Checkout cleaning', '2040-05-14T09:00Z', 'Europe/Paris',
               true, now(), now()
          FROM made
    )
    INSERT INTO webhook_endpoints (workspace_id, property_id, client_id, url, events, secret, created_at, updated_at)
    SELECT $1, property_id, $3, 'http://127.0.0.1:9999/hook', '{booking.updated}', $4, now(), now() FROM made
"""


async def prepare(house: House, options: argparse.Namespace) -> list[str]:
    """Seed bookings, the first time, and make apps; returns their tokens."""
    connection = await asyncpg.connect(house.dsn)
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM properties WHERE workspace_id = $1)", BIG):
        began = time.perf_counter()
        for workspace, count in ((BIG, options.guests), (SMALL, 10_000)):
            await connection.execute(_PROPERTIES, workspace, count // _EACH)
            await connection.execute(_BOOKINGS, workspace, count // _EACH, count)
        await connection.execute("VACUUM ANALYZE bookings")
        print(f"Seeded {options.guests:,} bookings in {time.perf_counter() - began:.0f} s")
    tokens = [token for workspace in (BIG, SMALL) for token in await _apps(connection, workspace)]
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM missions WHERE workspace_id = $1)", BIG):
        client = await connection.fetchval("SELECT client_id FROM oauth_grants WHERE workspace_id = $1 LIMIT 1", BIG)
        sealed = house.vault.seal(b"whsec_" + b"a" * 32, "bench")
        await connection.execute(_MOVING, BIG, _CHANGED, client, sealed)
        await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return tokens


async def _apps(connection: Any, workspace: int) -> list[str]:
    """Apps with a token each: limits count by app."""
    email = f"bench{ids.token('', 8).lower()}@example.com"
    person = await connection.fetchval(
        "INSERT INTO staff (email, email_identity, name, password_hash, created_at, password_changed_at) "
        "VALUES ($1, $1, 'Bench', 'x', now() - interval '1 day', now() - interval '1 day') RETURNING id",
        email,
    )
    await connection.execute("INSERT INTO memberships VALUES ($1, $2, 'owner', now())", person, workspace)
    tokens = [ids.token("nis_at_", 43) for _ in range(_APPS)]
    clients = [ids.token("client_", 43) for _ in range(_APPS)]
    await connection.execute(
        """
        WITH apps AS (
            INSERT INTO oauth_clients (id, name, auth_method, redirect_uris, grant_types, scope, created_at, granted_at)
            SELECT id, 'Bench', 'none', '{}', '{authorization_code,refresh_token}', $3, now(), now()
              FROM unnest($2::text[]) id
            RETURNING id
        ), given AS (
            INSERT INTO oauth_grants (workspace_id, staff_id, client_id, scope, resource, seed, created_at, recorded_at,
                                      rotated_at)
            SELECT $1, $4, id, $3, 'bench', 'x', now(), now(), now() FROM apps
            RETURNING id, client_id
        )
        INSERT INTO oauth_tokens (hash, grant_id, kind, generation, scope, expires_at)
        SELECT t.hash, given.id, 'access', 1, $3, now() + interval '1 day'
          FROM given JOIN unnest($2::text[], $5::bytea[]) AS t (client_id, hash) USING (client_id)
        """,
        workspace,
        clients,
        " ".join(SCOPES),
        person,
        [digest(token) for token in tokens],
    )
    return tokens


@contextmanager
def _both(house: House) -> Any:
    """Our API process and the bare function; yields their ports."""
    listening = [bind("127.0.0.1", 0) for _ in range(2)]
    server = child("hospes.cli.children", "api", str(listening[0].fileno()), fds=(listening[0].fileno(),))
    limit = child("bench.limit", str(listening[1].fileno()), house.dsn, str(BIG), fds=(listening[1].fileno(),))
    try:
        yield [sock.getsockname()[1] for sock in listening]
    finally:
        for process in (server, limit):
            process.send_signal(signal.SIGTERM)
            process.wait()


async def bookings(house: House, options: argparse.Namespace) -> None:
    tokens = await prepare(house, options)
    big, small = tokens[:_APPS], tokens[_APPS:]
    flats = {BIG: options.guests // _EACH, SMALL: 10_000 // _EACH}

    def listing(number: int, *, workspace: int = BIG) -> bytes:
        tokens = big if workspace == BIG else small
        year = 2021 + number % 4
        query = f"propertyId={1 + number * 7919 % flats[workspace]}&fromDate={year}-07-01&toDate={year}-07-31"
        return request("GET", f"{PATH}?{query}&status=confirmed", tokens[number % _APPS])

    def small_listing(number: int) -> bytes:
        return listing(number, workspace=SMALL)

    def patch(number: int) -> bytes:
        turn, place = divmod(number, _CHANGED)
        day = 10 + turn % 3
        body = {"arrival": f"2040-05-{day}", "departure": f"2040-05-{day + 4}"}
        path = f"{PATH}/{5_000_001 + place}"
        return request("PATCH", path, big[number % _APPS], json.dumps(body).encode())

    with _both(house) as ports:
        for port in ports:
            await answering(port, f"{PATH}?propertyId=1", big[-1])
        ours, theirs, few = [], [], []
        for _ in range(options.rounds):
            ours.append((await load(ports[0], listing, connections=16, seconds=options.seconds))[0])
            theirs.append((await load(ports[1], listing, connections=16, seconds=options.seconds))[0])
            few.append((await load(ports[0], small_listing, connections=16, seconds=options.seconds))[0])
        ratio = statistics.median(ours) / statistics.median(theirs)
        more = statistics.median(few) / statistics.median(ours)
        row(
            f"bookings of a property and month at {options.guests:,}, of the limit",
            ratio,
            "ratio",
            ">= 0.5",
            ratio >= 0.5,
        )
        row("… its cost against 10,000 bookings", more, "ratio", "<= 1.3", more <= 1.3)
        print(f"    {statistics.median(ours):,.0f} a second; the limit {statistics.median(theirs):,.0f}")
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append((await load(ports[0], patch, connections=16, seconds=options.seconds))[0])
            theirs.append((await load(ports[1], patch, connections=16, seconds=options.seconds))[0])
        ratio = statistics.median(ours) / statistics.median(theirs)
        row("PATCH of a booking with its cleaning and webhook row", ratio, "ratio", ">= 0.4", ratio >= 0.4)
        print(f"    {statistics.median(ours):,.0f} a second; the limit {statistics.median(theirs):,.0f}")
