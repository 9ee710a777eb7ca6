"""What tests live with: the house, a caller of its API, a receiver of its webhooks."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import urlencode

from hospes.base.clock import ManualClock
from hospes.base.db import Actor, Tx
from hospes.base.jobs import Worker
from hospes.capabilities import access, places, workspaces
from hospes.doors import workspace_api
from hospes.house import House

BASE = "/api/v1/external/v1"
ACTOR = Actor("test", "Test")
# What the fixture `vault` is made of, as the command line is given it.
SECRET_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Answer:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode(): value.decode("latin-1") for name, value in headers}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


async def ask(
    application: Any,
    method: str,
    path: str,
    *,
    headers: list[tuple[bytes, bytes]],
    query: bytes = b"",
    body: bytes | list[bytes] = b"",
    peer: tuple[str, int] | None = ("127.0.0.1", 50000),
) -> Answer:
    """One request straight into the ASGI application; a list of bytes is sent in parts."""
    parts = body if isinstance(body, list) else [body]
    messages = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": peer,
        "server": ("testserver", 80),
    }
    await application(scope, receive, send)
    start = sent[0]
    return Answer(start["status"], start["headers"], b"".join(part.get("body", b"") for part in sent[1:]))


class Home:
    """The whole house: `server` answers, `worker` works, `clock` stands until it is moved."""

    def __init__(self, server: House, application: Any, worker: Worker, clock: ManualClock, dsn: str) -> None:
        self.server = server
        self.application = application
        self.worker = worker
        self.clock = clock
        self.dsn = dsn

    async def new_api(self, *, scopes: list[str] | None = None, rate_limit: int = 10_000, **workspace: Any) -> "Api":
        made = await workspaces.create(self.server.database, name="Test", now=self.clock.now(), **workspace)
        api = Api(self, made.id, "", 0, 0)
        async with api.begin() as tx:
            api.location_id = await places.create_location(tx, name="Cafe", time_zone="Europe/Paris")
            api.portal_id = await places.create_portal(
                tx, location_id=api.location_id, name="WiFi", slug=f"cafe-{made.id}"
            )
        api.key = await api.new_key(scopes or ["*"], rate_limit=rate_limit)
        return api


class Api:
    """A caller of the Guest API in one workspace."""

    def __init__(self, home: Home, workspace_id: int, key: str, location_id: int, portal_id: int) -> None:
        self.home = home
        self.workspace_id = workspace_id
        self.key = key
        self.location_id = location_id
        self.portal_id = portal_id
        self.tokens: dict[str, str] = {}

    def begin(self) -> Any:
        """A transaction in this workspace, on the house's clock."""
        return self.home.server.database.begin(self.workspace_id, now=self.home.clock.now(), actor=ACTOR)

    def reader(self) -> Any:
        return self.home.server.database.reader(self.workspace_id, now=self.home.clock.now(), actor=ACTOR)

    async def new_key(self, scopes: list[str], *, rate_limit: int = 10_000, allow: list[str] | None = None) -> str:
        made = await access.keys.create(
            self.home.server.database,
            self.workspace_id,
            name="Till",
            granted=scopes,
            now=self.home.clock.now(),
            rate_limit=rate_limit,
            allowlist=allow,
        )
        return made.secret

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | list[bytes] | None = None,
        peer: tuple[str, int] | None = ("127.0.0.1", 50000),
        **query: Any,
    ) -> Answer:
        """`body` is sent as JSON, `raw` as it is; further arguments make the query."""
        sent = [(b"host", b"testserver"), (b"authorization", f"Bearer {key or self.key}".encode())]
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if body is not None or raw is not None:
            sent.append((b"content-type", b"application/json"))
        for name, value in (headers or {}).items():
            sent = [(known, old) for known, old in sent if known != name.lower().encode()]
            sent.append((name.lower().encode(), value.encode("latin-1")))
        return await ask(
            self.home.application,
            method,
            BASE + path,
            headers=sent,
            query=urlencode(query, doseq=True).encode(),
            body=content,
            peer=peer,
        )

    async def workspace(self, method: str, path: str, body: Any = None, *, role: str = "owner", **query: Any) -> Answer:
        """A call of the Workspace API, with a token of this role."""
        if role not in self.tokens:
            made = await access.staff_tokens.create(
                self.home.server.database, self.workspace_id, name="Test", role=role, now=self.home.clock.now()
            )
            self.tokens[role] = made.secret
        sent = [(b"host", b"testserver"), (b"authorization", f"Bearer {self.tokens[role]}".encode())]
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            sent.append((b"content-type", b"application/json"))
        target = workspace_api.BASE + path
        question = urlencode(query, doseq=True).encode()
        return await ask(self.home.application, method, target, headers=sent, query=question, body=content)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.ask("POST", path, {} if body is None else body, **more)

    async def patch(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.ask("PATCH", path, body, **more)

    async def new_guest(self, **fields: Any) -> dict[str, Any]:
        """A guest of this workspace, by way of the API."""
        answer = await self.post("/crm/guests", {"location_id": self.location_id, "name": "Anna", **fields})
        assert answer.status == 201, answer
        guest: dict[str, Any] = answer.json()
        return guest

    async def new_webhook(self, receiver: "Receiver", *events: str) -> dict[str, Any]:
        answer = await self.post("/webhooks", {"url": receiver.url, "events": list(events) or ["*"]})
        assert answer.status == 201, answer
        webhook: dict[str, Any] = answer.json()
        return webhook

    async def deliver(self) -> None:
        """Let the worker send all that is due."""
        await self.home.worker.run_due(self.workspace_id)


class Received:
    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A real server on loopback. `answers` is asked for the status (and headers) of each request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Awaitable[tuple[int, dict[str, str], bytes]]] = self._well
        self.most_at_once = 0
        self._at_once = 0
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/hook"

    def answers(self, status: int, *, headers: dict[str, str] | None = None, body: bytes = b"ok") -> None:
        async def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
            return status, headers or {}, body

        self.answer = answer

    @staticmethod
    async def _well(_: Received) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b"ok"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        received = Received(headers, await reader.readexactly(int(headers.get("content-length", "0"))))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.received.append(received)
            status, extra, body = await self.answer(received)
        finally:
            self._at_once -= 1
        told = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{told}\r\n".encode() + body)
        await writer.drain()
        return True


async def tx_of(api: Api, work: Callable[[Tx], Awaitable[Any]]) -> Any:
    async with api.begin() as tx:
        return await work(tx)
