"""The worker: runs what is due, workspace by workspace, and the chores of the house.

A wake says that a job has something to do in a workspace. Wakes may be lost, so the worker also
asks each job, every few seconds, which workspaces have something waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from hospes.base import metrics
from hospes.base.clock import Clock
from hospes.base.errors import HospesError

log = structlog.get_logger()

SWEEP_SECONDS = 2.0
_DRAIN_SECONDS = 25.0


class Job(Protocol):
    """Something that falls due in workspaces."""

    async def run(self, workspace_id: int) -> datetime | None:
        """Start all that is due; returns when the next falls due, on the workspace's clock."""
        ...

    async def waiting(self) -> list[int]:
        """Workspaces in which something waits."""
        ...

    def stop(self) -> None:
        """Begin nothing new: the process ends soon."""
        ...

    async def settle(self) -> None:
        """Wait for what was started."""
        ...

    async def take_over(self) -> None:
        """See to what an earlier worker of this name had in hand when it died."""
        ...

    async def check(self) -> None:
        """Look, every 15 seconds, whether whoever the job sends to answers at all."""
        ...


class Chore(msgspec.Struct, frozen=True):
    """Something the house does every so many seconds, at the start too."""

    name: str
    seconds: float
    do: Callable[[], Awaitable[object]]


class Worker:
    def __init__(
        self,
        jobs: Mapping[str, Job],
        chores: Sequence[Chore],
        clock: Clock,
        *,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Nothing is begun while the disk has no room for it; what was begun is ended."""
        self._has_room = has_room
        self._jobs = jobs
        self._chores = chores
        self._clock = clock
        self._woken: dict[tuple[int, str], None] = {}
        self._stirred = asyncio.Event()
        self._running: dict[tuple[int, str], asyncio.Task[None]] = {}

    def wake(self, workspace_id: int, job: str) -> None:
        """`clock` stands for every job: a sandbox's clock was moved."""
        for name in self._jobs if job == "clock" else (job,):
            if name in self._jobs:
                self._woken[workspace_id, name] = None
        self._stirred.set()

    async def run(self, ending: asyncio.Event) -> None:
        """Work until `ending`, then finish what was started, for at most 25 seconds."""
        tasks = [asyncio.create_task(self._repeat(chore)) for chore in self._chores]
        tasks += [asyncio.create_task(self._sweep()), asyncio.create_task(self._serve())]
        await ending.wait()
        for task in tasks:
            task.cancel()
        for job in self._jobs.values():
            job.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await asyncio.gather(*tasks, *self._running.values(), return_exceptions=True)
                for job in self._jobs.values():
                    await job.settle()

    async def run_due(self, workspace_id: int) -> None:
        """Run every job of one workspace once: for tests and the command line."""
        for job in self._jobs.values():
            await job.run(workspace_id)
            await job.settle()

    async def _serve(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            woken, self._woken = self._woken, {}
            if not self._has_room():
                continue  # the sweep wakes all of them again
            for workspace_id, name in woken:
                if (workspace_id, name) in self._running:
                    self._woken[workspace_id, name] = None  # once more, when it has ended
                else:
                    self._start(workspace_id, name)

    def _start(self, workspace_id: int, name: str) -> None:
        task = asyncio.create_task(self._run_one(workspace_id, name))
        self._running[workspace_id, name] = task

    async def _run_one(self, workspace_id: int, name: str) -> None:
        try:
            next_at = await self._jobs[name].run(workspace_id)
            if next_at is not None:
                seconds = (next_at - self._clock.now()).total_seconds()
                if 0 <= seconds < SWEEP_SECONDS:
                    asyncio.get_running_loop().call_later(seconds + 0.001, self.wake, workspace_id, name)
        except HospesError as error:
            metrics.JOB_FAILURES.labels(name).inc()
            log.warning("job.failed", job=name, workspace=workspace_id, error=type(error).__name__, reason=str(error))
        except Exception as error:  # noqa: BLE001 (the sweep tries again)
            metrics.JOB_FAILURES.labels(name).inc()
            log.error("job.failed", job=name, workspace=workspace_id, error=type(error).__name__)
        finally:
            del self._running[workspace_id, name]
            if self._woken:
                self._stirred.set()

    async def _sweep(self) -> None:
        while True:
            for name, job in self._jobs.items():
                try:
                    for workspace_id in await job.waiting():
                        self.wake(workspace_id, name)
                except HospesError as error:
                    log.warning("sweep.failed", job=name, error=type(error).__name__)
            await self._clock.sleep(SWEEP_SECONDS)

    async def _repeat(self, chore: Chore) -> None:
        while True:
            while not self._has_room():
                await self._clock.sleep(SWEEP_SECONDS)
            try:
                await chore.do()
            except Exception as error:  # noqa: BLE001 (a chore is done again)
                metrics.JOB_FAILURES.labels(chore.name).inc()
                log.warning("chore.failed", chore=chore.name, error=type(error).__name__)
            await self._clock.sleep(chore.seconds)
