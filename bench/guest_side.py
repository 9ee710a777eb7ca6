"""Points, the wallet's page, mail, RADIUS and figures, each beside its limit."""

import argparse
import asyncio
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import asyncpg

from bench.load import load, request
from bench.measuring import BASE, answering, child, row
from bench.seed import BIG
from hospes.base.db import Actor
from hospes.capabilities import access, analytics, messaging, places, wallet, wifi, workspaces
from hospes.cli.supervisor import bind
from hospes.house import House
from hospes.providers.mail import MailWriter
from hospes.providers.smtp import Smtp

_ACTOR = Actor("bench", "bench")
_HOLDERS = 2_000
MAILS = 3_000
_PACKETS = 20_000
_EVENTS = 10_000_000
_CONFIGURED = Path(__file__).parents[1] / "deploy" / "freeradius"


@asynccontextmanager
async def serving(house: House, key: str) -> AsyncIterator[int]:
    """Our API process; yields its port."""
    sock = bind("127.0.0.1", 0)
    server = child("hospes.cli.children", "api", str(sock.fileno()), fds=(sock.fileno(),))
    port = int(sock.getsockname()[1])
    try:
        await answering(port, f"{BASE}/crm/tags", key)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


async def redeem(house: House, keys: list[str], options: argparse.Namespace) -> None:
    """Points redeemed a second, on one guest and on many, against a bare function with the same SQL."""
    connection = await asyncpg.connect(house.dsn)
    for table in ("loyalty_entries", "loyalty_lots", "loyalty_movements", "loyalty_accounts"):
        await connection.execute(f"DELETE FROM {table} WHERE workspace_id = $1", BIG)
    for statement in _POINTS:
        await connection.execute(statement, BIG, _HOLDERS)
    await connection.execute("ANALYZE")
    await connection.close()
    theirs_at = bind("127.0.0.1", 0)
    limit = child("bench.limit", str(theirs_at.fileno()), house.dsn, str(BIG), fds=(theirs_at.fileno(),))
    try:
        async with serving(house, keys[0]) as ours_at:
            await answering(theirs_at.getsockname()[1], f"{BASE}/crm/guests/77", "")
            for name, spread, goal in (("many guests", _HOLDERS, 0.5), ("one guest", 1, 0.0)):
                figures: list[list[float]] = [[], []]

                def ask(number: int, spread: int = spread) -> bytes:
                    path = f"{BASE}/loyalty/guests/{1 + number * 7 % spread}/redeem"
                    return request("POST", path, keys[number % len(keys)], b'{"points": 1}')

                for _ in range(options.rounds):
                    for place, port in enumerate((ours_at, theirs_at.getsockname()[1])):
                        figures[place].append((await load(port, ask, connections=16, seconds=options.seconds))[0])
                ours, theirs = (statistics.median(figure) for figure in figures)
                wanted = f">= {goal}" if goal else "-"
                row(f"redeem points on {name}, of the limit", ours / theirs, "ratio", wanted, ours / theirs >= goal)
                print(f"    {ours:,.0f} a second; the limit {theirs:,.0f}")
    finally:
        limit.send_signal(signal.SIGTERM)
        limit.wait()


_POINTS = (
    """
    INSERT INTO loyalty_movements (workspace_id, id, guest_id, kind, points, cause, door, actor, happened_at)
    SELECT $1, i, i, 'adjust', 1000000, 'bench', 'bench', 'bench', now() FROM generate_series(1, $2) AS i
    """,
    """
    INSERT INTO loyalty_lots (workspace_id, id, guest_id, movement_id, points, points_left)
    SELECT $1, i, i, i, 1000000, 1000000 FROM generate_series(1, $2) AS i
    """,
    """
    INSERT INTO loyalty_accounts (workspace_id, guest_id, earned, redeemed, updated_at)
    SELECT $1, i, 1000000, 0, now() FROM generate_series(1, $2) AS i
    """,
    """
    INSERT INTO loyalty_entries (workspace_id, movement_id, line, account, guest_id, lot_id, points)
    SELECT $1, i, line, CASE line WHEN 1 THEN 'guest' ELSE 'liability' END, CASE line WHEN 1 THEN i END,
           CASE line WHEN 1 THEN i END, CASE line WHEN 1 THEN 1000000 ELSE -1000000 END
      FROM generate_series(1, $2) AS i, generate_series(1, 2) AS line
    """,
)


