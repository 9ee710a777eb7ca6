"""The embedded PostgreSQL: the wheel's programs, run as a child that dies with us.

It listens on a Unix socket in a folder that only its own user and root can enter, and nowhere else.
"""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from hospes.base import postgres_cluster, postgres_home
from hospes.base.errors import Misconfigured
from hospes.base.postgres_cluster import NAME
from hospes.base.postgres_home import Account, spawn
from hospes.base.processes import end_left_over, leash, never, unleash, wait_until

_LOG_BYTES = 10_000_000
# Recovery after a crash reads up to `max_wal_size`; on a slow disk that takes minutes.
_START_SECONDS = 600

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "fsync": "on",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    # When a backend crashes, all of it ends and `restart_if_dead` brings it back: one way, whatever
    # died. PostgreSQL 18's own restart also hangs when it is told to shut down meanwhile.
    "restart_after_crash": "off",
    # Messages carry values of rows, and personal data has no place in a log (case S7). The level
    # "log" lies above "error": starts, crashes and shutdowns are written, a session's errors are
    # not, and they reach the client, who asked, in full.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """PostgreSQL 18 in a data folder, for the user and database `hospes`.

    The caller has the folder through `data_folder.claim`: whatever else runs on it is taken for a
    remnant of a crash, and ended. On Linux `start` belongs to the main thread, because the server
    ends together with the thread that started it. Nothing restarts it but `restart_if_dead`.
    """

    def __init__(self, data_dir: Path) -> None:
        self._home = postgres_home.home(data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None
        self._is_wanted = False

    @property
    def dsn(self) -> str:
        """For asyncpg; the same in every process that looks at this folder, before the start too."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self._home.sockets))}&port={_SETTINGS['port']}"

    @property
    def pid(self) -> int | None:
        """The postmaster, or None when it does not run."""
        return self._process.pid if self._process and self.is_running() else None

    def start(self, *, give_up: Callable[[], bool] = never) -> None:
        """Return when it takes connections; the first time it makes the cluster. Harmless when it runs.

        Stops and returns once `give_up` says so. Raises Misconfigured when it cannot be started.
        """
        if self.is_running():
            return
        if sys.platform == "linux" and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("PostgreSQL would end with this thread: start it from the main thread")
        self._is_wanted = True
        self._forget()
        account = postgres_home.prepare(self._home)
        programs = postgres_home.programs(self._home, account)
        postgres_cluster.ensure(self._home, programs, account)
        self._clear_remains()
        self._launch(programs, account)
        self._await_ready(give_up)

    def stop(self, *, hurry: Callable[[], bool] = never) -> None:
        """End it: fast (transactions roll back, 30 s), then immediately (10 s), then by force.

        Skips the first of these once `hurry` says so; nothing committed is lost either way.
        """
        self._is_wanted = False
        self._end(hurry)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        """Whether the postmaster lives; it may still be recovering."""
        return self._process is not None and self._process.poll() is None

    def restart_if_dead(self, *, give_up: Callable[[], bool] = never) -> bool:
        """Start it again when it was started and has died; returns whether it had. Errors as `start`."""
        if not self._is_wanted or self.is_running():
            return False
        self.start(give_up=give_up)
        return True

    def _end(self, hurry: Callable[[], bool]) -> None:
        for by, seconds, cut_short in (
            (signal.SIGINT, 30, hurry),
            (signal.SIGQUIT, 10, never),
            (signal.SIGKILL, 10, never),
        ):
            if self.is_running() and self._process:
                self._process.send_signal(by)
                self._await_end(seconds, cut_short)
        self._forget()

    def _await_end(self, seconds: float, cut_short: Callable[[], bool]) -> None:
        wait_until(lambda: not self.is_running() or cut_short(), seconds)

    def _forget(self) -> None:
        if self._leash:
            unleash(self._leash)
        self._leash = None
        if not self.is_running():
            self._process = None

    def _clear_remains(self) -> None:
        """After a crash: processes that still hold shared memory, and locks that name anybody.

        PostgreSQL asks only whether the process in its lock file exists, and another program, or a
        zombie, may have that number by now.
        """
        end_left_over(_cluster_name(self._home.cluster))
        for lock in (
            self._home.cluster / "postmaster.pid",
            self._home.sockets / ".s.PGSQL.5432",
            self._home.sockets / ".s.PGSQL.5432.lock",
        ):
            lock.unlink(missing_ok=True)

    def _launch(self, programs: Path, account: Account) -> None:
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self._home.sockets),
            "cluster_name": _cluster_name(self._home.cluster),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _open_log(self._home.log) as log:
            self._process = spawn(
                [str(programs / "postgres"), "-D", str(self._home.cluster), *options],
                account,
                dies_by=signal.SIGQUIT,  # within 5 s for certain; a fast shutdown may wait for a backend
                output=log.fileno(),
            )
        if sys.platform != "linux":
            self._leash = leash(self._process.pid)

    def _await_ready(self, give_up: Callable[[], bool]) -> None:
        wait_until(lambda: self._is_ready() or not self.is_running() or give_up(), _START_SECONDS)
        if self._is_ready():
            return
        died = not self.is_running()
        self._end(never)
        if died or not give_up():
            raise Misconfigured(f"PostgreSQL did not start: {_last_words(self._home.log)} See {self._home.log}.")

    def _is_ready(self) -> bool:
        """By the status line of postmaster.pid (PostgreSQL, src/include/utils/pidfile.h)."""
        with suppress(OSError, IndexError):
            lines = (self._home.cluster / "postmaster.pid").read_text().split("\n")
            return self._process is not None and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"
        return False


def _cluster_name(cluster: Path) -> str:
    """Tells our processes from those of another folder, also one with this path in another container."""
    state = cluster.stat()
    identity = b"%d %d " % (state.st_dev, state.st_ino) + os.fsencode(cluster)
    return f"hospes-{hashlib.sha256(identity).hexdigest()[:16]}"


def _open_log(path: Path) -> BinaryIO:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        os.truncate(path, 0)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-50:]
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
    return (fatal or lines or ["it said nothing."])[-1]
