"""`/exports/{token}`: a table that somebody asked for, once, streamed as it is read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from hospes.base.db import Actor, Database
from hospes.base.errors import HospesError, NotFound
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import campaigns

_ACTOR = Actor("exports", "Export link")
_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}


class Exports:
    """ASGI endpoint; the link is the permission."""

    def __init__(self, database: Database, vault: Vault, instant: Callable[[int], Awaitable[datetime]]) -> None:
        self._database = database
        self._vault = vault
        self._instant = instant

    async def __call__(self, request: Request) -> Response:
        try:
            wanted = campaigns.exports.asked(self._vault, request.path_params["token"])
            return await self._table(wanted)
        except (NotFound, Unreadable):
            return PlainTextResponse("This link is over, or was used. Ask for a new one.\n", 404)
        except HospesError:
            return PlainTextResponse("The server is busy. Try again in a moment.\n", 503, {"retry-after": "1"})

    async def _table(self, wanted: campaigns.exports.Asked) -> Response:
        now = await self._instant(wanted.workspace_id)
        reader = self._database.reader(wanted.workspace_id, now=now, actor=_ACTOR)
        pages = await campaigns.exports.written(reader, wanted.campaign_id, wanted.form, figure=wanted.figure)
        async with self._database.begin(wanted.workspace_id, now=now, actor=_ACTOR) as tx:
            await campaigns.exports.use(tx, wanted)
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="campaign-{wanted.campaign_id}.{wanted.form}"',
            "x-content-type-options": "nosniff",
        }
        return StreamingResponse(_encoded(pages), media_type=_TYPES[wanted.form], headers=headers)


async def _encoded(pages: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield page.encode()
