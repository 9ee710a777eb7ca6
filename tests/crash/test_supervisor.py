"""The parent of `hospes serve` keeps its children alive, ends them in order, and leaves nobody behind."""

# Processes are started and watched from outside; nothing else runs in the loop.

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hospes.base import lifeline, processes
from hospes.base.clock import ManualClock
from hospes.base.errors import Misconfigured
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.processes import wait_until
from hospes.cli.supervisor import Child, Pause, Supervisor, bind

PATIENCE_SECONDS = 20


class House:
    """A supervisor in a process of its own, and what its children noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.notes = folder / "notes"
        self.said = folder / "said"
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self, *, database: bool = False, grace: float = 20, waits_for: Path | None = None, **children: list[str]
    ) -> None:
        """`waits_for` is a file whose appearance ends the preparations."""
        arguments = {name: [name, str(self.notes), *habits] for name, habits in children.items()}
        data = str(self.data) if database else None
        told = json.dumps(
            {
                "data": data,
                "env": {"WHO": "us"},
                "grace": grace,
                "waits_for": str(waits_for) if waits_for else None,
                "children": arguments,
            }
        )
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("parent.py")), told],
                stderr=said,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def exit_status(self) -> int:
        assert self.process
        return self.process.wait(PATIENCE_SECONDS)

    def noted(self, name: str, what: str) -> list[int]:
        """The pids of those who noted it."""
        lines = [line.split() for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        return [int(pid) for who, pid, noted in lines if (who, noted) == (name, what)]

    def alive(self) -> list[str]:
        """Command lines, of whatever user, that name the folder."""
        return [command for _, command in processes.commands_from_ps() if str(self.folder) in command]

    def started(self, name: str, times: int = 1) -> int:
        """Wait until the child has started so many times; its latest pid."""
        soon(lambda: len(self.noted(name, "started")) >= times)
        return self.noted(name, "started")[-1]


def soon(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, PATIENCE_SECONDS)


@pytest.fixture
def house() -> Iterator[House]:
    """Not in `tmp_path`, which under root nobody else may enter."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    made = House(folder)
    yield made
    if made.process:
        made.process.kill()
        made.process.wait()
    soon(lambda: not made.alive())
    shutil.rmtree(folder)


