"""The job that starts campaigns: writes their messages' rows in batches, and closes what is over.

Where a launch stands is in a row of its own, and one row a guest is all that the key allows. So a
worker that was killed is followed by another, and two at once do the work once.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Reader, Tx, sql
from hospes.base.errors import Invalid
from hospes.capabilities import messaging
from hospes.capabilities.campaigns import audiences, plans, sources
from hospes.capabilities.campaigns.audiences import Audience
from hospes.capabilities.campaigns.plans import Campaign

# Rows written in one transaction: less than a second's work, and what a killed worker leaves undone.
BATCH = 20_000
_ACTOR = Actor("worker", "campaigns")

OPEN = sql("SELECT id FROM campaigns WHERE workspace_id = $1 AND is_open AND state <> 'paused' ORDER BY id")
WAITING = sql(
    "SELECT DISTINCT workspace_id FROM campaigns WHERE is_open AND state <> 'paused'",
    across="asks which workspaces have a campaign to start, to go on with or to close",
)
NEXT = sql("""
    SELECT min(starts_at)
      FROM campaigns
     WHERE workspace_id = $1 AND is_open AND state = 'scheduled'
""")


class Launches:
    """The job `campaigns`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        instant: Callable[[int], Awaitable[datetime]],
        batch: int = BATCH,
    ) -> None:
        self._database = database
        self._clock = clock
        self._instant = instant
        self._batch = batch
        self._is_stopping = False

    async def run(self, workspace_id: int) -> datetime | None:
        """Start, go on with and close whatever it is time for; returns when the next one starts."""
        for campaign_id in await (await self._reader(workspace_id)).column(OPEN):
            while not self._is_stopping and await self._step(workspace_id, campaign_id):
                pass
        reader = await self._reader(workspace_id)
        return await reader.value(NEXT)  # type: ignore[no-any-return]

    async def _step(self, workspace_id: int, campaign_id: int) -> bool:
        """One transaction's worth; returns whether there is more to do at once."""
        async with self._database.begin(workspace_id, now=await self._instant(workspace_id), actor=_ACTOR) as tx:
            return await step(tx, campaign_id, most=self._batch)

    async def _reader(self, workspace_id: int) -> Reader:
        return self._database.reader(workspace_id, now=await self._instant(workspace_id), actor=_ACTOR)

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        return [row[0] for row in await self._database.fetch(WAITING)]

    def stop(self) -> None:
        """As `Job.stop`: the batch under way is written, and another worker goes on."""
        self._is_stopping = True

    async def settle(self) -> None:
        """As `Job.settle`: nothing outlives `run`."""

    async def take_over(self) -> None:
        """As `Job.take_over`: what was not committed is not there."""

    async def check(self) -> None:
        """As `Job.check`: there is nobody to ask."""


class _Launch(msgspec.Struct, frozen=True):
    last_guest_id: int
    ended_at: datetime | None


HOLD = sql("""
    SELECT last_guest_id, ended_at
      FROM campaign_launches
     WHERE workspace_id = $1 AND campaign_id = $2
       FOR UPDATE SKIP LOCKED
""")
START = sql("""
    UPDATE campaigns
       SET state = 'running', started_at = $3
     WHERE workspace_id = $1 AND id = $2 AND state = 'scheduled' AND starts_at <= $3
    RETURNING id
""")


async def step(tx: Tx, campaign_id: int, *, most: int) -> bool:
    """Do the next thing of one campaign; returns whether there is more to do at once."""
    launch = await tx.find(_Launch, HOLD, campaign_id)
    if launch is None:
        return False  # another worker is at it
    campaign = await plans.get(tx, campaign_id)
    if campaign.state == "scheduled":
        return campaign.starts_at <= tx.now and await _start(tx, campaign)
    if campaign.state == "running" and launch.ended_at is None:
        return await _write(tx, campaign, launch, most=most)
    if campaign.state == "running":
        return await complete(tx, campaign_id)
    if campaign.state in ("cancelled", "failed") and campaign.is_open:
        return await _close(tx, campaign_id, most=most)
    return False


