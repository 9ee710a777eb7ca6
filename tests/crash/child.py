"""A child that notes what happens to it, a line each, in a file: name, process id, what.

Arguments: name, file, then any of: stubborn (ignores SIGTERM), DSN (writes a row before it ends).
"""

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import asyncpg

from hospes.base import lifeline

NAME, FILE, *HABITS = sys.argv[1:]


def note(what: str) -> None:
    with Path(FILE).open("a") as file:
        file.write(f"{NAME} {os.getpid()} {what}\n")


async def write_row(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    await connection.execute("INSERT INTO ended (name) VALUES ($1)", NAME)
    await connection.close()


def main() -> None:
    got: list[signal.Signals] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda n, _: got.append(signal.Signals(n)))
    lifeline.watch(partial(lifeline.leave, 0.3))
    note("loaded")
    lifeline.wait_at_gate()
    note("started")
    while True:
        signal.pause()
        note(got[-1].name)
        if "stubborn" not in HABITS:
            break
    for dsn in HABITS:
        asyncio.run(write_row(dsn))
    note("ended")


if __name__ == "__main__":
    main()
