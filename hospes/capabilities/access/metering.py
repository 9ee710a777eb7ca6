"""The monthly quota: counted in memory, written down every second. Guest API 4.

A process that dies loses at most what it counted since the last write, one second of requests;
the count is never too high (case L20).
"""

from datetime import UTC, date, datetime

import structlog

from hospes.base.clock import Clock
from hospes.base.db import Database, sql
from hospes.base.errors import HospesError

log = structlog.get_logger()

ADD = sql("""
    INSERT INTO usage_months AS u (workspace_id, month_on, requests)
    VALUES ($1, $2, $3)
        ON CONFLICT (workspace_id, month_on) DO UPDATE SET requests = u.requests + excluded.requests
    RETURNING requests
""")
USED = sql("SELECT requests FROM usage_months WHERE workspace_id = $1 AND month_on = $2")


class _Count:
    __slots__ = ("unwritten", "written")

    def __init__(self, written: int) -> None:
        self.written = written
        self.unwritten = 0


class Meter:
    """Requests of each workspace in the present month (calendar month, UTC)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._counts: dict[int, _Count] = {}
        self._month = _first_of_month(clock.now())
        self._until = _first_of_next(self._month)

    async def used(self, workspace_id: int) -> int:
        """Requests counted so far this month; asks the database the first time."""
        if self._clock.now() >= self._until:
            await self._turn_month()
        count = self._counts.get(workspace_id)
        if count is None:
            # Only asks: a read must pass also when nothing can be written.
            row = await self._database.fetchrow(USED, workspace_id, self._month)
            count = self._counts.setdefault(workspace_id, _Count(int(row[0]) if row else 0))
        return count.written + count.unwritten

    def add(self, workspace_id: int) -> None:
        """Count one request; `used` was asked before."""
        count = self._counts.get(workspace_id)
        if count is not None:
            count.unwritten += 1

    def seconds_left(self) -> int:
        """Until the quota starts anew, rounded up."""
        left = (self._until - self._clock.now()).total_seconds()
        return max(1, int(-(-left // 1)))

    async def write(self) -> None:
        """Write down what was counted, and learn what other processes counted."""
        for workspace_id, count in list(self._counts.items()):
            if count.unwritten:
                adding = count.unwritten
                try:
                    written = await self._write(workspace_id, adding)
                except HospesError as error:
                    log.warning("metering.unwritten", error=type(error).__name__)
                    return
                count.written, count.unwritten = written, count.unwritten - adding

    async def _write(self, workspace_id: int, adding: int) -> int:
        row = await self._database.fetchrow(ADD, workspace_id, self._month, adding)
        assert row is not None
        return int(row[0])

    async def _turn_month(self) -> None:
        await self.write()
        self._counts.clear()
        self._month = _first_of_month(self._clock.now())
        self._until = _first_of_next(self._month)


def _first_of_month(at: datetime) -> date:
    return at.astimezone(UTC).date().replace(day=1)


def _first_of_next(month: date) -> datetime:
    years, index = divmod(month.month, 12)
    return datetime(month.year + years, index + 1, 1, tzinfo=UTC)
