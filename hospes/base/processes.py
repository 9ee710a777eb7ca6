"""Processes of the machine: waiting for them, dying with them, ending what a crash left behind.

All of this happens in real seconds whatever the house's clock says, so time is asked here directly.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from hospes.base.errors import Misconfigured

_ON_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None) if _ON_LINUX else None
_PR_SET_PDEATHSIG = 1
_PATIENCE_SECONDS = 3


def never() -> bool:
    return False


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.005) -> bool:
    """Look `every` so many seconds until the condition holds; False when it never did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


def die_with_parent(by: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the kernel signals the child when the thread that started it ends (Linux only).

    A thread, says prctl(2), and the setting is lost when credentials change afterwards.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(by))
        if os.getppid() != parent:  # it ended before the kernel knew
            os._exit(1)

    return prepare


def leash(pid: int) -> "subprocess.Popen[bytes]":
    """Where the kernel has no such service (macOS): a shell that sends SIGQUIT to `pid` once we are gone.

    It reads from a pipe that only we could write to, and nobody does.
    """
    return subprocess.Popen(  # noqa: S603 - a number is all that comes from outside
        ["/bin/sh", "-c", 'read -r _; kill -QUIT "$1"', "hospes-leash", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def unleash(watcher: "subprocess.Popen[bytes]") -> None:
    """End a `leash` without its signal."""
    watcher.kill()
    watcher.communicate()


def end_left_over(cluster_name: str) -> None:
    """Wait for the servers and backends of an earlier run to end; after a while, make them.

    Nobody may be starting such a server meanwhile. Ending them is safe: what they committed is in
    the write-ahead log. Raises Misconfigured when one cannot be ended.
    """

    def gone() -> bool:
        return not find_postgres(cluster_name)

    if wait_until(gone, _PATIENCE_SECONDS, every=0.02):
        return
    for by in (signal.SIGQUIT, signal.SIGKILL):
        for pid in find_postgres(cluster_name):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, by)
        if wait_until(gone, _PATIENCE_SECONDS, every=0.02):
            return
    left = ", ".join(str(pid) for pid in find_postgres(cluster_name))
    raise Misconfigured(f"PostgreSQL of an earlier run does not end (process {left}). End it, then start again.")


def find_postgres(cluster_name: str) -> list[int]:
    """The processes of the PostgreSQL server of this name: the postmaster, its backends, or both."""
    return [pid for pid, command in _commands() if _is_of(cluster_name, command)]


def _is_of(cluster_name: str, command: str) -> bool:
    if command.startswith(f"postgres: {cluster_name}:"):  # a backend, by its title
        return True
    return "/postgres -D " in command and f"cluster_name={cluster_name}" in command.split()


def _commands() -> Iterator[tuple[int, str]]:
    """Process id and command line of everything that runs and is no zombie.

    Command lines because they are open to all: in a container root may not see whose folder a
    process of another user stands in.
    """
    return _commands_from_proc() if _ON_LINUX else commands_from_ps()


def _commands_from_proc() -> Iterator[tuple[int, str]]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                yield (
                    int(process.name),
                    (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"),
                )


def commands_from_ps() -> Iterator[tuple[int, str]]:
    """The same where there is no /proc."""
    listing = subprocess.run(["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, check=False)
    for line in listing.stdout.decode(errors="replace").splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.strip()
