"""`/ical/{token}.ics`: a property's calendar, for whoever has its address. RFC 5545."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database
from hospes.base.errors import HospesError, NotFound
from hospes.base.secrets import Vault
from hospes.capabilities.calendars import publishing

_ACTOR = Actor("ical", "Calendar")
# Private: whoever keeps a copy for others would give them what their own address may not show.
_HEADERS = {"cache-control": "private, max-age=300", "x-robots-tag": "noindex"}

log = structlog.get_logger()


class Ical:
    """ASGI application for `/ical/{token}.ics`."""

    def __init__(
        self, database: Database, clock: Clock, vault: Vault, instant: Callable[[int], Awaitable[datetime]]
    ) -> None:
        """`instant(workspace_id)` tells a workspace's present."""
        self._database = database
        self._clock = clock
        self._vault = vault
        self._instant = instant

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        if request.method not in ("GET", "HEAD"):
            response = Response(status_code=405, headers={"allow": "GET, HEAD"})
        else:
            response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        address = publishing.parsed(request.path_params["token"])
        if address is None:
            return _nothing()
        try:
            # Only who has a true address learns, and makes us remember, whether there is such a workspace.
            reader = self._database.reader(address.workspace_id, now=self._clock.now(), actor=_ACTOR)
            unit = await publishing.opened(reader, self._vault, address)
            now = await self._instant(address.workspace_id)
            reader = self._database.reader(address.workspace_id, now=now, actor=_ACTOR)
            published = await publishing.publish(reader, self._vault, unit, address.reader)
        except NotFound:
            return _nothing()
        except HospesError as error:
            log.error("ical.failed", error=type(error).__name__)
            return Response(status_code=503, headers={"retry-after": "60"})
        headers = {**_HEADERS, "etag": published.etag}
        if published.etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        return Response(published.body, media_type="text/calendar", headers=headers)


def _nothing() -> Response:
    return PlainTextResponse("There is no calendar at this address.\n", 404, {"cache-control": "no-store"})
