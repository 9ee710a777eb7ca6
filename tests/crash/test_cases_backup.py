"""Case D51: a backup under load is whole, and the copy sends nothing before it is told to."""

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import threading
import urllib.error
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hospes.base import postgres_home
from hospes.base.clock import ManualClock
from hospes.base.migrate import migrate
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.secrets import Vault
from hospes.base.settings import HELD, Settings
from hospes.capabilities import analytics
from hospes.capabilities.events import cluster
from hospes.cli import doctor
from hospes.house import House, prepare
from tests.conftest import NOON, with_database
from tests.crash.test_kill import call, receiving, until
from tests.live import COMMAND, Live, data_folder, live_server
from tests.living import ACTOR, Api, Home, Receiver

UNDELIVERED = """
    SELECT count(*)
      FROM events e
     WHERE e.type = 'guest.created' AND e.position > $1
       AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.workspace_id = e.workspace_id AND d.position = e.position)
"""
# What the original's worker had in hand is free when its lease ends.
UNCLAIMED = """
    SELECT count(*)
      FROM webhook_deliveries
     WHERE endpoint_id = $1 AND status = 'pending' AND (claimed_until IS NULL OR claimed_until <= now())
"""


def hospes(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name != "HOSPES_DATABASE_URL"}
    return subprocess.run(
        [*COMMAND, *arguments], env=kept | environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    folder = data_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def new_guests(live: Live, made: list[int], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            made.append(call(live, "POST", "/crm/guests", {"location_id": 1, "name": "Loaded"})["id"])
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError):
            continue


def all_guests(live: Live) -> set[int]:
    found: set[int] = set()
    total, offset = 1, 0
    while offset < total:
        page = call(live, "GET", f"/crm/guests?limit=200&offset={offset}")
        found |= {guest["id"] for guest in page["items"]}
        total, offset = page["total"], offset + 200
    return found


def test_a_backup_under_load_is_whole_and_its_copy_sends_nothing_before_it_is_told(elsewhere: Path) -> None:
    """D51"""
    made: list[int] = []
    stop = threading.Event()
    copy = elsewhere / "copy"

    with receiving() as (receiver, url):
        with live_server("--workers", "2") as live:
            webhook = call(live, "POST", "/webhooks", {"url": url, "events": ["guest.created"]})["id"]
            writers = [threading.Thread(target=new_guests, args=(live, made, stop)) for _ in range(4)]
            for writer in writers:
                writer.start()
            assert until(lambda: len(made) >= 100)
            before = list(made)
            done = hospes("backup", str(copy), "--data-dir", str(live.folder))
            assert done.returncode == 0, done.stderr
            after = len(made)
            assert until(lambda: len(made) > after)
            stop.set()
            for writer in writers:
                writer.join()
            assert len(before) < after
            assert until(lambda: set(made) <= set(receiver.ids))

        examined = hospes("doctor", "--data-dir", str(copy))
        counted = hospes("analytics", "verify", "--data-dir", str(copy))
        assert (examined.returncode, counted.returncode) == (0, 0), examined.stdout + counted.stdout
        assert "held: this may be a copy" in examined.stdout

        with live_server("--data-dir", str(copy)) as restored:
            # The worker says so when it is up; it has no job that could send.
            assert until(lambda: "outbox.held" in (restored.folder / "log").read_text())
            kept = all_guests(restored)
            own = call(restored, "POST", "/crm/guests", {"location_id": 1, "name": "The copy's own"})["id"]
            listed = call(restored, "GET", f"/webhooks/{webhook}/deliveries?limit=200")["items"]
            assert set(before) <= kept
            assert listed[0]["status"] == "pending"
            assert asyncio.run(one(EmbeddedPostgres(copy).dsn, UNDELIVERED, _since(copy))) == 0
            theirs = listed[0]["id"]
            assert not any(theirs in ids for ids in receiver.ids.values())

        (copy / HELD).unlink()
        sent_before = {guest: set(ids) for guest, ids in receiver.ids.items() if guest in kept}
        with live_server("--data-dir", str(copy)):
            assert until(lambda: theirs in receiver.ids[own])
            assert until(lambda: asyncio.run(one(EmbeddedPostgres(copy).dsn, UNCLAIMED, webhook)) == 0)
        # What both sent, they sent under one id, so a receiver can tell.
        assert all(receiver.ids[guest] == ids for guest, ids in sent_before.items())


def _since(copy: Path) -> int:
    """The position of the newest event before there was a subscriber."""
    statement = """
        SELECT coalesce(max(position), 0)
          FROM events
         WHERE recorded_at < (SELECT min(created_at) FROM webhook_endpoints WHERE url LIKE 'http://127.0.0.1:%')
    """
    return int(asyncio.run(one(EmbeddedPostgres(copy).dsn, statement)))


async def one(dsn: str, statement: str, *values: Any) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


@pytest.mark.parametrize("kind", ["a folder that is not empty", "a file", "a folder nobody can write"])
def test_a_backup_that_cannot_be_made_says_why_and_leaves_nothing(elsewhere: Path, kind: str) -> None:
    """D51"""
    source, to = elsewhere / "source", elsewhere / "to"
    assert hospes("migrate", "--data-dir", str(source)).returncode == 0
    if kind == "a folder that is not empty":
        to.mkdir()
        (to / "mine").write_text("mine")
        says = "is not empty"
    elif kind == "a file":
        to.write_text("mine")
        says = "is not empty"
    else:
        to = Path("/proc/backup")
        says = "cannot be written"

    done = hospes("backup", str(to), "--data-dir", str(source))

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not to.is_dir() or [path.name for path in to.iterdir()] == ["mine"]


def test_with_a_database_of_ones_own_the_command_says_what_to_do_instead(elsewhere: Path) -> None:
    """D51"""
    done = hospes("backup", str(elsewhere / "to"), HOSPES_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert done.returncode == 1
    assert "pg_dump" in done.stderr
    assert "HOSPES_HOLD_OUTBOX=1" in done.stderr


@pytest.fixture
async def source(
    postgres_dsn: str, settings: Settings, clock: ManualClock, vault: Vault
) -> AsyncIterator[tuple[Home, Api]]:
    """A house on a database of its own, for checkers look at all of it."""
    name = f"hospes_source_{os.getpid()}"
    admin = await asyncpg.connect(postgres_dsn)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    dsn = with_database(postgres_dsn, name)
    await migrate(dsn)
    server, workshop = House(settings, dsn, vault, clock=clock), House(settings, dsn, vault, clock=clock)
    async with server.serving() as application, workshop.working() as worker:
        home = Home(server, application, worker, clock, dsn)
        yield home, await home.new_api()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
def other_cluster(elsewhere: Path) -> Iterator[str]:
    """An empty PostgreSQL, whose transaction ids begin anew."""
    postgres = EmbeddedPostgres(elsewhere)
    postgres.start()
    yield postgres.dsn
    postgres.stop()


async def run(program: str, *arguments: str) -> None:
    path = postgres_home.wheel_programs() / program
    process = await asyncio.create_subprocess_exec(path, *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_a_dump_under_load_restored_in_another_cluster_is_whole_and_goes_on_behind_its_end(
    source: tuple[Home, Api],
    other_cluster: str,
    elsewhere: Path,
    settings: Settings,
    vault: Vault,
    receiver: Receiver,
) -> None:
    """D51"""
    home, api = source
    await api.new_webhook(receiver, "guest.created")
    made: list[int] = []
    done = asyncio.Event()

    async def keep_creating() -> None:
        while not done.is_set():
            made.append((await api.new_guest(name="Loaded"))["id"])

    writers = [asyncio.create_task(keep_creating()) for _ in range(4)]
    while len(made) < 300:
        await asyncio.sleep(0)
    before = list(made)
    await run("pg_dump", "-Fc", "-f", str(elsewhere / "dump"), home.dsn)
    done.set()
    await asyncio.gather(*writers)
    assert len(made) > len(before) + 4
    await run("pg_restore", "--no-owner", "-d", other_cluster, str(elsewhere / "dump"))
    newest = await one(other_cluster, "SELECT max(position) FROM events")
    assert newest >> 16 > await one(other_cluster, "SELECT pg_current_xact_id()::text::bigint")

    await prepare(other_cluster, lambda _: None)
    held = settings.model_copy(update={"hold_outbox": True})
    server, workshop, later = (
        House(chosen, other_cluster, vault, clock=ManualClock(NOON)) for chosen in (held, held, settings)
    )
    async with server.serving() as application, workshop.working() as worker:
        copy = Api(
            Home(server, application, worker, ManualClock(home.clock.now()), other_cluster),
            api.workspace_id,
            api.key,
            api.location_id,
            api.portal_id,
        )
        assert await cluster.keep_ahead(server.database)
        assert not await cluster.keep_ahead(server.database)

        kept = {entry["guest_id"] async for entry in created(copy)}
        assert set(before) <= kept <= set(made)
        assert await one(other_cluster, UNDELIVERED, 0) == 0
        assert [finding for finding in await doctor.examine(server) if not finding.is_fine] == []
        async with server.database.begin(api.workspace_id, now=home.clock.now(), actor=ACTOR) as tx:
            assert await analytics.recount(tx, mend=False) == []

        end = await one(other_cluster, "SELECT max(position) FROM events")
        own = await copy.new_guest(name="The copy's own")
        assert [entry["guest_id"] async for entry in created(copy, after=end)] == [own["id"]]
        await worker.run_due(api.workspace_id)
        assert receiver.received == []

        async with later.working() as free:
            await free.run_due(api.workspace_id)
        told = [received.json()["payload"]["guest_id"] for received in receiver.received]
        assert sorted(told) == sorted(kept | {own["id"]})


async def created(api: Api, *, after: int = 0) -> AsyncIterator[dict[str, Any]]:
    """The events of new guests, by their place in the log."""
    while page := (await api.get("/crm/events", type="guest.created", after=after, limit=200)).json()["items"]:
        for entry in page:
            yield entry
        after = page[-1]["id"]


@pytest.mark.parametrize("how", ["setting", "file"])
async def test_while_the_outbox_is_held_nothing_leaves_and_nothing_is_lost(
    home: Home, api: Api, receiver: Receiver, settings: Settings, vault: Vault, elsewhere: Path, how: str
) -> None:
    """D51: webhooks, mail and pushes have no worker; what is recorded meanwhile waits."""
    ours = settings.model_copy(update={"data_dir": elsewhere, "hold_outbox": how == "setting"})
    if how == "file":
        (elsewhere / HELD).touch()
    await api.new_webhook(receiver, "guest.created")
    guest = await api.new_guest()

    async with House(ours, home.dsn, vault, clock=home.clock).working() as held:
        await held.run_due(api.workspace_id)
        waiting = json.loads((await api.get("/webhooks")).body)["items"][0]["id"]
        [delivery] = (await api.get(f"/webhooks/{waiting}/deliveries")).json()["items"]
    assert receiver.received == []
    assert (delivery["status"], delivery["attempts"]) == ("pending", 0)

    await api.deliver()
    assert [received.json()["payload"]["guest_id"] for received in receiver.received] == [guest["id"]]
