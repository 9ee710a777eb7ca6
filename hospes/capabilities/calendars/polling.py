"""Polling: the job `calendars`. Fetch, compare, follow; a feed never stops the worker.

When a calendar falls due is on the workspace's clock; who holds it, on the house's.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
import structlog

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Reader
from hospes.base.errors import HospesError
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.calendars import claims, feeds, following, publishing, subscriptions
from hospes.capabilities.calendars.claims import Claimed

_AT_ONCE = 32
# Taking a feed over keeps a connection for a second or more; the others are for everybody else.
_FOLLOWED_AT_ONCE = 2
# Unchanged feeds are written down together.
_BATCH = 100
# Claims are made for so many at once, not for each place that becomes free.
_CLAIM = 8
# Who waited so long for a turn that less than this is left of the lease does not begin any more.
_NEEDED = timedelta(seconds=90)
_MOST_WHOLE = 64 * 1024
_ACTOR = Actor("worker", "calendars")
# These say when the feed was written, not what is in it.
STAMPS = re.compile(rb"(?m)^(?:DTSTAMP|LAST-MODIFIED|CREATED)[:;][^\n]*\n")
_ERRORS = {
    "refused_address": "The feed's address leads to a place that may not be asked.",
    "dns": "The feed's host is not found.",
    "tls": "The feed's host has no valid certificate.",
    "timeout": "The feed's host does not answer.",
    "too_slow": "The feed's host answers too slowly.",
    "too_large": "The feed is larger than 5 MB.",
}
_MENDED = " Nothing was changed; it is tried again."

log = structlog.get_logger()


class Fetched(msgspec.Struct, frozen=True):
    """What came of asking for a feed: a status, or one word in `error` for what the network did."""

    status: int | None
    error: str | None
    body: bytes = b""
    etag: str | None = None
    modified: str | None = None


class Fetcher(Protocol):
    """The way to feeds. Never raises for what the network does."""

    async def get(self, url: str, *, etag: str | None, modified: str | None) -> Fetched: ...


class CalendarPolls:
    """The job: claim, fetch, follow, write down. One a worker process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        fetcher: Fetcher,
        *,
        instant: Callable[[int], Awaitable[datetime]],
    ) -> None:
        """`instant(workspace_id)` tells a workspace's present."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._fetcher = fetcher
        self._instant = instant
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._follow_slots = asyncio.Semaphore(_FOLLOWED_AT_ONCE)
        self._is_stopping = False

    async def run(self, workspace_id: int) -> datetime | None:
        """As `Job.run`; what is due has been polled when it returns."""
        now = await self._instant(workspace_id)
        reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
        running: set[asyncio.Task[Claimed | None]] = set()
        same: list[Claimed] = []
        try:
            while True:
                places = _AT_ONCE - len(running)
                if places >= _CLAIM and not self._is_stopping:
                    claimed = await claims.claim(reader, house_now=self._clock.now(), most=places)
                    running |= {asyncio.create_task(self._poll(reader, one)) for one in claimed}
                if not running:
                    return await claims.next_due(reader)
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                same += [found for task in done if (found := task.result()) is not None]
                if same and (len(same) >= _BATCH or not running):
                    unchanged, same = same, []
                    await self._written(reader, partial(claims.unchanged, calendars=unchanged))
        finally:
            for task in running:
                task.cancel()

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        return await claims.waiting(self._database, self._clock.now())

    def stop(self) -> None:
        """As `Job.stop`."""
        self._is_stopping = True

    async def settle(self) -> None:
        """As `Job.settle`: `run` waits for its own."""

    async def take_over(self) -> None:
        """As `Job.take_over`: to poll twice does no harm, so leases end by themselves."""

    async def check(self) -> None:
        """As `Job.check`: each feed is asked in its turn."""

    async def _poll(self, reader: Reader, calendar: Claimed) -> Claimed | None:
        """The calendar, when its feed says what it said before; everything else is written down here."""
        async with self._slots:
            try:
                if self._is_stopping or calendar.claimed_until - self._clock.now() < _NEEDED:
                    await self._written(reader, partial(claims.release, calendar=calendar))
                elif await self._polled(reader, calendar):
                    return calendar
            except HospesError as error:
                # The database is busy, or somebody removed what this is about: the lease ends by itself.
                log.warning(
                    "calendar.not_polled",
                    workspace=reader.workspace_id,
                    error=type(error).__name__,
                    reason=error.message,
                )
            except Exception as error:  # noqa: BLE001 (one feed's trouble is not another's)
                log.error("calendar.failed", workspace=reader.workspace_id, error=type(error).__name__)
        return None

    async def _polled(self, reader: Reader, calendar: Claimed) -> bool:
        is_settled = calendar.digest is not None and await _is_settled(reader, calendar)
        try:
            url = self._vault.open(calendar.url, subscriptions.place(reader.workspace_id, calendar.id)).decode()
        except Unreadable:
            await self._failed(reader, calendar, "The feed's address cannot be read: add the calendar anew.")
            return False
        fetched = await self._fetcher.get(
            url,
            etag=calendar.etag if is_settled else None,
            modified=calendar.modified if is_settled else None,
        )
        if is_settled and fetched.status == 304:
            return True
        if fetched.error is not None or fetched.status != 200:
            await self._failed(reader, calendar, _network(fetched) + _MENDED)
            return False
        digest = sha256(STAMPS.sub(b"", fetched.body)).digest()
        if is_settled and digest == calendar.digest:
            return True
        async with self._follow_slots:
            await self._follow(reader, calendar, fetched, digest)
        return False

    async def _follow(self, reader: Reader, calendar: Claimed, fetched: Fetched, digest: bytes) -> None:
        unit = await properties.get(reader, calendar.property_id)
        domain = publishing.domain(self._vault, reader.workspace_id, unit.id)
        try:
            feed = await _read(fetched.body, calendar.channel, zone=ZoneInfo(unit.time_zone), own_domain=domain)
        except feeds.Broken as error:
            await self._failed(reader, calendar, error.message + _MENDED)
            return
        now = await self._instant(reader.workspace_id)
        async with self._database.begin(reader.workspace_id, now=now, actor=_ACTOR) as tx:
            if not await claims.hold(tx, calendar):
                return
            state = await following.follow(tx, calendar, feed)
            edition = claims.Edition(digest, fetched.etag, fetched.modified)
            await claims.taken_over(tx, calendar, state, edition)

    async def _failed(self, reader: Reader, calendar: Claimed, fault: str) -> None:
        await self._written(reader, partial(claims.failed, calendar=calendar, fault=fault))

    async def _written(self, reader: Reader, write: Callable[..., Awaitable[None]]) -> None:
        now = await self._instant(reader.workspace_id)
        async with self._database.begin(reader.workspace_id, now=now, actor=_ACTOR) as tx:
            await write(tx)


async def _is_settled(reader: Reader, calendar: Claimed) -> bool:
    """Whether nights that others held when the feed was read are held still: else they may be the feed's now."""
    today = reader.now.date()
    told_back = [night for night in calendar.echo_nights if night > today]
    if not told_back:
        return True
    return await occupancy.count_taken(reader, calendar.property_id, told_back) == len(told_back)


async def _read(data: bytes, channel: str, *, zone: ZoneInfo, own_domain: str) -> feeds.Feed:
    if len(data) <= _MOST_WHOLE:
        return feeds.read(data, channel, zone=zone, own_domain=own_domain)
    return await asyncio.to_thread(feeds.read, data, channel, zone=zone, own_domain=own_domain)


def _network(fetched: Fetched) -> str:
    if fetched.error is not None:
        return _ERRORS.get(fetched.error, "The feed did not arrive in full.")
    if fetched.status in (401, 403, 404, 410):
        return f"The feed's address is not valid any more (HTTP {fetched.status}): add the calendar with its new one."
    return f"The feed's host answers with HTTP {fetched.status}."
