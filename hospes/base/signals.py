"""What processes tell each other, over LISTEN and NOTIFY on a connection of its own.

Two kinds: *changes* (a key was revoked: forget what you cached) travel inside the transaction that
made them; *wakes* (this workspace has deliveries) are sent after COMMIT, many in one call, because
a NOTIFY inside a transaction makes every committing transaction wait for the one before it.
A lost wake costs time, not a delivery: sweeping finds what is due.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from hospes.base.clock import Clock
from hospes.base.connections import DRIVER_ERRORS

CHANGES = "hospes_changes"
WAKES = "hospes_wakes"

_BEAT_SECONDS = 0.4
_TRUST_SECONDS = 0.9
_RECONNECT_SECONDS = 0.2

log = structlog.get_logger()


class Signals:
    """One process's ear and voice.

    `on_change(payload)` hears changes and `on_wake(workspace_id, job)` wakes; `on_gap()` is called
    whenever something may have been missed. `is_current` says whether changes of the last second
    are sure to have been heard.
    """

    def __init__(
        self,
        dsn: str,
        clock: Clock,
        *,
        on_change: Callable[[str], None] = lambda _: None,
        on_wake: Callable[[int, str], None] | None = None,
        on_gap: Callable[[], None] = lambda: None,
    ) -> None:
        self._dsn = dsn
        self._clock = clock
        self._on_change = on_change
        self._on_wake = on_wake
        self._on_gap = on_gap
        self._heard_at = float("-inf")
        self._waiting: set[str] = set()
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_current(self) -> bool:
        return asyncio.get_running_loop().time() - self._heard_at < _TRUST_SECONDS

    async def start(self) -> None:
        """Begin listening; returns once the first connection stands or has failed."""
        first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(first))
        await first

    async def stop(self) -> None:
        """Send what waits, then let go."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self, workspace_id: int, jobs: set[str]) -> None:
        """Tell every worker, soon, that these jobs have something to do in the workspace."""
        self._waiting.update(f"{workspace_id}:{job}" for job in jobs)
        self._stirred.set()

    async def _run(self, first: "asyncio.Future[None]") -> None:
        while True:
            connection = None
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5)
                await connection.add_listener(CHANGES, self._change_heard)
                if self._on_wake:
                    await connection.add_listener(WAKES, self._wake_heard)
                self._on_gap()
                await self._beat(connection, first)
            except DRIVER_ERRORS as error:
                log.warning("signals.lost", error=type(error).__name__)
                self._heard_at = float("-inf")
            except asyncio.CancelledError:
                if connection is not None and not connection.is_closed():
                    with suppress(*DRIVER_ERRORS):
                        await self._send(connection)
                raise
            finally:
                if not first.done():
                    first.set_result(None)
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _beat(self, connection: Any, first: "asyncio.Future[None]") -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._send(connection)
            self._heard_at = loop.time()
            if not first.done():
                first.set_result(None)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), _BEAT_SECONDS)

    async def _send(self, connection: Any) -> None:
        self._stirred.clear()
        waiting, self._waiting = self._waiting, set()
        try:
            await connection.execute(
                "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload", WAKES, list(waiting), timeout=2
            )
        except BaseException:
            self._waiting |= waiting
            raise

    def _change_heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._on_change(str(payload))

    def _wake_heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        workspace_id, _, job = str(payload).partition(":")
        if self._on_wake:
            self._on_wake(int(workspace_id), job)