async def ask(house: House, statement: str) -> Any:
    connection = await asyncpg.connect(EmbeddedPostgres(house.data).dsn, timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def postmaster(house: House) -> int:
    """The running one's pid, or 0."""
    try:
        lines = (house.data / "postgres" / "postmaster.pid").read_text().split("\n")
    except OSError:
        return 0
    return int(lines[0]) if len(lines) > 7 and lines[7].strip() == "ready" else 0


def test_a_child_that_dies_is_started_again(house: House) -> None:
    house.start(api=[], worker=[])
    first, worker = house.started("api"), house.started("worker")

    os.kill(first, signal.SIGKILL)

    assert house.started("api", times=2) != first
    assert house.noted("worker", "started") == [worker]
    assert house.said.read_text() == "api was ended by SIGKILL. Starting it again in 0.2 s.\n"


def test_a_child_that_ends_of_itself_is_started_again(house: House) -> None:
    house.start(api=[])

    os.kill(house.started("api"), signal.SIGTERM)

    house.started("api", times=2)
    assert house.said.read_text() == "api ended with status 0. Starting it again in 0.2 s.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_end_it_lets_the_children_end_first(house: House, number: signal.Signals) -> None:
    house.start(api=[], worker=[])
    house.started("api")
    house.started("worker")

    house.signal(number)

    assert house.exit_status() == 0
    for name in ("api", "worker"):
        assert house.noted(name, "SIGTERM") == house.noted(name, "ended") == house.noted(name, "started")
    assert not house.alive()
    assert house.said.read_text() == ""


async def test_postgres_ends_after_the_children_have_written_their_last(house: House) -> None:
    house.start(database=True, api=[EmbeddedPostgres(house.data).dsn], worker=[EmbeddedPostgres(house.data).dsn])
    house.started("api")
    house.started("worker")
    await ask(house, "CREATE TABLE ended (name text)")

    house.signal(signal.SIGTERM)
    assert house.exit_status() == 0
    assert not house.alive()

    house.start(database=True)
    soon(lambda: postmaster(house) > 0)
    assert await ask(house, "SELECT string_agg(name, ' ' ORDER BY name) FROM ended") == "api worker"
    log = (house.data / "postgres.log").read_text()
    assert "was not properly shut down" not in log


def test_ctrl_c_in_a_terminal_reaches_the_supervisor_alone(house: House) -> None:
    house.start(api=[])
    house.started("api")
    assert house.process

    os.killpg(house.process.pid, signal.SIGINT)

    assert house.exit_status() == 0
    assert not house.noted("api", "SIGINT")
    assert house.noted("api", "SIGTERM")


def test_who_does_not_end_within_the_grace_is_killed(house: House) -> None:
    house.start(grace=0.5, api=[], worker=["stubborn"])
    house.started("api")
    house.started("worker")

    house.signal(signal.SIGTERM)

    assert house.exit_status() == 0
    assert house.noted("api", "ended")
    assert house.said.read_text() == "Did not end within 0.5 s, killing: worker.\n"
    assert not house.alive()


def test_a_second_signal_kills_at_once(house: House) -> None:
    house.start(database=True, grace=3600, api=["stubborn"])
    house.started("api")
    house.signal(signal.SIGTERM)
    soon(lambda: bool(house.noted("api", "SIGTERM")))

    house.signal(signal.SIGTERM)

    assert house.exit_status() == 1
    assert not house.alive()


def test_kill_9_of_the_supervisor_leaves_nobody_and_the_next_start_is_clean(house: House) -> None:
    for round_ in range(1, 4):
        house.start(database=True, api=[], worker=["stubborn"])
        house.started("api", times=round_)
        house.started("worker", times=round_)

        house.signal(signal.SIGKILL)

        house.exit_status()
        soon(lambda: not house.alive())
        assert len(house.noted("api", "ended")) == round_


def test_kill_9_while_starting_leaves_nobody(house: House) -> None:
    house.start(database=True, api=[])
    soon(lambda: any(house.data.glob("postgres.new-*")))

    house.signal(signal.SIGKILL)

    house.exit_status()
    soon(lambda: not house.alive())
    house.start(database=True, api=[])
    house.started("api")


def test_children_load_while_what_they_need_is_made_and_start_once_it_is(house: House) -> None:
    made = house.folder / "made"
    house.start(waits_for=made, api=[], worker=[])
    soon(lambda: bool(house.noted("api", "loaded") and house.noted("worker", "loaded")))
    assert not house.noted("api", "started")
    assert not house.noted("worker", "started")

    made.touch()

    assert house.started("api") == house.noted("api", "loaded")[0]
    assert house.started("worker") == house.noted("worker", "loaded")[0]

    os.kill(house.started("api"), signal.SIGKILL)

    assert house.started("api", times=2) == house.noted("api", "loaded")[1]


def test_kill_9_while_preparing_leaves_nobody(house: House) -> None:
    house.start(waits_for=house.folder / "never", api=[], worker=["stubborn"])
    soon(lambda: bool(house.noted("api", "loaded") and house.noted("worker", "loaded")))

    house.signal(signal.SIGKILL)

    house.exit_status()
    soon(lambda: not house.alive())


def test_when_what_children_need_cannot_be_made_nobody_is_left() -> None:
    supervisor = Supervisor([Child("sleeper", ["sleep", "600.75"])], say=lambda _: None)
    alive: list[bool] = []

    def look() -> None:
        alive.append("sleep 600.75" in [command for _, command in processes.commands_from_ps()])

    def prepare() -> None:
        with supervisor.preparing():
            look()
            raise Misconfigured

    with pytest.raises(Misconfigured):
        prepare()

    look()
    assert alive == [True, False]


async def test_kill_9_of_the_postmaster_is_repaired_and_loses_nothing(house: House) -> None:
    house.start(database=True, api=[])
    api = house.started("api")
    await ask(house, "CREATE TABLE kept (id int)")
    for i in range(5):
        await ask(house, f"INSERT INTO kept VALUES ({i})")
        pid = postmaster(house)

        os.kill(pid, signal.SIGKILL)

        soon(lambda: postmaster(house) not in {0, pid})  # noqa: B023
        assert await ask(house, "SELECT count(*) FROM kept") == i + 1
    assert house.noted("api", "started") == [api]
    assert house.said.read_text() == "PostgreSQL stopped. Starting it again.\n" * 5


async def test_kill_9_of_a_backend_is_repaired(house: House) -> None:
    house.start(database=True)
    soon(lambda: postmaster(house) > 0)
    pid = postmaster(house)
    connection = await asyncpg.connect(EmbeddedPostgres(house.data).dsn)

    os.kill(connection.get_server_pid(), signal.SIGKILL)

    soon(lambda: postmaster(house) not in {0, pid})
    assert await ask(house, "SELECT 1") == 1
    connection.terminate()


def test_a_child_that_cannot_be_started_at_all_is_an_error_and_leaves_nobody(house: House) -> None:
    sleeper = Child("sleeper", ["sleep", "600.25"])
    missing = Child("missing", [str(house.folder / "nothing")])
    said: list[str] = []

    with pytest.raises(FileNotFoundError):
        Supervisor([sleeper, missing], say=said.append).run()

    assert not [command for _, command in processes.commands_from_ps() if command == "sleep 600.25"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_each_death_doubles_the_pause_until_one_has_proven_itself() -> None:
    clock = ManualClock(datetime(2026, 6, 1, tzinfo=UTC))
    pause = Pause(clock, proven_seconds=30)

    pauses = []
    for _ in range(7):
        pauses.append(pause.begin())
        assert not pause.is_over()
        clock.advance(seconds=pauses[-1])
        assert pause.is_over()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]

    clock.advance(seconds=29.9)
    assert pause.begin() == 5.0
    clock.advance(seconds=35)
    assert pause.begin() == 0.2


def test_without_a_lifeline_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lifeline.VARIABLE, raising=False)

    lifeline.watch(lambda: pytest.fail("nobody ended"))


def test_a_bound_port_answers_in_a_child() -> None:
    with bind("127.0.0.1", 0) as listener:
        script = f"import socket; socket.socket(fileno={listener.fileno()}).accept()[0].sendall(b'hello')"
        with (
            subprocess.Popen([sys.executable, "-c", script], pass_fds=[listener.fileno()]),
            socket.create_connection(listener.getsockname(), timeout=10) as caller,
        ):
            assert caller.recv(5) == b"hello"
        assert listener.get_inheritable()


def test_a_port_in_use_is_named() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(Misconfigured) as refusal:
            bind("127.0.0.1", port)

    assert refusal.value.message == f"Port {port} is in use. Stop the other program, or choose another with --port."
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b", "x" * 70])
def test_a_host_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(Misconfigured, match=f"{host} is not an address of this machine"):
        bind(host, 0)


def test_ipv6_will_do() -> None:
    with bind("::1", 0) as listener:
        assert listener.family == socket.AF_INET6
