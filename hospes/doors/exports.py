"""`/exports/{token}`: what somebody asked for, once: a campaign's table as it is read, or all of a guest."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from hospes.base.db import Actor, Database
from hospes.base.errors import HospesError, NotFound
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import campaigns, record

_ACTOR = Actor("exports", "Export link")
_TYPES = {
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
    "zip": "application/zip",
}


class _Table(msgspec.Struct, frozen=True):
    name: str
    pages: AsyncIterator[bytes]


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
        try:
            wanted_guest = record.exporting.asked(self._vault, token)
        except Unreadable:
            return await self._campaign(token)
        return await self._guest(wanted_guest)

    async def _guest(self, wanted: record.exporting.Asked) -> _Table:
        now = await self._instant(wanted.workspace_id)
        async with self._database.snapshot(wanted.workspace_id, now=now, actor=_ACTOR) as reader:
            exported = await record.export(reader, wanted.guest_id)
        async with self._database.begin(wanted.workspace_id, now=now, actor=_ACTOR) as tx:
            await record.exporting.use(tx, wanted)
        return _Table(f"guest-{wanted.guest_id}.zip", _one(exported.packed()))

    async def _campaign(self, token: str) -> _Table:
        wanted = campaigns.exports.asked(self._vault, token)
        now = await self._instant(wanted.workspace_id)
        reader = self._database.reader(wanted.workspace_id, now=now, actor=_ACTOR)
        pages = await campaigns.exports.written(reader, wanted.campaign_id, wanted.form, figure=wanted.figure)
        async with self._database.begin(wanted.workspace_id, now=now, actor=_ACTOR) as tx:
            await campaigns.exports.use(tx, wanted)
        return _Table(f"campaign-{wanted.campaign_id}.{wanted.form}", _encoded(pages))


async def _stream(table: _Table, send: Send) -> None:
    headers = {
        "content-type": _TYPES[table.name.rpartition(".")[2]],
        "content-disposition": f'attachment; filename="{table.name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    raw = [(key.encode("ascii"), value.encode("ascii")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    async for page in table.pages:
        await send({"type": "http.response.body", "body": page, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _encoded(pages: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield page.encode()


async def _one(file: bytes) -> AsyncIterator[bytes]:
    yield file