async def wallet_page(house: House, key: str) -> None:
    """The first byte of a guest's wallet; the page is made whole before it is sent."""
    workspace = await workspaces.create(house.database, name="Wallets", now=house.clock.now())
    made = await access.keys.create(
        house.database, workspace.id, name="Bench", granted=["*"], now=house.clock.now(), rate_limit=10_000
    )
    async with house.database.begin(workspace.id, now=house.clock.now(), actor=_ACTOR) as tx:
        location = await places.create_location(tx, name="Bench")
        portal = await places.create_portal(tx, location_id=location, name="WiFi", slug=f"bench-{workspace.id}")
    async with serving(house, made.secret) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"location_id": %d, "name": "Alex"}' % location
        writer.write(request("POST", BASE + "/crm/guests", made.secret, body))
        await reader.readuntil(b"\r\n\r\n")
        guest = (await reader.read(4000)).partition(b'"id":')[2].partition(b",")[0]
        writer.close()
        until = house.clock.now() + timedelta(days=1)
        token = wallet.links.sign(house.vault, wallet.Link(workspace.id, int(guest), portal, until))
        # Pages are limited by address; each request comes from another.
        path = f"/w/{token}"
        latencies: list[float] = []
        while len(latencies) < 250:
            _, some = await load(port, lambda _: request("GET", path, key), connections=2, seconds=0.2)
            latencies += some
        p95 = statistics.quantiles(latencies[:250], n=20)[-1]
    row("wallet page, whole, p95", p95, "ms", "<= 30", p95 <= 30)


async def smtp(house: House, options: argparse.Namespace) -> None:
    """Messages a second to a local sink, against the SMTP library alone on as many connections."""
    sink = bind("127.0.0.1", 0)
    port = int(sink.getsockname()[1])
    sinking = child("bench.sink", str(sink.fileno()), fds=(sink.fileno(),))
    workspace = await workspaces.create(house.database, name="Mail", now=house.clock.now())
    ratios, rates, ready = [], [], []
    try:
        for _ in range(options.rounds):
            written, bytes_alone = await bare_smtp(port, is_written=True), await bare_smtp(port, is_written=False)
            rates.append(await _our_smtp(house, workspace.id, port))
            ratios.append(rates[-1] / written)
            ready.append(rates[-1] / bytes_alone)
    finally:
        sinking.send_signal(signal.SIGTERM)
        sinking.wait()
    ratio = statistics.median(ratios)
    row("SMTP messages, of the library alone, which writes each", ratio, "ratio", ">= 0.7", ratio >= 0.7)
    print(f"    {statistics.median(rates):,.0f} a second; {statistics.median(ready):.2f} of it sending ready bytes")