FAIL = sql("""
    UPDATE campaigns
       SET state = 'failed', is_open = false, error = $3, ended_at = $4
     WHERE workspace_id = $1 AND id = $2
""")


async def _start(tx: Tx, campaign: Campaign) -> bool:
    try:
        if not await audiences.is_ready(tx, audience_of(campaign)):
            return False  # its segment is being judged anew: the next look is in a moment
        await audiences.checked(tx, audience_of(campaign))
    except Invalid as error:
        await tx.run(FAIL, campaign.id, error.message, tx.now)
        return False
    return await tx.value(START, campaign.id, tx.now) is not None


ADVANCE = sql("""
    UPDATE campaign_launches
       SET last_guest_id = $3, ended_at = $4
     WHERE workspace_id = $1 AND campaign_id = $2
""")


async def _write(tx: Tx, campaign: Campaign, launch: _Launch, *, most: int) -> bool:
    batch = sources.Batch(
        campaign_id=campaign.id,
        audience=audience_of(campaign),
        channel=campaign.channel,
        platform=campaign.platform,
        purpose=campaign.purpose,
        after=launch.last_guest_id,
        most=most,
        starts_at=campaign.starts_at,
        local_at=campaign.local_at,
    )
    written = await sources.write(tx, batch)
    is_last = written.chosen < most
    await tx.run(ADVANCE, campaign.id, written.last_guest_id or launch.last_guest_id, tx.now if is_last else None)
    tx.wake(messaging.JOB)
    return True


# Nothing waits and nothing is in hand; the launch has ended, so nothing more comes.
COMPLETE = sql("""
    UPDATE campaigns c
       SET state = 'completed', is_open = false, ended_at = $3
     WHERE workspace_id = $1 AND id = $2 AND state = 'running'
       AND NOT EXISTS (SELECT FROM messages
                        WHERE workspace_id = $1 AND campaign_id = $2 AND due_at IS NOT NULL)
       AND NOT EXISTS (SELECT FROM messages
                        WHERE workspace_id = $1 AND claimed_by IS NOT NULL AND campaign_id = $2)
       AND EXISTS (SELECT FROM campaign_launches
                    WHERE workspace_id = $1 AND campaign_id = $2 AND ended_at IS NOT NULL)
""")


async def complete(tx: Tx, campaign_id: int) -> bool:
    """Note that a campaign is over, if it is; returns False: there is nothing more to do for it."""
    await tx.run(COMPLETE, campaign_id, tx.now)
    return False


CLOSE = sql("""
    UPDATE messages
       SET status = 'excluded', cause = 'cancelled', due_at = NULL
     WHERE workspace_id = $1
       AND id IN (SELECT id
                    FROM messages
                   WHERE workspace_id = $1 AND campaign_id = $2 AND due_at IS NOT NULL
                   LIMIT $3
                     FOR UPDATE SKIP LOCKED)
""")
CLOSED = sql("""
    UPDATE campaigns
       SET is_open = false
     WHERE workspace_id = $1 AND id = $2
       AND NOT EXISTS (SELECT FROM messages
                        WHERE workspace_id = $1 AND campaign_id = $2 AND (due_at IS NOT NULL OR claimed_by IS NOT NULL))
""")


async def _close(tx: Tx, campaign_id: int, *, most: int) -> bool:
    """What was not taken yet will not be sent; what is in hand comes to its end first."""
    if await tx.run(CLOSE, campaign_id, most):
        return True
    await tx.run(CLOSED, campaign_id)
    return False


def audience_of(campaign: Campaign) -> Audience:
    return Audience(
        kind=campaign.audience,
        segment_id=campaign.segment_id,
        list_id=campaign.list_id,
        guest_ids=campaign.guest_ids,
    )
