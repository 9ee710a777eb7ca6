"""Two PostgreSQL servers that Patroni and etcd keep, where both are installed."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hospes.base import postgres_home
from hospes.base.postgres_home import Account, spawn
from hospes.base.processes import wait_until
from tests.crash.replicas import free_port
from tests.live import data_folder

PATIENCE_SECONDS = 120


class Node:
    def __init__(self, name: str, folder: Path, programs: Path, etcd: int) -> None:
        self.name = name
        self.folder = folder / "postgres"
        self.port, self.rest = free_port(), free_port()
        self.config = folder.with_suffix(".json")  # JSON is YAML, too
        self._settings = {
            "scope": "hospes",
            "name": name,
            "restapi": {"listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{self.rest}"},
            "etcd3": {"host": f"127.0.0.1:{etcd}"},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.folder),
                "bin_dir": str(programs),
                "pgpass": str(folder / "pgpass"),
                "authentication": {role: {"username": "hospes"} for role in ("superuser", "replication", "rewind")},
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "parameters": {"unix_socket_directories": "", "shared_buffers": "32MB"},
            },
        }

    def configure(self, *, is_synchronous: bool) -> None:
        cluster = {
            # As short as Patroni allows.
            "ttl": 20,
            "loop_wait": 1,
            "retry_timeout": 3,
            # A primary that died is not waited for.
            "primary_start_timeout": 0,
            "maximum_lag_on_failover": 1 << 20,
            "synchronous_mode": is_synchronous,
            "synchronous_mode_strict": is_synchronous,
            "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": {"wal_log_hints": "on"}},
        }
        initdb = [{"encoding": "UTF8"}, {"auth": "trust"}, "data-checksums"]
        self.config.write_text(json.dumps({**self._settings, "bootstrap": {"dcs": cluster, "initdb": initdb}}))
        self.config.chmod(0o644)

    def plays(self, role: str) -> bool:
        """`primary`, `replica`, `synchronous`, as Patroni's own answers have it."""
        with suppress(OSError, urllib.error.HTTPError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/{role}", timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        """kill -9 of the postmaster."""
        os.kill(int((self.folder / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)


class Cluster:
    def __init__(self, nodes: list[Node], etcd: "subprocess.Popen[bytes]") -> None:
        self.nodes = nodes
        self.etcd = etcd

    @property
    def dsn(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://hospes@{hosts}/hospes?target_session_attrs=read-write"

    def primary(self) -> Node | None:
        return next((node for node in self.nodes if node.plays("primary")), None)

    def is_whole(self, standby: str) -> bool:
        return self.primary() is not None and any(node.plays(standby) for node in self.nodes)

    async def set_up(self) -> None:
        """Make the database, and wait until the standby has it, too."""
        await self.ask("CREATE DATABASE hospes", database="postgres")
        for node in self.nodes:
            while True:
                with suppress(asyncpg.InvalidCatalogNameError):
                    address = f"postgresql://hospes@127.0.0.1:{node.port}/hospes"
                    await (await asyncpg.connect(address, timeout=20)).close()
                    break

    def switch_over(self) -> None:
        """The standby becomes the primary, in order."""
        primary = self.primary()
        assert primary is not None
        body = json.dumps({"leader": primary.name}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{primary.rest}/switchover", body)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    async def ask(self, statement: str, *, database: str = "hospes") -> Any:
        connection = await asyncpg.connect(self.dsn, database=database, timeout=20)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@contextmanager
def cluster(*, is_synchronous: bool) -> Iterator[Cluster]:
    """Skips the test where Patroni and etcd cannot be run."""
    patroni, etcd = shutil.which("patroni"), shutil.which("etcd")
    if patroni is None or etcd is None:
        pytest.skip("Patroni and etcd are not installed")
    folder = data_folder()
    place = postgres_home.home(folder)
    account = postgres_home.prepare(place)
    programs = postgres_home.programs(place, account)
    postgres_home.own(folder / "etcd", account)
    client, peer = (f"http://127.0.0.1:{port}" for port in (free_port(), free_port()))
    started = [
        run(
            [etcd, "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"]
            + ["--listen-client-urls", client, "--advertise-client-urls", client]
            + ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
            + ["--initial-cluster", f"default={peer}"],
            account,
            folder / "etcd.log",
        )
    ]
    nodes = []
    try:
        for name in ("anna", "bela"):
            nodes.append(node := Node(name, folder / name, programs, int(client.rpartition(":")[2])))
            postgres_home.own(folder / name, account)
            node.configure(is_synchronous=is_synchronous)
            started.append(run([patroni, str(node.config)], account, folder / f"{name}.log"))
        made = Cluster(nodes, started[0])
        standby = "synchronous" if is_synchronous else "replica"
        whole = wait_until(lambda: made.is_whole(standby), PATIENCE_SECONDS, every=0.2)
        assert whole, (folder / "anna.log").read_text()[-2000:] + (folder / "bela.log").read_text()[-2000:]
        yield made
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def run(command: list[str], account: Account, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as file:
        return spawn(
            ["/usr/bin/env", f"PATH={os.environ['PATH']}", *command],
            account,
            dies_by=signal.SIGTERM,
            output=file.fileno(),
        )
