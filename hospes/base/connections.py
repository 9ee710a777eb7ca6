"""The connections of a process, handed from one user to the next.

asyncpg's pool makes a task of every release, which costs a short read a tenth of its time. Here a
connection that came back well is simply lent again; one that did not goes through the pool, which
knows how to cancel, close and replace.

With synchronous replication, two things are heard here. A wait for the standby that was cut short ends in
a warning and no error, though another server may never have seen what was committed. And a server that
became a standby goes on answering, without taking writes.
"""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

_WAIT_SECONDS = 10
# A warning that has no code of its own, as that of the standby has not. Nothing of ours raises one.
_WARNING = "01000"

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
        # Those to the server that takes writes now, as far as we know.
        self._current: set[Any] = set()
        self._warned: set[Any] = set()
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
            return self._lent(await self._pool.acquire(timeout=_WAIT_SECONDS))
        except BaseException:
            self._room.release()
            raise

    async def give(self, connection: Any, *, is_well: bool) -> None:
        """`is_well` when nothing of the last use is still going on: it was not cancelled or cut off."""
        try:
            if is_well and not self._is_closing and connection in self._current and not is_gone(connection):
                self._idle.append(connection)
            else:
                await self._let_go(connection)
        finally:
            self._room.release()

    def was_warned(self, connection: Any) -> bool:
        """Whether the server warned since this was last asked: then what was committed may be lost with it."""
        if connection not in self._warned:
            return False
        self._warned.discard(connection)
        return True

    async def renew(self) -> None:
        """Make all anew, each once it is given back: the server that they lead to takes no writes any more."""
        self._current.clear()
        await self._pool.expire_connections()
        while self._idle:
            await self._let_go(self._idle.pop())

    def _lent(self, connection: Any) -> Any:
        connection.add_log_listener(self._hear)
        self._current.add(connection)
        return connection

    def _hear(self, connection: Any, message: Any) -> None:
        if message.sqlstate == _WARNING:
            self._warned.add(connection)

    async def _let_go(self, connection: Any) -> None:
        """Back to the pool, which ends one that cannot be made good again."""
        self._current.discard(connection)
        self._warned.discard(connection)
        with suppress(*DRIVER_ERRORS):
            # Of one that is gone too, or the pool would warn.
            connection.remove_log_listener(self._hear)
        with suppress(*DRIVER_ERRORS):
            await self._pool.release(connection, timeout=_WAIT_SECONDS)

    async def close(self) -> None:
        """Close all; whoever still has one is waited for, 10 seconds, and then cut off."""
        self._is_closing = True
        while self._idle:
            await self._let_go(self._idle.pop())
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._pool.close()
