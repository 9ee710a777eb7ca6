"""Case D42: the database's disk gets full, and there is room again."""

import asyncio
import json
import urllib.error
from collections import Counter
from functools import partial
from typing import Any

import asyncpg

from hospes.base.clock import ManualClock
from hospes.base.disk import RESERVE, Room
from hospes.base.jobs import SWEEP_SECONDS, Chore, Worker
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.settings import Settings
from tests.conftest import NOON
from tests.crash.mounts import fill, free_bytes, mounted
from tests.crash.test_cases_backup import hospes
from tests.crash.test_kill import call, until
from tests.live import Live, live_server

DISK = "400m"
# So much is left to the writers before it gets tight.
LEFT = RESERVE + (6 << 20)


def tried(live: Live, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """The status and, of a good answer, what it says."""
    try:
        return 200, call(live, method, path, body)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None


def write(live: Live, made: list[int]) -> int:
    attributes = {f"a{number}": f"{len(made)}-{number} " * 60 for number in range(20)}
    status, guest = tried(live, "POST", "/crm/guests", {"location_id": 1, "name": "Full", "attributes": attributes})
    if status == 200:
        made.append(guest["id"])
    return status


async def new_segment(dsn: str) -> None:
    """A whole segment of the write-ahead log is free."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("CHECKPOINT")
    await connection.close()


def test_while_the_disk_is_full_reading_goes_on_and_nothing_acknowledged_is_lost() -> None:
    """D42: first by what we write ourselves, then to the last byte by somebody else."""
    made: list[int] = []
    with mounted(DISK) as disk:
        with live_server("--data-dir", str(disk / "data")) as live:
            live.key = wide_key(live, str(disk / "data"))
            assert write(live, made) == 200
            fill(disk, leave=LEFT)

            assert until(lambda: write(live, made) == 503)
            assert free_bytes(disk) > RESERVE - (32 << 20)
            tight = [(write(live, made), tried(live, "GET", f"/crm/guests/{made[-1]}")[0]) for _ in range(100)]

            asyncio.run(new_segment(EmbeddedPostgres(disk / "data").dsn))
            filler = fill(disk)
            assert free_bytes(disk) == 0
            full = [(write(live, made), tried(live, "GET", "/crm/guests?limit=5")[0]) for _ in range(100)]
            examined = hospes("doctor", "--data-dir", str(disk / "data"))

            filler.unlink()
            assert until(lambda: write(live, made) == 200)
            lost = [guest for guest in made if tried(live, "GET", f"/crm/guests/{guest}")[0] != 200]
        after = hospes("doctor", "--data-dir", str(disk / "data"))

    assert Counter(tight) == Counter(full) == {(503, 200): 100}
    assert lost == []
    assert len(made) == len(set(made)) > 100
    assert examined.returncode == 1
    assert "BAD  disk: 0 MiB free" in examined.stdout
    assert after.returncode == 0, after.stdout


def wide_key(live: Live, folder: str) -> str:
    """A key that may call often."""
    done = hospes("keys", "create", "1", "--scope", "*", "--rate-limit", "10000", "--json", "--data-dir", folder)
    return str(json.loads(done.stdout)["api_key"])


class Counted:
    """A job that counts how often it was run."""

    runs = 0

    async def run(self, _workspace_id: int) -> None:
        self.runs += 1

    async def waiting(self) -> list[int]:
        return [1]

    async def settle(self) -> None:
        pass

    def stop(self) -> None:
        pass


async def test_a_worker_begins_nothing_while_the_disk_is_full_and_catches_up() -> None:
    """D42: what the API leaves free is not the worker's to fill."""
    clock, ending, job, chore = ManualClock(NOON), asyncio.Event(), Counted(), Counted()
    with mounted("80m") as disk:
        room = Room(Settings(data_dir=disk), clock)
        filler = fill(disk, leave=RESERVE - 1)
        chores = [Chore("count", 3600, partial(chore.run, 1))]
        worker = Worker({"count": job}, chores, clock, has_room=room.is_left)  # type: ignore[dict-item]
        working = asyncio.create_task(worker.run(ending))
        for _ in range(3):
            await turned()
            clock.advance(seconds=SWEEP_SECONDS)
        while_full = (job.runs, chore.runs)

        filler.unlink()
        for _ in range(2):
            await turned()
            clock.advance(seconds=SWEEP_SECONDS)
        await turned()
        ending.set()
        await working

    assert while_full == (0, 0)
    assert job.runs > 0
    assert chore.runs == 1


async def turned() -> None:
    """Everybody who could go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_room_is_looked_for_again_when_time_has_passed_and_not_for_a_database_elsewhere() -> None:
    """D42"""
    clock = ManualClock(NOON)
    with mounted("80m") as disk:
        room = Room(Settings(data_dir=disk), clock)
        elsewhere = Room(Settings(data_dir=disk, database_url="postgresql://elsewhere/hospes"), clock)  # type: ignore[arg-type]
        told = [room.is_left()]
        filler = fill(disk, leave=RESERVE - 1)
        told += [room.is_left()]
        clock.advance(seconds=1)
        told += [room.is_left(), elsewhere.is_left()]
        filler.unlink()
        clock.advance(seconds=1)
        told += [room.is_left()]
    clock.advance(seconds=1)

    assert told == [True, True, False, True, True]
    assert Room(Settings(data_dir=disk), clock).is_left(), "who cannot look forbids nothing"
