"""`/exports/{token}`: a table that somebody asked for, once, streamed as it is read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from hospes.base.db import Actor, Database
from hospes.base.errors import HospesError, NotFound
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import campaigns

_ACTOR = Actor("exports", "Export link")
_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}


class _Table(msgspec.Struct, frozen=True):
    wanted: campaigns.exports.Asked
    pages: AsyncIterator[str]


class Exports:
    """ASGI endpoint; the link is the permission."""

    def __init__(self, database: Database, vault: Vault, instant: Callable[[int], Awaitable[datetime]]) -> None:
        self._database = database
        self._vault = vault
        self._instant = instant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A HEAD would use the link up, so there is none.
        if scope["method"] != "GET":
            await PlainTextResponse("Ask with GET.\n", 405, {"allow": "GET"})(scope, receive, send)
            return
        try:
            table = await self._opened(scope["path_params"]["token"])
        except (NotFound, Unreadable):
            gone = PlainTextResponse("This link is over, or was used. Ask for a new one.\n", 404)
            await gone(scope, receive, send)
        except HospesError:
            busy = PlainTextResponse("The server is busy. Try again in a moment.\n", 503, {"retry-after": "1"})
            await busy(scope, receive, send)
        else:
            await _stream(table, send)

    async def _opened(self, token: str) -> _Table:
        wanted = campaigns.exports.asked(self._vault, token)
        now = await self._instant(wanted.workspace_id)
        reader = self._database.reader(wanted.workspace_id, now=now, actor=_ACTOR)
        pages = await campaigns.exports.written(reader, wanted.campaign_id, wanted.form, figure=wanted.figure)
        async with self._database.begin(wanted.workspace_id, now=now, actor=_ACTOR) as tx:
            await campaigns.exports.use(tx, wanted)
        return _Table(wanted, pages)


async def _stream(table: _Table, send: Send) -> None:
    name = f"campaign-{table.wanted.campaign_id}.{table.wanted.form}"
    headers = {
        "content-type": _TYPES[table.wanted.form],
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    raw = [(key.encode("ascii"), value.encode("ascii")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    async for page in table.pages:
        await send({"type": "http.response.body", "body": page.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})