def _written() -> bytes:
    """A message as a script would write it."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hello@cafe.example", "alex@example.com", "Welcome, Alex"
    mail.set_content("Good to have you, Alex.")
    mail.add_alternative("<p>Good to have you, Alex.</p>", subtype="html")
    return mail.as_bytes()


async def bare_smtp(port: int, *, is_written: bool) -> float:
    raw, numbers = _written(), iter(range(MAILS))

    async def send() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect()
        for _ in numbers:
            text = _written() if is_written else raw
            await client.sendmail("hello@cafe.example", ["alex@example.com"], text)
        await client.quit()

    await _until_listening(port)
    began = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(8)))
    return MAILS / (time.perf_counter() - began)


async def _until_listening(port: int) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readline()
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)


async def _our_smtp(house: House, workspace_id: int, port: int) -> float:
    connection = await asyncpg.connect(house.dsn)
    await connection.execute(
        "INSERT INTO messages (workspace_id, channel, purpose, address, subject, html, plain, due_at, queued_at) "
        "SELECT $1, 'email', 'transactional', 'alex@example.com', 'Welcome, Alex', '<p>Good to have you, Alex.</p>', "
        "'Good to have you, Alex.', now(), now() FROM generate_series(1, $2::integer)",
        workspace_id,
        MAILS,
    )
    await connection.execute("ANALYZE messages")
    await connection.close()
    carrier = Smtp(f"smtp://127.0.0.1:{port}", MailWriter("hello@cafe.example"), house.clock)
    mailroom = messaging.Mailroom(
        house.database,
        house.vault,
        house.clock,
        {"email": carrier},
        instant=house.instant,
        name="bench",
        public_url="http://127.0.0.1:8000",
    )
    began = time.perf_counter()
    await mailroom.run(workspace_id)
    took = time.perf_counter() - began
    await carrier.close()
    return MAILS / took


async def radius(house: House) -> None:
    """Accounting updates a second, from radclient through FreeRADIUS into the house."""
    server, radclient = shutil.which("freeradius"), shutil.which("radclient")
    if server is None or radclient is None:
        print("  RADIUS is not measured: there is no freeradius or no radclient here.")
        return
    now = house.clock.now()
    workspace = await workspaces.create(house.database, name="Network", now=now)
    token = await access.staff_tokens.create(house.database, workspace.id, name="RADIUS", role="network", now=now)
    key = await access.keys.create(house.database, workspace.id, name="Bench", granted=["*"], now=now)
    async with house.database.begin(workspace.id, now=now, actor=_ACTOR) as tx:
        location = await places.create_location(tx, name="Bench")
        portal = await places.create_portal(tx, location_id=location, name="WiFi", slug=f"net-{workspace.id}")
        await wifi.access.create_point(tx, portal_id=portal, name="ap-1")
    with tempfile.TemporaryDirectory() as folder:
        packets = {kind: Path(folder) / kind for kind in ("Start", "Interim-Update")}
        for kind, path in packets.items():
            path.write_text("\n\n".join(_packet(kind, number) for number in range(1_000)) + "\n")
        async with serving(house, key.secret) as port:
            ports = ("18412", "18413")
            environment = {
                "HOSPES_URL": f"http://127.0.0.1:{port}",
                "HOSPES_RADIUS_TOKEN": token.secret,
                "HOSPES_RADIUS_SECRET": "bench",
                "HOSPES_RADIUS_CLIENTS": "127.0.0.1/32",
                "HOSPES_RADIUS_AUTH_PORT": ports[0],
                "HOSPES_RADIUS_ACCT_PORT": ports[1],
                "HOSPES_RADIUS_RUN": folder,
            }
            command = [server, "-f", "-d", str(_CONFIGURED), "-l", f"{folder}/log"]
            running = subprocess.Popen(command, env=environment | {"PATH": "/usr/bin:/usr/sbin"})
            try:
                while (
                    "Ready to process" not in (Path(folder) / "log").read_text()
                    if (Path(folder) / "log").exists()
                    else True
                ):
                    await asyncio.sleep(0.05)
                await _send_packets(radclient, packets["Start"], ports[1], 1)
                rates = [await _send_packets(radclient, packets["Interim-Update"], ports[1], 5) for _ in range(3)]
            finally:
                running.terminate()
                running.wait()
    rate = statistics.median(rates)
    row("RADIUS accounting updates through FreeRADIUS", rate, "a s", ">= 1000", rate >= 1000)


def _packet(kind: str, number: int) -> str:
    return "\n".join(
        (
            f"Acct-Status-Type = {kind}",
            f'Acct-Session-Id = "s{number}"',
            f'User-Name = "a483e7{number:06x}"',
            f'Calling-Station-Id = "a4-83-e7-{number // 65536:02x}-{number // 256 % 256:02x}-{number % 256:02x}"',
            'NAS-Identifier = "ap-1"',
            "Acct-Session-Time = 300",
        )
    )


async def _send_packets(radclient: str, path: Path, port: str, times: int) -> float:
    command = [radclient, "-q", "-s", "-c", str(times), "-p", "64", "-r", "3", "-t", "5", "-f", str(path)]
    began = time.perf_counter()
    run = await asyncio.create_subprocess_exec(*command, f"127.0.0.1:{port}", "acct", "bench", stdout=subprocess.PIPE)
    said, _ = await run.communicate()
    took = time.perf_counter() - began
    lost = [line for line in said.decode().splitlines() if "Lost" in line]
    if lost and lost[0].split()[-1] != "0":
        raise RuntimeError(said.decode())
    return 1_000 * times / took


async def overview(house: House, keys: list[str]) -> None:
    """The headline figures of a workspace with a million guests and ten million events."""
    connection = await asyncpg.connect(house.dsn)
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM events WHERE workspace_id = $1 AND type = 'visit.started')", BIG
    ):
        print(f"Seeding {_EVENTS:,} events (once)")
        for statement in _PAST:
            await connection.execute(statement, BIG, _EVENTS)
        await connection.execute("ANALYZE")
    await connection.close()
    now: Any = datetime.now(UTC)
    async with house.database.begin(BIG, now=now, actor=_ACTOR) as tx:
        await analytics.fold(tx, now.date() - timedelta(days=2))
    async with serving(house, keys[0]) as port:
        for page in ("overview", "guests", "promotions"):
            _, some = await load(
                port,
                lambda number, page=page: request("GET", f"{BASE}/analytics/{page}", keys[number % len(keys)]),
                connections=2,
                seconds=2,
            )
            p95 = statistics.quantiles(some, n=20)[-1]
            row(f"GET /analytics/{page}, 1M guests, 10M events, p95", p95, "ms", "<= 100", p95 <= 100)


# A visit in ten events, points in the others, over two years; and what the house keeps of them.
_PAST = (
    """
    INSERT INTO events (workspace_id, position, type, guest_id, sequence, location_id, payload, door, actor,
                        occurred_at, recorded_at)
    SELECT $1, i, CASE WHEN i % 10 = 0 THEN 'visit.started' ELSE 'loyalty.points_added' END, 1 + i % 1000000,
           1000 + i / 1000000, 1, jsonb_build_object('guest_id', 1 + i % 1000000, 'points', 10, 'session_id', i),
           'bench', 'bench', at, at
      FROM (SELECT i, now() - interval '700 days' * (1 - i::float / $2) AS at FROM generate_series(1, $2::bigint) i) e
    """,
    """
    INSERT INTO day_counts (workspace_id, location_id, metric, day_on, slot, value)
    SELECT $1, place, metric, occurred_at::date, 0, count(*) * CASE metric WHEN 'points_added' THEN 10 ELSE 1 END
      FROM events e
     CROSS JOIN (VALUES (0), (1)) AS places (place)
     CROSS JOIN LATERAL (SELECT CASE type WHEN 'visit.started' THEN 'visits' ELSE 'points_added' END) AS m (metric)
     WHERE workspace_id = $1 AND type IN ('visit.started', 'loyalty.points_added') AND $2::bigint > 0
     GROUP BY place, metric, occurred_at::date
        ON CONFLICT DO NOTHING
    """,
)
