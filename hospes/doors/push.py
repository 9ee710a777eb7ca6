"""`/push`: where browsers and apps register for pushes, and tell what became of one.

Who registers shows the guest's wallet link; a browser with another subscription, the one that it had. Links
and reports of a push carry our signature, so they lead only where the push says, and tell only of that push.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database
from hospes.base.errors import Busy, Exhausted, HospesError, Invalid, NotFound
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import guests, wallet
from hospes.capabilities.access.addresses import Proxies
from hospes.capabilities.access.windows import Windows
from hospes.capabilities.messaging import letters, push_reports, pushes, registrations
from hospes.capabilities.messaging.registrations import Platform, Target
from hospes.web.requests import Refusal, json_content, whole_body

_MOST_BYTES = 16 * 1024
# Requests a minute from one address: a house full of phones reports each push.
LIMIT = 600
_ACTOR = Actor("push", "Push")
_STATUSES: Mapping[type[HospesError], int] = {NotFound: 404, Invalid: 422, Exhausted: 409, Busy: 503}

R = TypeVar("R")

log = structlog.get_logger()


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Place(msgspec.Struct):
    """A browser's subscription as it writes itself (Push API, 7.1), or an app's `platform` and `token`.

    `words` are those next to the button that was pressed.
    """

    endpoint: str | None = None
    keys: _Keys | None = None
    platform: Platform = "web"
    token: str | None = None
    words: str | None = None

    def target(self) -> Target:
        if self.platform != "web":
            return Target(platform=self.platform, address=self.token or "")
        keys = self.keys or _Keys("", "")
        return Target(platform="web", address=self.endpoint or "", p256dh=keys.p256dh, auth=keys.auth)


class _Change(msgspec.Struct):
    """A browser's subscription, and the one that took its place."""

    old: _Place
    new: _Place


class Push:
    """ASGI application for everything under `/push`; `worker` serves the built service worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        *,
        instant: Callable[[int], Awaitable[datetime]],
        windows: Windows,
        proxies: Proxies,
        worker: Any,
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._instant = instant
        self._windows = windows
        self._proxies = proxies
        self._worker = worker

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == "/worker.js":
            # Without a header that widens it, its scope is the folder it stands in: no page of ours is under it.
            await self._worker({**scope, "path": "/push-worker.js", "root_path": ""}, receive, send)
            return
        try:
            response = await self._answer(Request(scope, receive), path)
        except HospesError as error:
            response = _refused(error)
        except Refusal as refusal:
            response = PlainTextResponse(f"{refusal.detail}\n", refusal.status, refusal.headers)
        response.headers["cache-control"] = "no-store"
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["referrer-policy"] = "no-referrer"
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        peer = request.client.host if request.client else None
        address = self._proxies.client(peer, ",".join(request.headers.getlist("x-forwarded-for")))
        if self._windows.take(("push", str(address)), LIMIT):
            return PlainTextResponse("Too many requests. Try again in a minute.\n", 429, {"retry-after": "60"})
        _, step, *rest = path.split("/")
        if step == "go" and len(rest) == 1:
            return await self._go(request, rest[0])
        if step == "on" and len(rest) == 1:
            return await self._note(request, rest[0])
        if step == "to" and len(rest) == 1:
            return await self._register(request, rest[0])
        if step == "again" and not rest:
            return await self._renew(request)
        raise NotFound

    async def _go(self, request: Request, token: str) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _wrong_method("GET, HEAD")
        try:
            going = pushes.going(self._vault, token)
        except Unreadable:
            raise NotFound from None
        if request.method == "GET":
            now = await self._instant(going.workspace_id)
            async with self._database.begin(going.workspace_id, now=now, actor=_ACTOR) as tx:
                await push_reports.clicked(tx, going.message_id, going.url)
        return RedirectResponse(going.url, 303)

    async def _note(self, request: Request, mark: str) -> Response:
        if request.method != "POST":
            return _wrong_method("POST")
        place = letters.marked(self._vault, mark)
        if place is None:
            raise NotFound
        form = dict(parse_qsl((await _body(request)).decode("ascii", "replace"), max_num_fields=5))
        report = {"delivered": push_reports.arrived, "dismissed": push_reports.dismissed}.get(form.get("what", ""))
        if report is None:
            raise Invalid("Say what=delivered or what=dismissed.", field="what")
        workspace_id, message_id = place
        now = await self._instant(workspace_id)
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            if not await report(tx, message_id):
                raise NotFound
        return Response(status_code=204)

    async def _register(self, request: Request, token: str) -> Response:
        if request.method not in ("POST", "DELETE"):
            return _wrong_method("POST, DELETE")
        link = wallet.links.read(self._vault, token)
        place = await _read(request, _Place)
        now = await self._instant(link.workspace_id)
        async with self._database.begin(link.workspace_id, now=now, actor=_ACTOR) as tx:
            guest = await wallet.links.follow(tx, link)
            if request.method == "DELETE":
                await registrations.end_target(
                    tx, self._vault, guest.id, place.target(), reason="The guest turned pushes off."
                )
                return Response(status_code=204)
            made = await registrations.register(tx, self._vault, guest.id, place.target())
            agreed, words = guests.Changes(consents={"push": True}), (place.words or "")[:500] or None
            await guests.update(tx, guest.id, agreed, evidence="push registration", words=words)
        return JSONResponse({"subscriber_id": str(made)}, 201)

    async def _renew(self, request: Request) -> Response:
        """A service worker tells it, which knows no guest: only the subscription that was."""
        if request.method != "POST":
            return _wrong_method("POST")
        change = await _read(request, _Change)
        old, new = change.old.target(), change.new.target()
        if {old.platform, new.platform} != {"web"}:
            raise Invalid("Only browsers change their subscriptions by themselves.", field="platform")
        renewed = 0
        for workspace_id in await registrations.holders(self._database, self._vault, old):
            now = await self._instant(workspace_id)
            async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
                renewed += await registrations.renew(tx, self._vault, old, new)
        if not renewed:
            raise NotFound
        return Response(status_code=204)


async def _read(request: Request, kind: type[R]) -> R:
    # A form of another site could be sent with a browser's knowledge of the link, JSON could not.
    if not json_content(request.headers.get("content-type")) or "content-type" not in request.headers:
        raise Refusal(415, "Send the registration as application/json.")
    try:
        return msgspec.json.decode(await _body(request), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("Send a subscription as the browser writes it, or platform and token of an app.") from None


async def _body(request: Request) -> bytes:
    return await whole_body(request.receive, most=_MOST_BYTES)


def _wrong_method(allowed: str) -> Response:
    return PlainTextResponse("Method not allowed.\n", 405, {"allow": allowed})


def _refused(error: HospesError) -> Response:
    status = next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)
    if status == 500:
        log.error("push.failed", error=type(error).__name__)
        return PlainTextResponse("It is our fault, not yours.\n", 500)
    return PlainTextResponse(f"{error.message}\n", status, {"retry-after": "1"} if status == 503 else None)
