"""The house at a real address, and a person who comes by plain HTTP."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Iterator
from html import unescape

import httpx
import uvicorn

from hospes.base.settings import Settings
from hospes.house import House
from tests.living import Home
from tests.oauth.acting import PASSWORD, Person


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C belongs to pytest."""
        yield


@contextlib.asynccontextmanager
async def serving(home: Home, settings: Settings) -> AsyncIterator[str]:
    """The address of a server that knows itself by it."""
    listening = socket.create_server(("127.0.0.1", 0))
    site = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ours = settings.model_copy(update={"public_url": site, "oauth_rate_limit": 10_000})
    async with House(ours, home.dsn, home.server.vault, clock=home.clock).serving() as application:
        server = _Server(uvicorn.Config(application, lifespan="off", ws="none", log_level="warning"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield site
        finally:
            server.should_exit = True
            await running


class Visitor:
    """Signs in when asked to, and says yes; plain forms, no script."""

    def __init__(self, person: Person) -> None:
        self._person = person

    async def decide(self, url: str) -> str:
        """Where the browser is sent in the end."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(url)
            if answer.status_code == 303:
                answer = await self._sign_in(client, answer)
            assert answer.status_code == 200, answer.text
            form = {**_hidden(answer), "answer": "allow"}
            answer = await client.post(answer.url.join("/public/oauth/consent"), data=form)
            assert answer.status_code == 303, answer.text
            return str(answer.headers["location"])

    async def _sign_in(self, client: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
        shown = await client.get(answer.url.join(answer.headers["location"]))
        form = {**_hidden(shown), "email": self._person.email, "password": PASSWORD}
        entered = await client.post(shown.url.join("/staff/sign-in"), data=form)
        return await client.get(entered.url.join(entered.headers["location"]))


def _hidden(answer: httpx.Response) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text)
    return {name: unescape(value) for name, value in found}
