"""Events on their way in: requests that come while a flush is being committed share the next one.

A request is answered after its rows are durable. One flush a workspace runs at a time, so a busy
sender's requests are written together, and a lone one does not wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from hospes.base.db import Actor, Database
from hospes.base.errors import Busy
from hospes.capabilities.tracking import tracked
from hospes.capabilities.tracking.entries import Event
from hospes.capabilities.tracking.tracked import Told

_MOST = 5000
# Types of attributes that a process keeps in mind: of so many workspaces, so many of each.
_WORKSPACES, _NAMES = 1000, 1000

_Request = tuple[Sequence[Event], "asyncio.Future[list[Told]]"]
_Line = tuple[int, Actor, bool]


class Intake:
    """One a process."""

    def __init__(self, database: Database, instant: Callable[[int], Awaitable[datetime]]) -> None:
        self._database = database
        self._instant = instant
        self._waiting: dict[_Line, list[_Request]] = {}
        self._flushes: dict[_Line, asyncio.Task[None]] = {}
        self._settled: dict[int, dict[str, str]] = {}

    async def record(self, workspace_id: int, actor: Actor, told: Sequence[Event], *, is_merging: bool) -> list[Told]:
        """As `tracked.record`, together with what others send at this moment. Raises Busy; nothing is written then."""
        line = (workspace_id, actor, is_merging)
        outcome: asyncio.Future[list[Told]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(line, []).append((told, outcome))
        if line not in self._flushes:
            self._flushes[line] = asyncio.create_task(self._flush(line))
        return await outcome

    async def settle(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._flushes.values())

    async def _flush(self, line: _Line) -> None:
        try:
            while self._waiting.get(line):
                await self._write(line, self._taken(line))
        finally:
            del self._flushes[line]
            self._waiting.pop(line, None)

    def _taken(self, line: _Line) -> list[_Request]:
        waiting = self._waiting[line]
        taken: list[_Request] = []
        count = 0
        while waiting and (not taken or count + len(waiting[0][0]) <= _MOST):
            taken.append(waiting.pop(0))
            count += len(taken[-1][0])
        return taken

    async def _write(self, line: _Line, asked: list[_Request]) -> None:
        """All in one transaction; when that fails, each in its own, so that one cannot take the others along."""
        try:
            outcomes = await self._written(line, [event for told, _ in asked for event in told])
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            if len(asked) > 1 and not isinstance(error, Busy):
                for request in asked:
                    await self._write(line, [request])
                return
            for _, outcome in asked:
                if not outcome.done():
                    outcome.set_exception(error)
            return
        place = 0
        for told, outcome in asked:
            if not outcome.done():
                outcome.set_result(outcomes[place : place + len(told)])
            place += len(told)

    async def _written(self, line: _Line, told: list[Event]) -> list[Told]:
        workspace_id, actor, is_merging = line
        now = await self._instant(workspace_id)
        settled = self._settled.get(workspace_id, {}).copy()
        async with self._database.begin(workspace_id, now=now, actor=actor) as tx:
            outcomes = await tracked.record(tx, told, is_merging=is_merging, settled=settled)
        self._keep(workspace_id, settled)
        return outcomes

    def _keep(self, workspace_id: int, settled: dict[str, str]) -> None:
        """A type never changes once it is committed, so nobody has to ask for it again."""
        if len(settled) <= _NAMES:
            self._settled[workspace_id] = settled
        if len(self._settled) > _WORKSPACES:
            self._settled.clear()
