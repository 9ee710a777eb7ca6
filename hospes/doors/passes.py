"""`/passes`: where phones ask for newer editions of their passes. Apple, Adding a Web Service to Update Passes."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database
from hospes.base.errors import Exhausted, HospesError
from hospes.base.secrets import Vault
from hospes.capabilities import wallet
from hospes.capabilities.wallet.passes import Maker, Pass
from hospes.web.requests import Refusal, whole_body

_MOST_BYTES = 64 * 1024
_LARGEST_TAG = (1 << 63) - 1
_ACTOR = Actor("passes", "Phone")
_TOKEN = re.compile(r"[0-9a-fA-F]{16,200}")
_DEVICE = r"(?P<device>[A-Za-z0-9_.:-]{1,100})"
_SERIAL = r"(?P<serial>[A-Za-z0-9-]{1,60})"
_TYPE = r"(?P<type>[^/]{1,200})"
_PATHS = {
    "registration": re.compile(rf"/v1/devices/{_DEVICE}/registrations/{_TYPE}/{_SERIAL}"),
    "list": re.compile(rf"/v1/devices/{_DEVICE}/registrations/{_TYPE}"),
    "pass": re.compile(rf"/v1/passes/{_TYPE}/{_SERIAL}"),
    "log": re.compile(r"/v1/log"),
    "logo": re.compile(r"/logo\.png"),
}
_METHODS = {
    "registration": ("POST", "DELETE"),
    "list": ("GET",),
    "pass": ("GET", "HEAD"),
    "log": ("POST",),
    "logo": ("GET", "HEAD"),
}

log = structlog.get_logger()


class _Registration(msgspec.Struct):
    push_token: str = msgspec.field(name="pushToken")


class _Refused(Exception):
    """An answer without more to it."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(status)


class Passes:
    """ASGI application for everything under `/passes`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        *,
        instant: Callable[[int], Awaitable[datetime]],
        maker: Maker,
        logo: Callable[[], bytes],
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._instant = instant
        self._maker = maker
        self._logo = logo

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            response = await self._answer(request, path)
        except _Refused as refused:
            response = Response(status_code=refused.status, headers=refused.headers)
        except HospesError as error:
            log.error("passes.failed", error=type(error).__name__)
            response = Response(status_code=503, headers={"retry-after": "60"})
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        step, found = next(((step, m) for step, p in _PATHS.items() if (m := p.fullmatch(path))), (None, None))
        if step is None or found is None:
            raise _Refused(404)
        if request.method not in _METHODS[step]:
            raise _Refused(405, {"allow": ", ".join(_METHODS[step])})
        part = found.groupdict()
        if part.get("type", self._maker.type_id) != self._maker.type_id:
            raise _Refused(404)
        if step == "logo":
            drawn = await asyncio.to_thread(self._logo)
            return Response(drawn, media_type="image/png", headers={"cache-control": "public, max-age=86400"})
        if step == "log":
            # What phones complain of; it may name people, so only that there was something is kept.
            log.warning("passes.phone_complained", bytes=len(await _body(request)))
            return Response()
        if step == "list":
            return await self._list(part["device"], request.query_params.get("passesUpdatedSince"))
        pass_ = await self._opened(part["serial"], request.headers.get("authorization", ""))
        if step == "pass":
            return await self._give(pass_, request.headers.get("if-modified-since"))
        return await self._register(request, pass_, part["device"])

    async def _opened(self, serial: str, given: str) -> Pass:
        """The pass, for who shows its token. Raises _Refused."""
        workspace_id = wallet.passes.workspace_of(serial)
        if workspace_id is None:
            raise _Refused(401)
        reader = self._database.reader(workspace_id, now=self._clock.now(), actor=_ACTOR)
        pass_ = await wallet.passes.find(reader, serial)
        scheme, _, token = given.partition(" ")
        if pass_ is None or scheme != "ApplePass" or not wallet.passes.opens(pass_, token):
            raise _Refused(401)
        return pass_

    async def _register(self, request: Request, pass_: Pass, device: str) -> Response:
        workspace_id = wallet.passes.workspace_of(pass_.serial) or 0
        now = await self._instant(workspace_id)
        if request.method == "DELETE":
            async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
                await wallet.pass_devices.unregister(tx, pass_, device=device)
            return Response()
        try:
            told = msgspec.json.decode(await _body(request), type=_Registration)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _Refused(400) from None
        if not _TOKEN.fullmatch(told.push_token):
            raise _Refused(400)
        try:
            async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
                is_new = await wallet.pass_devices.register(tx, pass_, device=device, push_token=told.push_token)
        except Exhausted as error:
            return PlainTextResponse(error.message + "\n", 403)
        return Response(status_code=201 if is_new else 200)

    async def _list(self, device: str, since: str | None) -> Response:
        tag = None
        if since is not None:
            tag = int(since) if since.isascii() and since.isdecimal() and len(since) < 20 else _LARGEST_TAG + 1
            if tag > _LARGEST_TAG:
                raise _Refused(400)
        changed = await wallet.pass_devices.changed_since(
            self._database, device, tag, now=self._clock.now(), actor=_ACTOR
        )
        if changed is None:
            return Response(status_code=204)
        return JSONResponse({"serialNumbers": list(changed.serials), "lastUpdated": str(changed.tag)})

    async def _give(self, pass_: Pass, known: str | None) -> Response:
        headers = {"last-modified": format_datetime(pass_.modified_at, usegmt=True), "cache-control": "no-store"}
        if known is not None and _is_newest(pass_, known):
            raise _Refused(304, headers)
        workspace_id = wallet.passes.workspace_of(pass_.serial) or 0
        reader = self._database.reader(workspace_id, now=await self._instant(workspace_id), actor=_ACTOR)
        made = self._maker.build(await wallet.card(reader, self._vault, pass_))
        return Response(made, media_type="application/vnd.apple.pkpass", headers=headers)


def _is_newest(pass_: Pass, known: str) -> bool:
    try:
        return pass_.modified_at - parsedate_to_datetime(known) <= timedelta()
    except (ValueError, TypeError, OverflowError):
        return False


async def _body(request: Request) -> bytes:
    """Raises _Refused."""
    try:
        return await whole_body(request.receive, most=_MOST_BYTES)
    except Refusal as refusal:
        raise _Refused(refusal.status, refusal.headers) from None
