"""The job that carries out plans: what is due in a workspace, booking by booking.

Instants are on the workspace's clock, leases on the house's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec
import structlog

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Tx, sql
from hospes.base.errors import Busy
from hospes.base.secrets import Vault
from hospes.capabilities.automations import codes, locks, telling
from hospes.capabilities.automations.codes import Task
from hospes.capabilities.automations.locks import Lock, Told

_AT_ONCE = 4
_BATCH = 200
_TRIES = 5
_LATER = timedelta(minutes=5)
_ACTOR = Actor("worker", "automations")

log = structlog.get_logger()


class _Due(msgspec.Struct, frozen=True):
    booking_id: int
    step: str


# Of what is due at once, the confirmation comes first, and how to get in comes last.
MESSAGES = sql("""
    SELECT booking_id, step
      FROM (SELECT booking_id, step, due_at
              FROM booking_plans
             WHERE workspace_id = $1 AND due_at <= $2 AND step LIKE 'message.%'
             ORDER BY due_at
             LIMIT $3) due
     ORDER BY booking_id, due_at, step DESC
""")
# The lease of both lock steps stands in one row, so that they take turns.
LOCKS = sql("""
    SELECT DISTINCT due.booking_id
      FROM booking_plans due
      JOIN booking_plans code
        ON code.workspace_id = $1 AND code.booking_id = due.booking_id AND code.step = 'lock.code'
     WHERE due.workspace_id = $1 AND due.due_at <= $2 AND due.step IN ('lock.code', 'lock.revoke')
       AND (code.claimed_until IS NULL OR code.claimed_until <= $3)
     LIMIT $4
""")
NEXT_DUE = sql("SELECT min(due_at) FROM booking_plans WHERE workspace_id = $1 AND due_at IS NOT NULL")
WAITING = sql(
    """
    SELECT w.id
      FROM workspaces w
     WHERE EXISTS (SELECT
                     FROM booking_plans p
                    WHERE p.workspace_id = w.id AND p.due_at <= coalesce(w.sandbox_at, $1)
                      AND (p.claimed_until IS NULL OR p.claimed_until <= $1))
    """,
    across="the sweep looks for workspaces that have something waiting",
)
RETRY = sql("""
    UPDATE booking_plans
       SET due_at = $4, attempts = attempts + 1
     WHERE workspace_id = $1 AND booking_id = $2 AND step = $3
    RETURNING attempts
""")


class Concierge:
    """The job `automations`: one a worker process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        brands: Mapping[str, Lock],
        *,
        instant: Callable[[int], Awaitable[datetime]],
        public_url: str,
    ) -> None:
        """`brands` are the locks that can be reached, `instant(workspace_id)` tells a workspace's present."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._brands = brands
        self._instant = instant
        self._public_url = public_url
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._is_stopping = False

    async def run(self, workspace_id: int) -> datetime | None:
        """As `Job.run`; what is due is carried out when it returns. Codes come before the messages that tell them."""
        while not self._is_stopping:
            now = await self._instant(workspace_id)
            reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
            doors = await reader.column(LOCKS, now, self._clock.now(), _BATCH)
            await _all(self._see_to_lock(workspace_id, booking_id) for booking_id in doors)
            letters = await reader.all(_Due, MESSAGES, now, _BATCH)
            by_booking = [list(due) for _, due in groupby(letters, key=lambda one: one.booking_id)]
            await _all(self._tell(workspace_id, due) for due in by_booking)
            if not doors and not letters:
                return await reader.value(NEXT_DUE)  # type: ignore[no-any-return]
        return None

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        return [row[0] for row in await self._database.fetch(WAITING, self._clock.now())]

    def stop(self) -> None:
        """As `Job.stop`: what is in hand is finished, the rest stays due."""
        self._is_stopping = True

    async def settle(self) -> None:
        """As `Job.settle`: `run` waits for its own."""

    async def take_over(self) -> None:
        """As `Job.take_over`: leases see to it, since nothing that is asked twice does harm."""

    async def check(self) -> None:
        """As `Job.check`: each lock is asked when its turn comes."""

    async def _see_to_lock(self, workspace_id: int, booking_id: int) -> None:
        async with self._slots:
            async with await self._begin(workspace_id) as tx:
                task = await codes.claim(tx, booking_id, house_now=self._clock.now())
            if task is None:
                return
            told = await self._ask(workspace_id, task)
            async with await self._begin(workspace_id) as tx:
                await codes.finish(tx, task, told, vault=self._vault)

    async def _ask(self, workspace_id: int, task: Task) -> Told:
        brand = self._brands.get(task.code.brand)
        if brand is None:
            return Told(fault=f"no lock of the brand {task.code.brand} is set up")
        try:
            if task.verb == "grant":
                return await brand.grant(locks.order(self._vault, workspace_id, task.booking_id, task.code))
            return await brand.revoke(task.code.ref, locks.name(workspace_id, task.booking_id))
        except Exception as error:  # noqa: BLE001 (whatever an adapter did not expect may be over the next time)
            log.error("automations.lock_failed", error=type(error).__name__, workspace=workspace_id)
            return Told(fault=type(error).__name__, may_succeed_later=True)

    async def _tell(self, workspace_id: int, due: list[_Due]) -> None:
        async with self._slots:
            for one in due:
                try:
                    async with await self._begin(workspace_id) as tx:
                        await telling.tell(tx, one.booking_id, one.step, vault=self._vault, public_url=self._public_url)
                except Busy:
                    raise
                except Exception as error:  # noqa: BLE001 (one message must not hold up the others)
                    log.error("automations.message_failed", error=type(error).__name__, workspace=workspace_id)
                    await self._put_off(workspace_id, one, type(error).__name__)

    async def _put_off(self, workspace_id: int, one: _Due, reason: str) -> None:
        async with await self._begin(workspace_id) as tx:
            attempts = await tx.value(RETRY, one.booking_id, one.step, tx.now + _LATER)
            if attempts is not None and attempts >= _TRIES:
                await telling.give_up(tx, one.booking_id, one.step, reason)

    async def _begin(self, workspace_id: int) -> AbstractAsyncContextManager[Tx]:
        return self._database.begin(workspace_id, now=await self._instant(workspace_id), actor=_ACTOR)


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of them; what one raised is raised when the others are done."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
