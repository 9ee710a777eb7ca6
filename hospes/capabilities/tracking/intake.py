"""Events on their way in: requests that come while a flush is being committed share the next one.

A request is answered after its rows are durable. One flush a workspace runs at a time, so a busy
sender's requests are written together, and a lone one does not wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from hospes.base.batches import Batches
from hospes.base.db import Actor, Database
from hospes.capabilities.tracking import tracked
from hospes.capabilities.tracking.entries import Event
from hospes.capabilities.tracking.tracked import Told

# Events in one flush.
_MOST = 5000
# Types of attributes that a process keeps in mind: of so many workspaces, so many of each.
_WORKSPACES, _NAMES = 1000, 1000
# Guests that a process keeps in mind: some 20 MB.
_GUESTS = 100_000

_Line = tuple[int, Actor, bool]


class Intake:
    """One a process."""

    def __init__(self, database: Database, instant: Callable[[int], Awaitable[datetime]]) -> None:
        self._database = database
        self._instant = instant
        # As many as there are keys in use.
        self._lines: dict[_Line, Batches[Sequence[Event], list[Told]]] = {}
        self._settled: dict[int, dict[str, str]] = {}
        self._met: tracked.Met = {}

    async def record(self, workspace_id: int, actor: Actor, told: Sequence[Event], *, is_merging: bool) -> list[Told]:
        """As `tracked.record`, together with what others send at this moment. Raises Busy; nothing is written then."""
        line = (workspace_id, actor, is_merging)
        if line not in self._lines:
            self._lines[line] = Batches(partial(self._written, line), most=_MOST, weight=len)
        return await self._lines[line].answer(told)

    async def settle(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*(line.settle() for line in self._lines.values()))

    async def _written(self, line: _Line, asked: list[Sequence[Event]]) -> list[list[Told]]:
        workspace_id, actor, is_merging = line
        now = await self._instant(workspace_id)
        settled = self._settled.get(workspace_id, {}).copy()
        events = [event for one in asked for event in one]
        async with self._database.begin(workspace_id, now=now, actor=actor) as tx:
            told = await tracked.record(tx, events, is_merging=is_merging, settled=settled, met=self._met)
        self._keep(workspace_id, settled)
        outcomes = iter(told)
        return [list(islice(outcomes, len(one))) for one in asked]

    def _keep(self, workspace_id: int, settled: dict[str, str]) -> None:
        """A type never changes once it is committed, so nobody has to ask for it again; both memories are bounded."""
        if len(settled) <= _NAMES:
            self._settled[workspace_id] = settled
        if len(self._settled) > _WORKSPACES:
            self._settled.clear()
        if len(self._met) > _GUESTS:
            self._met.clear()
