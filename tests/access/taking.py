"""A process that takes from shared memory: `taking.py MEMORY LIMIT CALLS`.

Writes `r` when ready, waits for its input to close, then writes `+` after each call that passed.
With CALLS 0 it takes every lock, writes `+` and holds them until it is killed.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from fcntl import LOCK_EX, lockf

from hospes.base.clock import ManualClock
from hospes.capabilities.access.shared_windows import SharedWindows

if __name__ == "__main__":
    memory, limit, calls = (int(argument) for argument in sys.argv[1:])
    windows = SharedWindows(memory, ManualClock(datetime(2026, 6, 20, 12, tzinfo=UTC)))
    os.write(1, b"r")
    os.read(0, 1)
    if not calls:
        lockf(memory, LOCK_EX)
        os.write(1, b"+")
        signal.pause()
    for _ in range(calls):
        if not windows.take("key", limit):
            os.write(1, b"+")
