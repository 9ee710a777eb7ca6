"""What the house does after COMMIT: the jobs of a worker, and what it reaches the world with."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from hospes.base import disk, ids
from hospes.base.jobs import Job, Worker
from hospes.base.signals import Signals
from hospes.capabilities import automations, calendars, campaigns, messaging, segments, wallet, webhooks
from hospes.house.chores import chores
from hospes.house.ground import Ground
from hospes.providers import apns, calendar_feeds, pass_certificate, ways_out
from hospes.providers.outbound import Outbound


class Means(msgspec.Struct, frozen=True):
    """What a worker reaches the world with, and its name."""

    outbound: Outbound
    pusher: wallet.Pusher
    carriers: Mapping[str, messaging.Carrier]
    name: str


def _courier(ground: Ground, means: Means) -> Job:
    courier = webhooks.Courier(
        ground.database,
        ground.vault,
        ground.clock,
        means.outbound,
        instant=ground.instant,
        name=means.name,
        headers=webhooks.Headers(ground.settings.signature_header, ground.settings.property_header_prefix),
    )
    courier.on_room = lambda workspace_id: ground.wake(workspace_id, webhooks.JOB)
    return courier


def _mailroom(ground: Ground, means: Means) -> Job:
    return messaging.Mailroom(
        ground.database,
        ground.vault,
        ground.clock,
        means.carriers,
        instant=ground.instant,
        name=means.name,
        public_url=ground.settings.public_url,
        author=campaigns.Author(
            ground.database, ground.vault, instant=ground.instant, public_url=ground.settings.public_url
        ),
    )


def _launches(ground: Ground, _means: Means) -> Job:
    return campaigns.Launches(ground.database, ground.clock, instant=ground.instant)


def _pass_pushes(ground: Ground, means: Means) -> Job:
    return wallet.PassPushes(ground.database, ground.clock, means.pusher, instant=ground.instant)


def _calendar_polls(ground: Ground, means: Means) -> Job:
    feeds = calendar_feeds.CalendarFeeds(means.outbound)
    return calendars.CalendarPolls(ground.database, ground.vault, ground.clock, feeds, instant=ground.instant)


def _concierge(ground: Ground, means: Means) -> Job:
    return automations.Concierge(
        ground.database,
        ground.vault,
        ground.clock,
        ways_out.locks(ground.settings, means.outbound),
        instant=ground.instant,
        public_url=ground.settings.public_url,
    )


def _keeper(ground: Ground, _means: Means) -> Job:
    return segments.Keeper(ground.database, ground.clock, instant=ground.instant)


# What is done after COMMIT, by name.
JOBS: Mapping[str, Callable[[Ground, Means], Job]] = {
    webhooks.JOB: _courier,
    campaigns.JOB: _launches,
    messaging.JOB: _mailroom,
    wallet.PASS_JOB: _pass_pushes,
    calendars.JOB: _calendar_polls,
    automations.JOB: _concierge,
    segments.JOB: _keeper,
}


@asynccontextmanager
async def working(ground: Ground) -> AsyncIterator[Worker]:
    """The worker, ready to run."""
    await ground.open(is_patient=False)
    ground.database.has_room = disk.Room(ground.settings, ground.clock, reserve=disk.LAST_RESERVE).is_left
    certificate = pass_certificate.opened(ground.settings)
    async with (
        Outbound(ground.destinations, ground.clock) as outbound,
        apns.opened(certificate, None) as pusher,
        _carriers(ground, outbound) as carriers,
    ):
        means = Means(outbound, pusher, carriers, ground.settings.worker_name or ids.token("worker-", 16))
        jobs = {job: make(ground, means) for job, make in JOBS.items() if not ground.settings.is_outbox_held}
        has_room = disk.Room(ground.settings, ground.clock).is_left
        worker = ground.worker = Worker(jobs, chores(ground, jobs), ground.clock, has_room=has_room)
        for job in jobs.values():
            await job.take_over()
        signals = Signals(ground.dsn, ground.clock, on_wake=worker.wake)
        await signals.start()
        try:
            yield worker
        finally:
            await signals.stop()
            await ground.close()


@asynccontextmanager
async def _carriers(ground: Ground, outbound: Outbound) -> AsyncIterator[Mapping[str, messaging.Carrier]]:
    if ground.settings.is_outbox_held:
        yield {}
        return

    def pushing(services: Mapping[str, messaging.pushes.PushService]) -> messaging.Carrier:
        url = ground.settings.public_url
        return messaging.pushes.Pushes(ground.database, ground.vault, services, instant=ground.instant, public_url=url)

    key = await ground.vapid_key()
    async with ways_out.opened(
        ground.settings, outbound, ground.clock, desk=ground.sms_desk(), vapid=key, pushing=pushing
    ) as carriers:
        yield carriers
