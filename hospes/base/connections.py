"""The connections of a process, handed from one user to the next.

asyncpg's pool makes a task of every release, which costs a short read a tenth of its time. Here a
connection that came back well is simply lent again; one that did not goes through the pool, which
knows how to cancel, close and replace.
"""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

_WAIT_SECONDS = 10

# Everything that a connection raises when the database says no, or is no longer there.
DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def is_gone(connection: Any) -> bool:
    """Whether a connection was closed, by us or by the server; the pool takes back by itself what was cut."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


class Connections:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._room = asyncio.Semaphore(pool.get_max_size())
        self._idle: list[Any] = []
        self._is_closing = False

    async def take(self) -> Any:
        """Whoever takes gives back. Raises TimeoutError when none is to be had for 10 seconds."""
        if self._room.locked():
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._room.acquire()
        else:
            await self._room.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if not is_gone(connection):
                    return connection
                await self._let_go(connection)
            return await self._pool.acquire(timeout=_WAIT_SECONDS)
        except BaseException:
            self._room.release()
            raise

    async def give(self, connection: Any, *, is_well: bool) -> None:
        """`is_well` when nothing of the last use is still going on: it was not cancelled or cut off."""
        try:
            if is_well and not self._is_closing and not is_gone(connection):
                self._idle.append(connection)
            else:
                await self._let_go(connection)
        finally:
            self._room.release()

    async def _let_go(self, connection: Any) -> None:
        """Back to the pool, which ends one that cannot be made good again."""
        with suppress(*DRIVER_ERRORS):
            await self._pool.release(connection)

    async def close(self) -> None:
        """Close all; whoever still has one is waited for."""
        self._is_closing = True
        while self._idle:
            await self._let_go(self._idle.pop())
        await self._pool.close()
