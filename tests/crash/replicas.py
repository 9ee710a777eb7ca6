"""A PostgreSQL server and its standby, made of the embedded server's programs."""

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from hospes.base import postgres_home
from hospes.base.postgres_home import Account, spawn
from hospes.base.processes import wait_until
from tests.live import data_folder

PATIENCE_SECONDS = 60
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "replica",
    "shared_buffers": "32MB",
    "wal_receiver_status_interval": "1",
    "restart_after_crash": "off",
}


class Server:
    """One of the two."""

    def __init__(self, folder: Path, programs: Path, account: Account) -> None:
        self.folder = folder
        self.port = free_port()
        self._programs = programs
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        return f"postgresql://hospes@127.0.0.1:{self.port}/postgres"

    def do(self, program: str, *arguments: str) -> None:
        process = spawn(
            [str(self._programs / program), *arguments],
            self._account,
            dies_by=signal.SIGKILL,
            output=subprocess.PIPE,
        )
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said.decode()

    def make(self) -> None:
        self.do("initdb", "-D", str(self.folder), "-U", "hospes", "-A", "trust", "--no-sync", "--no-instructions")

    def copy(self, primary: "Server") -> None:
        """Become its standby."""
        self.do("pg_basebackup", "-D", str(self.folder), "-d", primary.dsn, "-R", "--checkpoint=fast", "--no-sync")

    async def start(self, *, under: Sequence[str] = ()) -> None:
        """`under` is a command that the server is run by. Raises AssertionError when it does not start."""
        options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
        with self.folder.with_suffix(".log").open("ab") as log:
            self._process = spawn(
                [*under, str(self._programs / "postgres"), "-D", str(self.folder), "-p", str(self.port), *options],
                self._account,
                dies_by=signal.SIGKILL,
                output=log.fileno(),
            )
        assert wait_until(self._is_ready, PATIENCE_SECONDS), self.folder.with_suffix(".log").read_text()[-2000:]

    def end(self, by: signal.Signals = signal.SIGINT) -> None:
        if self._process:
            self._process.send_signal(by)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def ask(self, statement: str, *values: object, database: str = "postgres") -> object:
        connection = await asyncpg.connect(self.dsn, database=database, timeout=20)
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    def _is_ready(self) -> bool:
        lines = (self.folder / "postmaster.pid").read_text().split("\n") if self._has_started() else []
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _has_started(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.folder.with_suffix(".log").read_text()[-2000:]
        return (self.folder / "postmaster.pid").exists()


class Pair:
    """`first` is the primary, and waits at each COMMIT for `second`, the standby."""

    def __init__(self, first: Server, second: Server) -> None:
        self.first = first
        self.second = second

    @property
    def dsn(self) -> str:
        """Whichever of them takes writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.first, self.second))
        return f"postgresql://hospes@{hosts}/hospes?target_session_attrs=read-write"

    async def set_up(self) -> None:
        self.first.make()
        await self.first.start()
        await self.first.ask("CREATE DATABASE hospes")
        self.second.copy(self.first)
        await self.second.start()

    async def wait_for_the_standby(self) -> None:
        await self.first.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await self.first.ask("SELECT pg_reload_conf()")

    async def standby_has_all(self) -> None:
        """Until the standby has received what is written by now."""
        written = await self.first.ask("SELECT pg_current_wal_lsn()::text")
        while not await self.second.ask("SELECT pg_last_wal_receive_lsn() >= $1::text::pg_lsn", written):
            await asyncio.sleep(0.01)


@contextmanager
def pair() -> Iterator[Pair]:
    folder = data_folder()
    place = postgres_home.home(folder)
    account = postgres_home.prepare(place)
    programs = postgres_home.programs(place, account)
    servers = []
    for name in ("first", "second"):
        postgres_home.own(folder / name, account)
        servers.append(Server(folder / name, programs, account))
    try:
        yield Pair(*servers)
    finally:
        for server in servers:
            server.end(signal.SIGQUIT)
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
