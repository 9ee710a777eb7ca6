"""The one place where time comes from."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never runs backwards: for windows, time limits and latencies."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until `monotonic` has moved on by `seconds`."""
        ...


class SystemClock:
    """Time as the machine tells it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """Time that stands still until it is moved: for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, **by: float) -> datetime:
        """Move forward by the given `timedelta` arguments; returns the new instant."""
        step = timedelta(**by)
        self._now += step
        self._monotonic += step.total_seconds()
        return self._now

    def jump(self, to: datetime) -> None:
        """Set the wall clock alone, as an operator or NTP does; `monotonic` does not follow."""
        self._now = to

    async def sleep(self, seconds: float) -> None:
        """Return once somebody has advanced the clock far enough."""
        until = self._monotonic + seconds
        while self._monotonic < until:  # noqa: ASYNC110 (who moves the clock need not be in this loop)
            await asyncio.sleep(0.001)
