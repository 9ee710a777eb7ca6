"""What a page's handler is given, and what it gives back."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec

from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Reader, Tx
from hospes.base.secrets import Vault
from hospes.capabilities.access.addresses import Proxies
from hospes.capabilities.access.windows import Windows
from hospes.doors.pages.languages import Language
from hospes.web.requests import Hosts, Request

_ACTOR = Actor("pages", "Guest page")


class Services(msgspec.Struct, frozen=True):
    """What the pages are given by the composition root. `facts` holds what single pages need besides."""

    database: Database
    clock: Clock
    vault: Vault
    instant: Callable[[int], Awaitable[datetime]]
    hosts: Hosts
    windows: Windows
    proxies: Proxies
    public_url: str
    facts: Mapping[str, Any] = {}


class Brand(msgspec.Struct, frozen=True):
    """Whose page it is. `colour` is `#rrggbb`."""

    name: str
    colour: str | None = None


class Page(msgspec.Struct, frozen=True):
    """A template and what it shows. `again_seconds` has the browser load the page anew.

    A form of it may lead to `leads_to`, a source as a Content-Security-Policy names it, besides this server.
    One that `is_scripted` may run this server's own scripts, and those may talk to it.
    """

    template: str
    facts: Mapping[str, Any] = {}
    brand: Brand | None = None
    status: int = 200
    again_seconds: int | None = None
    headers: Mapping[str, str] = {}
    leads_to: str | None = None
    is_scripted: bool = False


class Document(msgspec.Struct, frozen=True):
    """An answer for a program: its bytes, and what they are."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = {}


class Redirect(msgspec.Struct, frozen=True):
    """The next page after a form, by 303: the browser asks for it with GET, whatever it sent before."""

    to: str
    headers: Mapping[str, str] = {}


class Stopped(Exception):
    """The visit ends here, with this answer."""

    def __init__(self, answer: "Page | Redirect") -> None:
        self.answer = answer
        super().__init__()


class Visit(msgspec.Struct, frozen=True):
    """One request of somebody's browser. Form and query hold each name once."""

    services: Services
    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    language: Language
    address: str
    request: Request

    @asynccontextmanager
    async def begin(self, workspace_id: int) -> AsyncIterator[Tx]:
        """A transaction in the workspace that the page's slug or link named."""
        now = await self.services.instant(workspace_id)
        async with self.services.database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            yield tx

    async def reader(self, workspace_id: int) -> Reader:
        now = await self.services.instant(workspace_id)
        return self.services.database.reader(workspace_id, now=now, actor=_ACTOR)


Answer = Page | Document | Redirect
Handler = Callable[[Visit], Awaitable[Answer]]


class Route(msgspec.Struct, frozen=True):
    """A page's address, and who makes it. `longest` bounds each value of its form, in characters."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")
    longest: int = 4000
