"""What the house does by the clock: looks ahead, sweeps up, lets go of what has had its time."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial

from hospes.base import db, resealing
from hospes.base.jobs import Chore, Job
from hospes.capabilities import (
    access,
    analytics,
    events,
    guests,
    loyalty,
    messaging,
    oauth,
    record,
    staff,
    tracking,
    wallet,
    wifi,
    workspaces,
)
from hospes.house.ground import SEALED, Ground

_ACTOR = db.Actor("worker", "chores")


async def keep_partitions(ground: Ground) -> None:
    """Make the log's coming months."""
    await events.keep_partitions(ground.database, ground.clock.now())


async def extend_marks(ground: Ground) -> None:
    """Extend what searches of guests start from."""
    for workspace in await workspaces.list_all(ground.database):
        await guests.marks.extend(ground.database, workspace, ground.clock.now())


async def sweep_keys(ground: Ground, workspace_id: int) -> None:
    """Forget idempotency keys that have had their time."""
    await access.idempotency.sweep(ground.database, workspace_id, await ground.instant(workspace_id))


async def fold_days(ground: Ground, workspace_id: int) -> None:
    """Fold the counts of days that are over."""
    async with await _begin(ground, workspace_id) as tx:
        await analytics.fold(tx, tx.now.date() - timedelta(days=2))


async def expire_points(ground: Ground, workspace_id: int) -> None:
    """Write off every lot of points that has reached its end."""
    now = await ground.instant(workspace_id)
    reader = ground.database.reader(workspace_id, now=now, actor=_ACTOR)
    while ended := await loyalty.ledger.list_ended(reader):
        for guest_id, lots in ended.items():
            async with ground.database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
                await loyalty.ledger.write_off(tx, guest_id, lots)


async def end_visits(ground: Ground, workspace_id: int) -> None:
    """Close sessions that went silent, and visits that nobody came back to."""
    gap = wifi.Settings().gap_minutes
    async with await _begin(ground, workspace_id) as tx:
        await wifi.sessions.close_silent(tx)
    ended = 1
    while ended:
        async with await _begin(ground, workspace_id) as tx:
            ended = await wifi.visits.end_over(tx, gap_minutes=gap)


async def sweep_codes(ground: Ground, workspace_id: int) -> None:
    """Forget codes that were sent to guests, and ids of events that were tracked."""
    async with await _begin(ground, workspace_id) as tx:
        await wallet.codes.sweep(tx)
        await messaging.codes.sweep(tx)
        await tracking.tracked.sweep(tx)


async def let_go_of_old(ground: Ground, workspace_id: int) -> None:
    """Shorten what a workspace keeps for so many days and no longer."""
    has_more = True
    while has_more:
        async with await _begin(ground, workspace_id) as tx:
            has_more = await record.retention.shorten(tx)


async def reseal(ground: Ground) -> int:
    """Seal everything with today's key; returns how much is still sealed with another."""
    if ground.vault.has_older:
        await resealing.reseal(ground.database, ground.vault, SEALED)
    return await resealing.left(ground.database, ground.vault, SEALED)


async def sweep_ids(ground: Ground) -> None:
    """Forget the ids by which providers know what was sent, and parts of messages whose others never came."""
    await messaging.provider_ids.sweep(ground.database, ground.clock.now())
    await messaging.parts.sweep(ground.database, ground.clock.now())


async def sweep_apps(ground: Ground) -> None:
    """Forget apps that nobody used, tokens that ended, staff who signed out."""
    now = ground.clock.now()
    await oauth.clients.sweep(ground.database, now)
    await oauth.ending.sweep(ground.database, now)
    await oauth.partners.sweep(ground.database, now)
    await staff.sessions.sweep(ground.database, now)


async def _begin(ground: Ground, workspace_id: int) -> AbstractAsyncContextManager[db.Tx]:
    now = await ground.instant(workspace_id)
    return ground.database.begin(workspace_id, now=now, actor=_ACTOR)


Listed = Callable[[db.Database], Awaitable[Iterable[int]]]


async def _all(database: db.Database) -> list[int]:
    return [workspace.id for workspace in await workspaces.list_all(database)]


def _in_each(do: Callable[[Ground, int], Awaitable[None]], those: Listed = _all) -> Callable[[Ground], Awaitable[None]]:
    async def do_in_each(ground: Ground) -> None:
        for workspace_id in await those(ground.database):
            await do(ground, workspace_id)

    return do_in_each


# By name: how many seconds lie between, and what is done.
CHORES: Mapping[str, tuple[float, Callable[[Ground], Awaitable[object]]]] = {
    "events.partitions": (6 * 3600, keep_partitions),
    "guests.marks": (60, extend_marks),
    "idempotency.sweep": (3600, _in_each(sweep_keys)),
    "analytics.fold": (3600, _in_each(fold_days)),
    "loyalty.expiry": (60, _in_each(expire_points)),
    "wifi.visits": (30, _in_each(end_visits, wifi.visits.with_open)),
    "wallet.sweep": (3600, _in_each(sweep_codes)),
    "messaging.ids": (3600, sweep_ids),
    "oauth.sweep": (3600, sweep_apps),
    "secrets.reseal": (3600, reseal),
    "privacy.retention": (3600, _in_each(let_go_of_old)),
}
_CHECK_SECONDS = 15


def chores(ground: Ground, jobs: Mapping[str, Job]) -> list[Chore]:
    """All of them, and each job's look at whoever it sends to."""
    ours = [Chore(name, seconds, partial(do, ground)) for name, (seconds, do) in CHORES.items()]
    return ours + [Chore(f"{name}.check", _CHECK_SECONDS, job.check) for name, job in jobs.items()]
