"""The composition root: the one module that knows everyone. Three tables say what the house does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from hospes.base import db, disk, ids, metrics, migrate
from hospes.base.clock import Clock, SystemClock
from hospes.base.errors import HospesError, Misconfigured
from hospes.base.jobs import Chore, Job, Worker
from hospes.base.secrets import Unreadable, Vault, same
from hospes.base.settings import Settings
from hospes.base.signals import Signals
from hospes.capabilities import (
    access,
    analytics,
    automations,
    bookings,
    calendars,
    campaigns,
    events,
    guests,
    loyalty,
    messaging,
    missions,
    oauth,
    record,
    segments,
    staff,
    tracking,
    wallet,
    webhooks,
    wifi,
    workspaces,
)
from hospes.doors import (
    audience_api,
    dev_outbox,
    exports,
    guest_api,
    ical,
    mail_hook,
    pages,
    partner_tokens,
    passes,
    property_api,
    push,
    radius,
    sms_hook,
    workspace_api,
)
from hospes.doors import oauth as oauth_door
from hospes.providers import (
    apns,
    apple_pass,
    calendar_feeds,
    google_wallet,
    icons,
    message_folder,
    pass_certificate,
    ways_out,
    web_push,
)
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Outbound
from hospes.web.cors import AnyOrigin
from hospes.web.docs_page import Assets, DocsPage, ReturnPage
from hospes.web.door import Door, Entrance, Guard, Services
from hospes.web.openapi import OpenApi
from hospes.web.requests import Hosts

# Every door by its base path.
DOORS = {
    guest_api.BASE: guest_api,
    workspace_api.BASE: workspace_api,
    property_api.BASE: property_api,
    audience_api.BASE: audience_api,
}

# What follows an event, in the same transaction, in this order.
REACTIONS = (
    analytics.count,
    loyalty.earn_for_visit,
    wallet.refresh,
    webhooks.fan_out,
    missions.turnover.follow,
    automations.follow,
    bookings.fan_out,
    segments.note,
)
# The same for events that were tracked, which come many at once.
TRACKED_REACTIONS = (segments.note_tracked,)


_METER_SECONDS = 1.0
_CHORES = db.Actor("worker", "chores")


class Means(msgspec.Struct, frozen=True):
    """What a worker reaches the world with, and its name."""

    outbound: Outbound
    pusher: wallet.Pusher
    carriers: Mapping[str, messaging.Carrier]
    name: str


class House:
    """Everything that one process holds: the database, the doors, the worker."""

    def __init__(
        self,
        settings: Settings,
        dsn: str,
        vault: Vault,
        *,
        clock: Clock | None = None,
        shared_memory: int | None = None,
    ) -> None:
        """`shared_memory` is where the processes of one server count a key's calls together."""
        self.settings = settings
        self.dsn = dsn
        self.vault = vault
        self.clock = clock or SystemClock()
        self.windows: access.windows.Windows = (
            access.windows.SlidingWindows(self.clock)
            if shared_memory is None
            else access.shared_windows.SharedWindows(shared_memory, self.clock)
        )
        self.destinations = Destinations(
            allow_loopback=settings.allow_loopback_webhooks,
            own_url=settings.public_url,
        )
        self._real: set[int] = set()
        self.database: db.Database
        self.keyrings: tuple[access.Keyring[Any], ...]
        self.meter: access.metering.Meter
        self.intake: tracking.Intake
        self.push_key: str
        self.signals: Signals
        self.worker: Worker | None = None

    async def open(self, *, is_patient: bool = True) -> None:
        """Connect. Raises Busy when the database cannot be reached, Misconfigured for another key."""
        self.database = await db.connect(
            self.dsn,
            clock=self.clock,
            size=self.settings.pool_size,
            statement_timeout_ms=self.settings.statement_timeout_ms,
            is_patient=is_patient,
        )
        self.database.reactions = REACTIONS
        self.database.tracked_reactions = TRACKED_REACTIONS
        await check_key(self.database, self.vault)

    async def close(self) -> None:
        await self.database.close()

    def sms_desk(self) -> messaging.SmsDesk:
        """Where text messages come back to."""
        return messaging.SmsDesk(self.database, self.vault, self.clock, instant=self.instant)

    @asynccontextmanager
    async def _carriers(self, outbound: Outbound) -> AsyncIterator[Mapping[str, messaging.Carrier]]:
        if self.settings.is_outbox_held:
            yield {}
            return

        def pushing(services: Mapping[str, messaging.pushes.PushService]) -> messaging.Carrier:
            url = self.settings.public_url
            return messaging.pushes.Pushes(self.database, self.vault, services, instant=self.instant, public_url=url)

        key = await self._vapid_key()
        async with ways_out.opened(
            self.settings, outbound, self.clock, desk=self.sms_desk(), vapid=key, pushing=pushing
        ) as carriers:
            yield carriers

    async def _vapid_key(self) -> web_push.VapidKey:
        return ways_out.vapid_key(self.settings, await messaging.vapid.private_key(self.database, self.vault))

    async def instant(self, workspace_id: int) -> datetime:
        """A workspace's present. Whether it is a sandbox never changes, so that is asked once."""
        if workspace_id in self._real:
            return self.clock.now()
        at = await workspaces.find_sandbox_instant(self.database, workspace_id)
        if at is None:
            self._real.add(workspace_id)
        return at or self.clock.now()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Entrance]:
        """The ASGI application, ready to answer."""
        await self.open()
        self.database.has_room = disk.Room(self.settings, self.clock).is_left
        keys = access.Keyring(self.database, access.callers.find)
        tokens = access.Keyring(self.database, access.staff_tokens.find)
        apps = access.Keyring(self.database, oauth.callers.find)
        brands = access.Keyring(self.database, access.brand_keys.find)
        partners = access.Keyring(self.database, oauth.partners.find)
        self.keyrings = (keys, tokens, apps, brands, partners)
        self.intake = tracking.Intake(self.database, self.instant)
        self.meter = access.metering.Meter(self.database, self.clock)
        self.push_key = (await self._vapid_key()).public
        self.signals = Signals(self.dsn, self.clock, on_change=lambda _: self._forget_keys(), on_gap=self._forget_keys)
        for keyring in self.keyrings:
            keyring.signals = self.signals
        proxies = access.addresses.Proxies(self.settings.trusted_proxies)
        guards: dict[str, Guard] = {
            guest_api.BASE: guest_api.Admission(keys, self.windows, self.meter, proxies),
            workspace_api.BASE: workspace_api.Admission(tokens, self.windows),
            property_api.BASE: property_api.Admission(
                apps,
                self.windows,
                instant=self._instant_of,
                metadata_url=f"{self.settings.public_url}/.well-known/oauth-protected-resource/public/v1",
                reads=self.settings.property_read_limit,
                writes=self.settings.property_write_limit,
            ),
            audience_api.BASE: audience_api.Admission(brands, partners, self.windows, self.clock),
        }
        self.database.on_commit = self.signals.wake
        await self.signals.start()
        writing = asyncio.create_task(self._keep_metering())
        try:
            yield self._application(guards, proxies)
        finally:
            writing.cancel()
            await self.intake.settle()
            await self.meter.write()
            await self.signals.stop()
            await self.close()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """The worker, ready to run."""
        await self.open(is_patient=False)
        certificate = pass_certificate.opened(self.settings)
        async with (
            Outbound(self.destinations, self.clock) as outbound,
            apns.opened(certificate, None) as pusher,
            self._carriers(outbound) as carriers,
        ):
            means = Means(outbound, pusher, carriers, self.settings.worker_name or ids.token("worker-", 16))
            jobs = {job: make(self, means) for job, make in JOBS.items() if not self.settings.is_outbox_held}
            worker = self.worker = Worker(jobs, self._chores(jobs), self.clock)
            for job in jobs.values():
                await job.take_over()
            signals = Signals(self.dsn, self.clock, on_wake=worker.wake)
            await signals.start()
            try:
                yield worker
            finally:
                await signals.stop()
                await self.close()

    def wake(self, workspace_id: int, job: str) -> None:
        """Tell this process's own worker."""
        if self.worker is not None:
            self.worker.wake(workspace_id, job)

    def _chores(self, jobs: Mapping[str, Job]) -> list[Chore]:
        return [
            Chore("events.partitions", 6 * 3600, lambda: events.keep_partitions(self.database, self.clock.now())),
            Chore("guests.marks", 60, self._extend_marks),
            Chore("idempotency.sweep", 3600, self._sweep_keys),
            Chore("analytics.fold", 3600, self._fold_days),
            Chore("loyalty.expiry", 60, self._expire_points),
            Chore("wifi.visits", 30, self._end_visits),
            Chore("wallet.sweep", 3600, self._sweep_codes),
            Chore("oauth.sweep", 3600, self._sweep_apps),
            Chore("privacy.retention", 3600, self._let_go_of_old),
            *(Chore(f"{name}.check", 15, job.check) for name, job in jobs.items()),
        ]

    async def _extend_marks(self) -> None:
        for workspace in await workspaces.list_all(self.database):
            await guests.marks.extend(self.database, workspace, self.clock.now())

    async def _sweep_keys(self) -> None:
        for workspace in await workspaces.list_all(self.database):
            await access.idempotency.sweep(self.database, workspace.id, await self.instant(workspace.id))

    async def _expire_points(self) -> None:
        for workspace in await workspaces.list_all(self.database):
            await self.expire_points(workspace.id)

    async def expire_points(self, workspace_id: int) -> None:
        """Write off every lot of points that has reached its end."""
        now = await self.instant(workspace_id)
        reader = self.database.reader(workspace_id, now=now, actor=_CHORES)
        while ended := await loyalty.ledger.list_ended(reader):
            for guest_id, lots in ended.items():
                async with self.database.begin(workspace_id, now=now, actor=_CHORES) as tx:
                    await loyalty.ledger.write_off(tx, guest_id, lots)

    async def _end_visits(self) -> None:
        for workspace_id in await wifi.visits.with_open(self.database):
            await self.end_visits(workspace_id)

    async def end_visits(self, workspace_id: int) -> None:
        """Close sessions that went silent, and visits that nobody came back to."""
        now = await self.instant(workspace_id)
        gap = wifi.Settings().gap_minutes
        async with self.database.begin(workspace_id, now=now, actor=_CHORES) as tx:
            await wifi.sessions.close_silent(tx)
        ended = 1
        while ended:
            async with self.database.begin(workspace_id, now=now, actor=_CHORES) as tx:
                ended = await wifi.visits.end_over(tx, gap_minutes=gap)

    async def _sweep_codes(self) -> None:
        for workspace in await workspaces.list_all(self.database):
            now = await self.instant(workspace.id)
            async with self.database.begin(workspace.id, now=now, actor=_CHORES) as tx:
                await wallet.codes.sweep(tx)
                await messaging.codes.sweep(tx)
                await tracking.tracked.sweep(tx)
        await messaging.provider_ids.sweep(self.database, self.clock.now())

    async def _sweep_apps(self) -> None:
        now = self.clock.now()
        await oauth.clients.sweep(self.database, now)
        await oauth.ending.sweep(self.database, now)
        await oauth.partners.sweep(self.database, now)
        await staff.sessions.sweep(self.database, now)

    async def _let_go_of_old(self) -> None:
        for workspace in await workspaces.list_all(self.database):
            await self.let_go_of_old(workspace.id)

    async def let_go_of_old(self, workspace_id: int) -> None:
        """Shorten what a workspace keeps for so many days and no longer."""
        now, has_more = await self.instant(workspace_id), True
        while has_more:
            async with self.database.begin(workspace_id, now=now, actor=_CHORES) as tx:
                has_more = await record.retention.shorten(tx)

    async def _fold_days(self) -> None:
        for workspace in await workspaces.list_all(self.database):
            now = await self.instant(workspace.id)
            async with self.database.begin(workspace.id, now=now, actor=_CHORES) as tx:
                await analytics.fold(tx, now.date() - timedelta(days=2))

    async def _keep_metering(self) -> None:
        while True:
            await self.clock.sleep(_METER_SECONDS)
            await self.meter.write()

    def _forget_keys(self) -> None:
        for keyring in self.keyrings:
            keyring.forget()

    def _application(self, guards: Mapping[str, Guard], proxies: access.addresses.Proxies) -> Entrance:
        assets = Assets()
        routes: list[Any] = [
            Route("/", _front),
            Route("/healthz", _alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
            Mount("/assets", assets),
            Route("/hooks/mail/{token}", mail_hook.MailHook(self.database, self.vault, self.instant)),
            Route("/hooks/sms/{token}", sms_hook.SmsHook(self.sms_desk(), self.vault)),
            Route("/ical/{token}.ics", ical.Ical(self.database, self.clock, self.vault, self.instant)),
            Route("/exports/{token}", exports.Exports(self.database, self.vault, self.instant)),
            Route("/radius/v1/{step:str}", radius.Radius(self.database, self.keyrings[1], self.instant)),
        ]
        if self.settings.dev_outbox:
            folder = ways_out.folder(self.settings)
            shown = dev_outbox.DevOutbox(partial(message_folder.newest, folder), partial(message_folder.find, folder))
            routes += [Route("/dev/outbox", shown), Route("/dev/outbox/{name}", shown)]
        hosts = Hosts(self.settings.public_url, self.settings.allowed_hosts)
        services = Services(self.database, self.clock, self.vault, self._instant_of, hosts)
        doors: dict[str, Any] = {}
        for base, contract in DOORS.items():
            doors[base + "/"] = Door(
                contract.__name__.rpartition(".")[2],
                # Two bases have one table: its paths stand in it in full.
                base if contract is not audience_api else "",
                contract.ROUTES,
                guard=guards[base],
                speech=contract.Speech(),
                services=services,
                extras={
                    "vault": self.vault,
                    "destinations": self.destinations,
                    "public_url": self.settings.public_url,
                    "intake": self.intake,
                },
            )
            described = OpenApi(contract.ROUTES, contract.DIALECT)
            docs = DocsPage(
                assets,
                title=f"Hospes {contract.DIALECT.title}",
                openapi_url="openapi.json",
                assets_url="../" * contract.DOCS.count("/") + "assets",
                playground=property_api.PLAYGROUND if contract is property_api else None,
            )
            routes += [Route(f"{contract.DOCS}/openapi.json", described), Route(f"{contract.DOCS}/docs", docs)]
        routes.append(Route("/public/docs/oauth2-redirect.html", ReturnPage(assets_url="../../assets")))
        doors[audience_api.REPORTING_BASE + "/"] = doors[audience_api.BASE + "/"]
        doors[property_api.BASE + "/"] = AnyOrigin(doors[property_api.BASE + "/"])
        makers = self._pass_makers()
        serves_passes = passes.Passes(
            self.database,
            self.clock,
            self.vault,
            instant=self.instant,
            maker=makers["apple"],
            # Drawn when somebody asks for it: that takes seconds.
            logo=partial(icons.logo, 660),
        )
        routes.append(Mount("/passes", serves_passes))
        pushes = push.Push(
            self.database,
            self.clock,
            self.vault,
            instant=self.instant,
            windows=self.windows,
            proxies=proxies,
            worker=assets,
        )
        routes.append(Mount("/push", pushes))
        rules = oauth.Rules(f"{self.settings.public_url}/public-api", f"{self.settings.public_url}/public/v1")
        limit = self.settings.oauth_rate_limit
        of_pages = pages.Services(
            self.database,
            self.clock,
            self.vault,
            self.instant,
            hosts,
            self.windows,
            proxies,
            self.settings.public_url,
            {**makers, "rules": rules, "limit": limit, "push_key": self.push_key},
        )
        guest_pages = pages.Pages(of_pages, pages.GUESTS)
        staff_pages = pages.Pages(of_pages, pages.STAFF, name="staff", language="en")
        machines = oauth_door.OAuth(
            oauth_door.Services(
                self.database,
                self.clock,
                self.vault,
                self._instant_of,
                hosts,
                self.windows,
                proxies,
                rules,
                self.settings.public_url,
                limit,
                oauth.clients.Directory(self.database),
                oauth.renewing.Renewals(self.database, self.vault, rules, instant=self._instant_of),
            )
        )
        under: dict[str, Any] = {f"/{name}/": guest_pages for name in ("p", "w", "u", "l")}
        staffs = ("/staff", "/public/oauth/authorize", "/public/oauth/consent", "/api/oauth/authorize")
        under |= dict.fromkeys(staffs, staff_pages)
        under["/api/oauth/access_token"] = partner_tokens.PartnerTokens(
            self.database, self.clock, hosts, self.windows, proxies, limit=limit
        )
        under |= dict.fromkeys(("/public/oauth/", "/.well-known/oauth-"), machines)
        return Entrance({**doors, **under}, Starlette(routes=routes))

    def _pass_makers(self) -> dict[str, Any]:
        """What makes passes for phones: `apple` always, `google` when it is set up. Raises Misconfigured."""
        certificate = pass_certificate.opened(self.settings)
        made = apple_pass.ApplePasses(certificate, service_url=f"{self.settings.public_url}/passes")
        return {"apple": made, "google": google_wallet.opened(self.settings)}

    async def _instant_of(self, workspace_id: int, is_sandbox: bool) -> datetime:
        return await self.instant(workspace_id) if is_sandbox else self.clock.now()

    async def _ready(self, _request: StarletteRequest) -> Response:
        try:
            await self.database.fetchrow(READY)
        except HospesError:
            return PlainTextResponse("The database does not answer.\n", 503, {"retry-after": "1"})
        return PlainTextResponse("ready\n")

    async def _metrics(self, request: StarletteRequest) -> Response:
        token = self.settings.metrics_token
        given = request.headers.get("authorization", "")
        if token is not None and not same(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
            return PlainTextResponse("Send the metrics token: Authorization: Bearer …\n", 401)
        row = await self.database.fetchrow(WAITING)
        metrics.WAITING.set(int(row[0]) if row else 0)
        return Response(metrics.page(), headers={"content-type": metrics.CONTENT_TYPE})


def _courier(house: House, means: Means) -> Job:
    courier = webhooks.Courier(
        house.database,
        house.vault,
        house.clock,
        means.outbound,
        instant=house.instant,
        name=means.name,
        headers=webhooks.Headers(house.settings.signature_header, house.settings.property_header_prefix),
    )
    courier.on_room = lambda workspace_id: house.wake(workspace_id, webhooks.JOB)
    return courier


def _mailroom(house: House, means: Means) -> Job:
    return messaging.Mailroom(
        house.database,
        house.vault,
        house.clock,
        means.carriers,
        instant=house.instant,
        name=means.name,
        public_url=house.settings.public_url,
        author=campaigns.Author(
            house.database, house.vault, instant=house.instant, public_url=house.settings.public_url
        ),
    )


def _launches(house: House, _means: Means) -> Job:
    return campaigns.Launches(house.database, house.clock, instant=house.instant)


def _pass_pushes(house: House, means: Means) -> Job:
    return wallet.PassPushes(house.database, house.clock, means.pusher, instant=house.instant)


def _calendar_polls(house: House, means: Means) -> Job:
    feeds = calendar_feeds.CalendarFeeds(means.outbound)
    return calendars.CalendarPolls(house.database, house.vault, house.clock, feeds, instant=house.instant)


def _concierge(house: House, means: Means) -> Job:
    return automations.Concierge(
        house.database,
        house.vault,
        house.clock,
        ways_out.locks(house.settings, means.outbound),
        instant=house.instant,
        public_url=house.settings.public_url,
    )


def _keeper(house: House, _means: Means) -> Job:
    return segments.Keeper(house.database, house.clock, instant=house.instant)


# What is done after COMMIT, by name.
JOBS: Mapping[str, Callable[[House, Means], Job]] = {
    webhooks.JOB: _courier,
    campaigns.JOB: _launches,
    messaging.JOB: _mailroom,
    wallet.PASS_JOB: _pass_pushes,
    calendars.JOB: _calendar_polls,
    automations.JOB: _concierge,
    segments.JOB: _keeper,
}


async def _front(_request: StarletteRequest) -> Response:
    lines = ["Hospes is running.", *(f"{contract.DIALECT.title}: {contract.DOCS}/docs" for contract in DOORS.values())]
    return PlainTextResponse("\n".join(lines) + "\n")


async def _alive(_request: StarletteRequest) -> Response:
    return PlainTextResponse("ok\n")


READY = db.sql("SELECT 1", across="asks whether the database answers")
WAITING = db.sql(
    "SELECT count(*) FROM webhook_deliveries WHERE due_at IS NOT NULL", across="one figure for the whole house"
)
KEY_CHECK = db.sql("SELECT secret_check FROM installation", across="belongs to the installation")
SET_KEY_CHECK = db.sql(
    "UPDATE installation SET secret_check = $1 WHERE secret_check IS NULL", across="belongs to the installation"
)
_CHECK_PLACE = "installation/secret_check"


async def check_key(database: db.Database, vault: Vault) -> None:
    """Raises Misconfigured, with nothing written, when the database's secrets are sealed with another key."""
    row = await database.fetchrow(KEY_CHECK)
    if row is None or row[0] is None:
        await database.execute(SET_KEY_CHECK, vault.seal(b"hospes", _CHECK_PLACE))
        return
    try:
        vault.open(row[0], _CHECK_PLACE)
    except Unreadable:
        raise Misconfigured(
            "The secrets in this database are sealed with another key. "
            "Set HOSPES_SECRET_KEY, or put back the file secret.key, as it was."
        ) from None


async def prepare(dsn: str, say: Any) -> None:
    """Migrate and make the log's partitions: what has to be true before anything serves."""
    await migrate.migrate(dsn, say=say)
