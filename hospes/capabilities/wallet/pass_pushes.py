"""Telling phones that a pass changed: the job `passes`.

A push says nothing but "look". So pushes to one phone are one push, and one that comes twice does no
harm. When a push falls due is on the workspace's clock, leases on the house's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from hospes.base import ids
from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, columns, sql
from hospes.capabilities.wallet import pass_devices

LEASE = timedelta(seconds=90)
# What comes after an attempt that may succeed later; behind the last, the next change of the pass asks anew.
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800))
_BATCH = 500
_AT_ONCE = 100
_ACTOR = Actor("worker", "passes")

log = structlog.get_logger()


class Told(msgspec.Struct, frozen=True):
    """What came of a push: a status, or one word in `error` for what the network did.

    `gone_at` is since when the token has been no good, by the service's own account.
    """

    status: int | None
    error: str | None = None
    gone_at: datetime | None = None

    @property
    def is_gone(self) -> bool:
        return self.status == 410

    @property
    def may_succeed_later(self) -> bool:
        # 403 is a certificate that the operator will mend; another 4xx will be the same the next time.
        return self.status is None or self.status in (403, 429) or self.status >= 500

    @property
    def failure(self) -> str | None:
        return None if self.status == 200 else self.error or str(self.status)


class Pusher(Protocol):
    """The way to phones. Never raises for what the network does."""

    async def push(self, token: str) -> Told: ...


class _Owed(msgspec.Struct, frozen=True):
    device: bytes
    push_token: str
    wanted: int
    attempts: int


CLAIM = sql("""
    WITH due AS (
        SELECT device
          FROM pass_devices
         WHERE workspace_id = $1 AND due_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $3)
         ORDER BY due_at
         LIMIT $5
           FOR UPDATE SKIP LOCKED
    )
    UPDATE pass_devices d
       SET claimed_until = $4
      FROM due
     WHERE d.workspace_id = $1 AND d.device = due.device
    RETURNING d.device, d.push_token, d.wanted, d.attempts
""")
# A change that came while the push was under way, or another token, leaves the push owed.
RECORD = sql("""
    UPDATE pass_devices d
       SET due_at = CASE WHEN d.wanted = o.wanted THEN o.next_at ELSE d.due_at END,
           attempts = CASE WHEN o.failure IS NULL OR d.wanted <> o.wanted THEN 0 ELSE d.attempts + 1 END,
           claimed_until = NULL,
           pushed_at = CASE WHEN o.failure IS NULL THEN $2 ELSE d.pushed_at END,
           failure = o.failure
      FROM unnest($3::bytea[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[])
        AS o (device, push_token, wanted, next_at, failure)
     WHERE d.workspace_id = $1 AND d.device = o.device AND d.push_token = o.push_token
""")
NEXT_DUE = sql("SELECT min(due_at) FROM pass_devices WHERE workspace_id = $1 AND due_at IS NOT NULL")
WAITING = sql(
    "SELECT DISTINCT workspace_id FROM pass_devices WHERE due_at IS NOT NULL",
    across="the sweep looks for workspaces that have something waiting",
)


class PassPushes:
    """The job: claim, push, write down. One a worker process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        pusher: Pusher,
        *,
        instant: Callable[[int], Awaitable[datetime]],
    ) -> None:
        """`instant(workspace_id)` tells a workspace's present."""
        self._database = database
        self._clock = clock
        self._pusher = pusher
        self._instant = instant
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self, workspace_id: int) -> datetime | None:
        """As `Job.run`; what is due has been pushed when it returns."""
        while True:
            now = await self._instant(workspace_id)
            reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
            house_now = self._clock.now()
            owed = await reader.all(_Owed, CLAIM, now, house_now, house_now + LEASE, _BATCH)
            if not owed:
                return await reader.value(NEXT_DUE)  # type: ignore[no-any-return]
            told = await asyncio.gather(*(self._push(one) for one in owed))
            await self._record(workspace_id, list(zip(owed, told, strict=True)))

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        return [row[0] for row in await self._database.fetch(WAITING)]

    def stop(self) -> None:
        """As `Job.stop`: a push twice does no harm."""

    async def settle(self) -> None:
        """As `Job.settle`: `run` waits for its own."""

    async def take_over(self) -> None:
        """As `Job.take_over`: a push twice does no harm, so leases end by themselves."""

    async def check(self) -> None:
        """As `Job.check`: the service is asked when there is something to push."""

    async def _push(self, one: _Owed) -> Told:
        async with self._slots:
            return await self._pusher.push(one.push_token)

    async def _record(self, workspace_id: int, outcomes: list[tuple[_Owed, Told]]) -> None:
        now = await self._instant(workspace_id)
        rows = [
            (one.device, one.push_token, one.wanted, _next_at(told, one.attempts, now), told.failure)
            for one, told in outcomes
        ]
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            await tx.run(RECORD, now, *columns(rows, 5))
            for one, told in outcomes:
                if told.is_gone:
                    gone_at = told.gone_at or self._clock.now()
                    await pass_devices.drop(tx, one.device, push_token=one.push_token, gone_at=gone_at)
        failed = [told.failure for _, told in outcomes if told.failure is not None and not told.is_gone]
        if failed:
            log.warning("passes.not_pushed", workspace=workspace_id, pushes=len(failed), first=failed[0])


def _next_at(told: Told, attempts: int, now: datetime) -> datetime | None:
    """When to try again; None when it was told, cannot be, or was tried often enough."""
    if told.failure is None or not told.may_succeed_later or attempts >= len(DELAYS):
        return None
    return now + DELAYS[attempts] * (1 + ids.fraction() / 10)
