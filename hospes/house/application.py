"""The doors, each at its base path, and what else a process answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from hospes.base import db, disk, metrics
from hospes.base.errors import HospesError
from hospes.base.secrets import same
from hospes.base.signals import Signals
from hospes.capabilities import access, oauth, tracking
from hospes.doors import (
    audience_api,
    dev_outbox,
    exports,
    guest_api,
    ical,
    lock_hook,
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
from hospes.house.ground import Ground
from hospes.providers import (
    apple_pass,
    arrangements,
    google_wallet,
    icons,
    message_folder,
    pass_certificate,
)
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

_METER_SECONDS = 1.0


@asynccontextmanager
async def serving(ground: Ground) -> AsyncIterator[Entrance]:
    """The ASGI application, ready to answer."""
    await ground.open()
    ground.database.has_room = disk.Room(ground.settings, ground.clock).is_left
    keys = access.Keyring(ground.database, access.callers.find)
    tokens = access.Keyring(ground.database, access.staff_tokens.find)
    apps = access.Keyring(ground.database, oauth.callers.find)
    brands = access.Keyring(ground.database, access.brand_keys.find)
    partners = access.Keyring(ground.database, oauth.partners.find)
    ground.keyrings = (keys, tokens, apps, brands, partners)
    ground.intake = tracking.Intake(ground.database, ground.instant)
    ground.meter = access.metering.Meter(ground.database, ground.clock)
    ground.push_key = (await ground.vapid_key()).public
    ground.signals = Signals(
        ground.dsn, ground.clock, on_change=lambda _: ground.forget_keys(), on_gap=ground.forget_keys
    )
    for keyring in ground.keyrings:
        keyring.signals = ground.signals
    proxies = access.addresses.Proxies(ground.settings.trusted_proxies)
    guards: dict[str, Guard] = {
        guest_api.BASE: guest_api.Admission(keys, ground.windows, ground.meter, proxies),
        workspace_api.BASE: workspace_api.Admission(tokens, ground.windows),
        property_api.BASE: property_api.Admission(
            apps,
            ground.windows,
            instant=ground.instant_of,
            metadata_url=f"{ground.settings.public_url}/.well-known/oauth-protected-resource/public/v1",
            reads=ground.settings.property_read_limit,
            writes=ground.settings.property_write_limit,
        ),
        audience_api.BASE: audience_api.Admission(brands, partners, ground.windows, ground.clock),
    }
    ground.database.on_commit = ground.signals.wake
    await ground.signals.start()
    writing = asyncio.create_task(_keep_metering(ground))
    try:
        yield _application(ground, guards, proxies)
    finally:
        writing.cancel()
        await ground.intake.settle()
        await ground.meter.write()
        await ground.signals.stop()
        await ground.close()


async def _keep_metering(ground: Ground) -> None:
    while True:
        await ground.clock.sleep(_METER_SECONDS)
        await ground.meter.write()


def _application(ground: Ground, guards: Mapping[str, Guard], proxies: access.addresses.Proxies) -> Entrance:
    assets = Assets()
    routes: list[Any] = [
        Route("/", _front),
        Route("/healthz", _alive),
        Route("/readyz", partial(_ready, ground)),
        Route("/metrics", partial(_metrics, ground)),
        Mount("/assets", assets),
        Route("/hooks/mail/{token}", mail_hook.MailHook(ground.database, ground.vault, ground.instant)),
        Route("/hooks/sms/{token}", sms_hook.SmsHook(ground.sms_desk(), ground.vault)),
        Route("/hooks/locks/{token}", lock_hook.LockHook(ground.database, ground.vault, ground.instant)),
        Route("/ical/{token}.ics", ical.Ical(ground.database, ground.clock, ground.vault, ground.instant)),
        Route("/exports/{token}", exports.Exports(ground.database, ground.vault, ground.instant)),
        Route("/radius/v1/{step:str}", radius.Radius(ground.database, ground.keyrings[1], ground.instant)),
    ]
    if ground.settings.dev_outbox:
        folder = arrangements.folder(ground.settings)
        shown = dev_outbox.DevOutbox(partial(message_folder.newest, folder), partial(message_folder.find, folder))
        routes += [Route("/dev/outbox", shown), Route("/dev/outbox/{name}", shown)]
    hosts = Hosts(ground.settings.public_url, ground.settings.allowed_hosts)
    services = Services(ground.database, ground.clock, ground.vault, ground.instant_of, hosts, proxies)
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
                "vault": ground.vault,
                "destinations": ground.destinations,
                "public_url": ground.settings.public_url,
                "intake": ground.intake,
                "database": ground.database,
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
    makers = _pass_makers(ground)
    serves_passes = passes.Passes(
        ground.database,
        ground.clock,
        ground.vault,
        instant=ground.instant,
        maker=makers["apple"],
        # Drawn when somebody asks for it: that takes seconds.
        logo=partial(icons.logo, 660),
    )
    routes.append(Mount("/passes", serves_passes))
    pushes = push.Push(
        ground.database,
        ground.clock,
        ground.vault,
        instant=ground.instant,
        windows=ground.windows,
        proxies=proxies,
        worker=assets,
    )
    routes.append(Mount("/push", pushes))
    rules = oauth.Rules(f"{ground.settings.public_url}/public-api", f"{ground.settings.public_url}/public/v1")
    limit = ground.settings.oauth_rate_limit
    of_pages = pages.Services(
        ground.database,
        ground.clock,
        ground.vault,
        ground.instant,
        hosts,
        ground.windows,
        proxies,
        ground.settings.public_url,
        {**makers, "rules": rules, "limit": limit, "push_key": ground.push_key},
    )
    guest_pages = pages.Pages(of_pages, pages.GUESTS)
    staff_pages = pages.Pages(of_pages, pages.STAFF, name="staff", language="en")
    machines = oauth_door.OAuth(
        oauth_door.Services(
            ground.database,
            ground.clock,
            ground.vault,
            ground.instant_of,
            hosts,
            ground.windows,
            proxies,
            rules,
            ground.settings.public_url,
            limit,
            oauth.clients.Directory(ground.database),
            oauth.renewing.Renewals(ground.database, ground.vault, rules, instant=ground.instant_of),
        )
    )
    under: dict[str, Any] = {f"/{name}/": guest_pages for name in ("p", "w", "u", "l")}
    staffs = ("/staff", "/public/oauth/authorize", "/public/oauth/consent", "/api/oauth/authorize")
    under |= dict.fromkeys(staffs, staff_pages)
    under["/api/oauth/access_token"] = partner_tokens.PartnerTokens(
        ground.database, ground.clock, hosts, ground.windows, proxies, limit=limit
    )
    under |= dict.fromkeys(("/public/oauth/", "/.well-known/oauth-"), machines)
    return Entrance({**doors, **under}, Starlette(routes=routes))


def _pass_makers(ground: Ground) -> dict[str, Any]:
    """What makes passes for phones: `apple` always, `google` when it is set up. Raises Misconfigured."""
    certificate = pass_certificate.opened(ground.settings)
    made = apple_pass.ApplePasses(certificate, service_url=f"{ground.settings.public_url}/passes")
    return {"apple": made, "google": google_wallet.opened(ground.settings)}


async def _ready(ground: Ground, _request: StarletteRequest) -> Response:
    try:
        await ground.database.fetchrow(READY)
    except HospesError:
        return PlainTextResponse("The database does not answer.\n", 503, {"retry-after": "1"})
    return PlainTextResponse("ready\n")


async def _metrics(ground: Ground, request: StarletteRequest) -> Response:
    token = ground.settings.metrics_token
    given = request.headers.get("authorization", "")
    if token is not None and not same(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
        return PlainTextResponse("Send the metrics token: Authorization: Bearer …\n", 401)
    row = await ground.database.fetchrow(WAITING)
    metrics.WAITING.set(int(row[0]) if row else 0)
    return Response(metrics.page(), headers={"content-type": metrics.CONTENT_TYPE})


async def _front(_request: StarletteRequest) -> Response:
    lines = ["Hospes is running.", *(f"{contract.DIALECT.title}: {contract.DOCS}/docs" for contract in DOORS.values())]
    return PlainTextResponse("\n".join(lines) + "\n")


async def _alive(_request: StarletteRequest) -> Response:
    return PlainTextResponse("ok\n")


READY = db.sql("SELECT 1", across="asks whether the database answers")
WAITING = db.sql(
    "SELECT count(*) FROM webhook_deliveries WHERE due_at IS NOT NULL", across="one figure for the whole house"
)
