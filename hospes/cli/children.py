"""The processes that `hospes serve` keeps running: `api` answers requests, `worker` works."""

import asyncio
import gc
import signal
import socket
import sys
from importlib import import_module

import structlog
import uvicorn
import uvloop

from hospes.base import lifeline, logs
from hospes.base.settings import Settings
from hospes.cli.session import dsn_of, told, vault_of
from hospes.house import House

_GRACE_SECONDS = 25
# How many more objects are made than let go of between two looks for garbage; Python's own number is 700.
_YOUNG_OBJECTS = 50_000

log = structlog.get_logger()


async def _serve(house: House, listening: socket.socket) -> None:
    async with house.serving() as application:
        config = uvicorn.Config(
            application,
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
            backlog=2048,
        )
        await uvicorn.Server(config).serve(sockets=[listening])


async def _work(house: House) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    async with house.working() as worker:
        if house.settings.is_outbox_held:
            log.warning("outbox.held")
        await worker.run(ending)


def _spare_collector() -> None:
    """What is loaded stays, and has not to be looked through for garbage each time; a request's own is soon gone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)


def main() -> None:
    kind, *rest = sys.argv[1:]
    settings = Settings()
    logs.configure(level=settings.log_level, form=settings.log_format)
    lifeline.watch()
    # Before the gate: most of a start is loading, and the database is made meanwhile.
    import_module("hospes.house.application" if kind == "api" else "hospes.house.work")
    _spare_collector()
    lifeline.wait_at_gate()
    with told():
        memory = int(rest[1]) if len(rest) > 1 else None
        house = House(settings, dsn_of(settings), vault_of(settings), shared_memory=memory)
        if kind == "api":
            uvloop.run(_serve(house, socket.socket(fileno=int(rest[0]))))
        else:
            uvloop.run(_work(house))


if __name__ == "__main__":
    main()
