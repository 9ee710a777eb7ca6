"""Cases D38 to D40: Patroni decides who takes writes, and primaries die, change places, or lose etcd."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

from tests.conftest import IS_FULL
from tests.crash.patroni import PATIENCE_SECONDS, Cluster, cluster
from tests.crash.test_cases_replication import sent
from tests.crash.test_kill import until
from tests.live import Live, live_server

ROUNDS = 30 if IS_FULL else 2
BACK_SECONDS = 30
WRITERS = 4


class Writing:
    """Guests made by several writers, who repeat under the same key what was not acknowledged."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.acknowledged: list[str] = []
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        writers = [asyncio.create_task(self._write()) for _ in range(WRITERS)]
        try:
            yield
        finally:
            self._ending.set()
            await asyncio.gather(*writers)

    async def _write(self) -> None:
        while not self._ending.is_set():
            name = f"Guest {uuid4()}"
            await asyncio.to_thread(sent, self._live, name, name)
            self.acknowledged.append(name)

    async def more(self, count: int, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until so many more are acknowledged; whether they were in time."""
        return await asyncio.to_thread(until, partial(self._has, len(self.acknowledged) + count), seconds)

    def _has(self, count: int) -> bool:
        return len(self.acknowledged) >= count


async def kept(servers: Cluster) -> list[str]:
    names: list[str] = await servers.ask("SELECT array_agg(name) FROM guests WHERE name LIKE 'Guest %'")
    assert len(names) == len(set(names)), "nothing was written twice"
    return names


async def whole(servers: Cluster, standby: str) -> None:
    assert await asyncio.to_thread(until, partial(servers.is_whole, standby), PATIENCE_SECONDS)


async def test_a_killed_primary_takes_nothing_along_and_writing_goes_on() -> None:
    """D38, and D40: the old primary comes back each time, as the standby."""
    with cluster(is_synchronous=True) as servers:
        await servers.set_up()
        with live_server(database_url=servers.dsn) as live:
            writing = Writing(live)
            async with writing.going_on():
                for _ in range(ROUNDS):
                    assert await writing.more(30)
                    await whole(servers, "synchronous")
                    primary = servers.primary()
                    assert primary is not None

                    primary.kill()

                    assert await writing.more(WRITERS + 1, BACK_SECONDS)
            names = await kept(servers)

    assert set(writing.acknowledged) <= set(names)


async def test_changing_places_and_an_etcd_that_is_away_lose_nothing() -> None:
    """D40"""
    with cluster(is_synchronous=True) as servers:
        await servers.set_up()
        with live_server(database_url=servers.dsn) as live:
            writing = Writing(live)
            async with writing.going_on():
                assert await writing.more(30)
                first = servers.primary()

                await asyncio.to_thread(servers.switch_over)

                assert await writing.more(30, BACK_SECONDS)
                assert servers.primary() is not first
                await whole(servers, "synchronous")

                servers.etcd.send_signal(signal.SIGSTOP)
                assert await asyncio.to_thread(until, lambda: servers.primary() is None, PATIENCE_SECONDS)
                servers.etcd.send_signal(signal.SIGCONT)

                assert await writing.more(30)
            names = await kept(servers)

    assert set(writing.acknowledged) <= set(names)


async def test_without_waiting_for_the_standby_a_killed_primary_takes_along_the_last_moment_at_most() -> None:
    """D39: it is never said to be nothing."""
    with cluster(is_synchronous=False) as servers:
        await servers.set_up()
        with live_server(database_url=servers.dsn) as live:
            writing = Writing(live)
            async with writing.going_on():
                assert await writing.more(100)
                await whole(servers, "replica")
                primary = servers.primary()
                assert primary is not None

                primary.kill()

                before = list(writing.acknowledged)
                assert await writing.more(WRITERS + 1, BACK_SECONDS)
            names = await kept(servers)

    lost = set(writing.acknowledged) - set(names)
    assert lost <= set(before[-50:]), f"{len(lost)} of {len(before)} were lost"
