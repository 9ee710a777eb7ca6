"""Case D45: the database's disk answers writing with errors."""

import asyncio
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import IS_FULL
from tests.crash.replicas import pair
from tests.crash.test_cases_replication import send
from tests.crash.test_kill import until
from tests.live import live_server

ROUNDS = 20 if IS_FULL else 2

# While the file is there that the environment names, writing and making it last fail as on a disk that dies.
FAULTS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(void) { return access(getenv("FAILS_WHILE"), F_OK) == 0; }

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    if (fails()) { errno = EIO; return -1; }
    return real(file, bytes, count, at);
}

int fdatasync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    if (fails()) { errno = EIO; return -1; }
    return real(file);
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
async def test_what_could_not_be_written_is_not_acknowledged() -> None:
    """D45"""
    acknowledged: list[str] = []
    refused = 0
    with pair() as servers:
        server = servers.first
        folder = server.folder.parent
        flag, library = folder / "fails", compiled(folder)
        under = ["/usr/bin/env", f"LD_PRELOAD={library}", f"FAILS_WHILE={flag}"]
        server.make()
        await server.start(under=under)
        await server.ask("CREATE DATABASE hospes")
        with live_server(database_url=f"{server.dsn.rpartition('/')[0]}/hospes") as live:
            ending = asyncio.Event()

            async def write() -> None:
                nonlocal refused
                while not ending.is_set():
                    name = f"Guest {uuid4()}"
                    status, said = await asyncio.to_thread(send, live, name, name)
                    assert status in {201, 503}, said
                    if status == 201:
                        acknowledged.append(name)
                    else:
                        refused += 1

            writers = [asyncio.create_task(write()) for _ in range(4)]
            for _ in range(ROUNDS):
                assert await asyncio.to_thread(until, partial(has_grown, acknowledged, len(acknowledged) + 20))
                flag.touch()
                assert await asyncio.to_thread(until, lambda: not server.is_running()), "it ends, and lies to nobody"
                at_its_end = list(acknowledged)
                flag.unlink()
                await server.start(under=under)
                found = await server.ask(NAMES, database="hospes")
                assert isinstance(found, list)
                assert set(at_its_end) <= set(found)
                assert len(found) == len(set(found))
            ending.set()
            await asyncio.gather(*writers)
        server.end(signal.SIGINT)

    assert refused > 0


def has_grown(names: list[str], past: int) -> bool:
    return len(names) > past


NAMES = "SELECT array_agg(name) FROM guests WHERE name LIKE 'Guest %'"


def compiled(folder: Path) -> Path:
    source, library = folder / "faults.c", folder / "faults.so"
    source.write_text(FAULTS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    library.chmod(0o755)
    return library
