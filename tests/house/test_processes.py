"""A leash ends a process with the one that holds it."""

import subprocess
import sys

from hospes.base import processes
from hospes.base.processes import wait_until
from tests.house.children import kill


def test_where_the_kernel_sends_nothing_a_leash_does() -> None:
    script = """
import subprocess, sys
from hospes.base.processes import leash
sleeper = subprocess.Popen(["sleep", "600"], start_new_session=True)
leash(sleeper.pid)
print(sleeper.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout
    sleeper = f"{int(parent.stdout.readline())} sleep 600"
    assert sleeper in _listing()

    kill(parent)

    assert wait_until(lambda: sleeper not in _listing(), 10)


def test_a_leash_can_be_let_go() -> None:
    sleeper = subprocess.Popen(["sleep", "600"])

    processes.unleash(processes.leash(sleeper.pid))

    assert sleeper.poll() is None
    kill(sleeper)


def _listing() -> list[str]:
    return [f"{pid} {command}" for pid, command in processes.commands_from_ps()]
