"""Case A19: a body that does not arrive in time."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from hospes.capabilities import access
from hospes.doors import mail_hook, workspace_api
from hospes.web import requests
from tests.living import BASE, Answer, Api, Home, ask


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of a second for a body, instead of fifteen."""
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)


class Slow:
    """An application whose requests' bodies begin, and then come byte by byte for ever, or not at all."""

    def __init__(self, application: Any, *, trickles: bool) -> None:
        self._application = application
        self._trickles = trickles
        self.taken = 0

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        await self._application(scope, self._receive, send)

    async def _receive(self) -> dict[str, Any]:
        if self.taken and not self._trickles:
            await asyncio.Event().wait()
        self.taken += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"{", "more_body": True}


async def slow(home: Home, path: str, key: str, *, trickles: bool = False, kind: bytes = b"application/json") -> Answer:
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {key}".encode()), (b"content-type", kind)]
    application = Slow(home.application, trickles=trickles)
    async with asyncio.timeout(20):
        answer = await ask(application, "POST", path, headers=headers)
    assert application.taken >= (2 if trickles else 1)
    return answer


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("trickles", [True, False], ids=["byte by byte", "never complete"])
async def test_a_body_that_takes_too_long_is_408(home: Home, api: Api, trickles: bool) -> None:
    """A19: the time is for the whole body, so one that goes on arriving gains nothing."""
    answer = await slow(home, BASE + "/crm/tags", api.key, trickles=trickles)

    assert (answer.status, answer.json()) == (408, {"detail": "The body did not arrive in time."})
    assert answer.headers["connection"] == "close"
    assert (await api.get("/crm/tags")).json()["items"] == []


@pytest.mark.usefixtures("hurry")
async def test_every_door_gives_a_body_the_same_time(home: Home, api: Api) -> None:
    """A19"""
    made = await access.staff_tokens.create(
        home.server.database, api.workspace_id, name="Net", role="network", now=home.clock.now()
    )
    await api.workspace("GET", "/locations")
    hook = f"/hooks/mail/{mail_hook.secret(home.server.vault)}"

    answers = {
        "workspace": await slow(home, workspace_api.BASE + "/locations", api.tokens["owner"]),
        "portal": await slow(home, f"/p/cafe-{api.workspace_id}", "", kind=b"application/x-www-form-urlencoded"),
        "radius": await slow(home, "/radius/v1/authorize", made.secret),
        "passes": await slow(home, "/passes/v1/log", ""),
        "mail": await slow(home, hook, ""),
    }

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 408)
    assert answers["workspace"].json()["detail"] == "The body did not arrive in time."
    assert answers["workspace"].headers["content-type"] == "application/problem+json"


@asynccontextmanager
async def listening(application: Any) -> AsyncIterator[int]:
    """The application behind a real socket, as `hospes serve` puts it there."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_level="error"))
    # Not `serve`: it would take over the signals of the test run.
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[sock])
    try:
        yield int(sock.getsockname()[1])
    finally:
        await server.shutdown(sockets=[sock])


@pytest.mark.usefixtures("hurry")
async def test_a_slow_caller_is_told_and_its_connection_ended(home: Home, api: Api) -> None:
    """A19: over a real connection, with a length and in parts."""
    head = f"POST {BASE}/crm/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.key}\r\n"
    heads = [head + "Content-Length: 500\r\n\r\n{", head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]

    async with listening(home.application) as port:
        said = []
        for text in heads:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text.encode())
            async with asyncio.timeout(20):
                said.append(await reader.read())  # to the end: the server closes
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    for answer in said:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert answer.endswith(b'{"detail":"The body did not arrive in time."}')
