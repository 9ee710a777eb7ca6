"""Calls that come while others are under way go together, as the next batch; a lone one does not wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate, takewhile
from typing import Generic, TypeVar

from hospes.base.errors import Busy

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Batches(Generic[Asked, Told]):
    """One a process and kind of work: a busy moment then costs one statement and one COMMIT for many calls."""

    def __init__(
        self,
        work: Callable[[list[Asked]], Awaitable[Sequence[Told]]],
        *,
        most: int = 100,
        weight: Callable[[Asked], int] = lambda _: 1,
    ) -> None:
        """`work` gives an answer for each that is asked, in their order. A batch weighs `most`, or is one call."""
        self._work = work
        self._most = most
        self._weight = weight
        self._waiting: list[tuple[Asked, asyncio.Future[Told]]] = []
        self._running: asyncio.Task[None] | None = None

    async def answer(self, asked: Asked) -> Told:
        """The answer of `work`; raises what it raises."""
        outcome: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, outcome))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await outcome

    async def settle(self) -> None:
        """Wait for what is under way."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._tell(self._taken())
        finally:
            self._running = None

    def _taken(self) -> list[tuple[Asked, asyncio.Future[Told]]]:
        weights = accumulate(self._weight(asked) for asked, _ in self._waiting)
        fitting = sum(1 for _ in takewhile(lambda weight: weight <= self._most, weights)) or 1
        taken, self._waiting = self._waiting[:fitting], self._waiting[fitting:]
        return taken

    async def _tell(self, taken: list[tuple[Asked, asyncio.Future[Told]]]) -> None:
        """When the work fails, each is done on its own, so that one cannot take the others along."""
        try:
            told = await self._work([asked for asked, _ in taken])
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            if len(taken) > 1 and not isinstance(error, Busy):
                for one in taken:
                    await self._tell([one])
                return
            for _, outcome in taken:
                if not outcome.done():
                    outcome.set_exception(error)
            return
        for (_, outcome), answer in zip(taken, told, strict=True):
            # Done already is one whose caller gave up.
            if not outcome.done():
                outcome.set_result(answer)
