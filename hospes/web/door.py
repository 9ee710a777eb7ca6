"""The one path of a request through a door: checks in the contract's order, work, answer.

A read gets a `Reader`; a write gets a `Tx`, and its answer is encoded, and kept under its
idempotency key, before the transaction commits.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog

from hospes.base import metrics
from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Reader, Tx
from hospes.base.errors import Conflict, Exhausted, HospesError
from hospes.base.secrets import Vault
from hospes.capabilities.access import idempotency
from hospes.capabilities.access.addresses import Proxies
from hospes.web.decode import BodyDecoder, Fault, Malformed
from hospes.web.requests import Hosts, Receive, Refusal, Request, Scope, Send, json_content
from hospes.web.routes import Compiled, Match, Route, Table
from hospes.web.values import QueryDecoder, identifier

log = structlog.get_logger()

_KEY_LENGTH = 128


class Caller(Protocol):
    """Who was admitted."""

    @property
    def workspace_id(self) -> int: ...
    @property
    def actor(self) -> Actor: ...
    @property
    def credential(self) -> str: ...
    @property
    def is_sandbox(self) -> bool: ...


class Guard(Protocol):
    """A door's admission: raises Refusal, or returns the caller and the headers of its answer."""

    async def admit(self, request: Request, route: Route) -> tuple[Caller, dict[str, str]]: ...


class Speech(Protocol):
    """How a door words what went wrong."""

    @property
    def content_type(self) -> bytes:
        """The media type of its errors."""
        ...

    @property
    def takes_request_ids(self) -> bool:
        """Whether a caller may name its requests."""
        ...

    @property
    def statuses(self) -> Mapping[int, int]:
        """What it says instead of statuses that its contract does not know."""
        ...

    def error(self, status: int, detail: Any, request_id: str) -> bytes: ...

    def of(self, error: HospesError) -> Refusal:
        """The refusal for one of the house's errors."""
        ...

    def faults(self, faults: tuple[Fault, ...]) -> Refusal:
        """The refusal for a body or query that cannot be read."""
        ...


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    is_error: bool = False


class Services(msgspec.Struct, frozen=True):
    """What every door is given by the composition root."""

    database: Database
    clock: Clock
    vault: Vault
    instant: Callable[[int, bool], Any]
    hosts: Hosts
    proxies: Proxies


class _Once(msgspec.Struct, frozen=True):
    """A write that may be repeated under its key."""

    credential: str
    key: str
    fingerprint: bytes


_ALWAYS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_JSON = [*_ALWAYS, (b"content-type", b"application/json; charset=utf-8")]
_encode = msgspec.json.Encoder().encode


class Door:
    """An ASGI application for one contract."""

    def __init__(
        self,
        name: str,
        base: str,
        routes: list[Route],
        *,
        guard: Guard,
        speech: Speech,
        services: Services,
        extras: Mapping[str, Any],
    ) -> None:
        """`base` is the path it stands under.

        Handlers may ask for `caller`, for `extras`, and for an `idempotency_key` of their own use, by name.
        """
        self.name = name
        self._base = base
        self.table = Table(routes)
        self._guard = guard
        self._speech = speech
        self._error_headers = [*_ALWAYS, (b"content-type", speech.content_type)]
        self._services = services
        self._extras = extras
        self._bodies = {
            route.body: BodyDecoder(route.body, max_members=route.most_members) for route in routes if route.body
        }
        self._queries = {route.query: QueryDecoder(route.query) for route in routes if route.query}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._services.clock.monotonic()
        path, now = scope["path"].removeprefix(self._base), self._services.clock.now()
        request = Request(scope, receive, path, now, takes_id=self._speech.takes_request_ids)
        template = "unmatched"
        headers: dict[str, str] = {}
        try:
            request.check(self._services.hosts)
            match = self._matched(request)
            template = match.route.route.path
            caller, headers = await self._guard.admit(request, match.route.route)
            answer = await self._work(request, match, caller)
        except Refusal as refusal:
            answer = self._refused(refusal, request)
        except Malformed as malformed:
            answer = self._refused(self._speech.faults(malformed.faults), request)
        except HospesError as error:
            answer = self._refused(self._told(error, request), request)
        except Exception as error:  # noqa: BLE001 (the one boundary; nothing of the exception's text gets out, case S7)
            log.error("request.failed", request_id=request.id, error=type(error).__name__, where=_where(error))
            answer = self._refused(Refusal(500, "Internal server error"), request)
        await self._send(request, answer, headers, send)
        seconds = self._services.clock.monotonic() - started
        metrics.request(self.name, request.method, template, answer.status, seconds)
        log.info(
            "request",
            door=self.name,
            request_id=request.id,
            method=request.method,
            route=template,
            status=answer.status,
            ms=round(seconds * 1000, 2),
        )

    def _matched(self, request: Request) -> Match:
        found = self.table.find(request.method, request.path)
        if isinstance(found, Match):
            return found
        if found:
            raise Refusal(405, "Method Not Allowed", {"allow": ", ".join(found)})
        raise Refusal(404, "Not Found")

    async def _work(self, request: Request, match: Match, caller: Caller) -> Answer:
        compiled = match.route
        arguments, raw = await self._arguments(request, match, caller)
        once = self._once(request, compiled, caller, arguments, raw)
        now = await self._services.instant(caller.workspace_id, caller.is_sandbox)
        address = self._services.proxies.client(request.peer, request.header(b"x-forwarded-for"))
        actor = Actor(caller.actor.door, caller.actor.name, str(address or ""))
        if not compiled.writes:
            reader = self._services.database.reader(caller.workspace_id, now=now, actor=actor)
            return await self._done(compiled, reader, arguments)
        return await self._written(request, compiled, caller, now, actor=actor, arguments=arguments, once=once)

    async def _arguments(self, request: Request, match: Match, caller: Caller) -> tuple[dict[str, Any], bytes]:
        route = match.route.route
        arguments: dict[str, Any] = {}
        for name, text in zip(match.route.path_names, match.parameters, strict=True):
            arguments[name] = text if name.endswith("_ref") else identifier(text, name)
        if route.query:
            arguments["query"] = self._queries[route.query](request.query_string)
        raw = b""
        if route.body:
            if not json_content(request.header(b"content-type")):
                raise Refusal(415, "Send the body as application/json.")
            raw = await request.body() or match.route.empty_body
            arguments["body"] = self._bodies[route.body](raw)
        for name in match.route.wants:
            if name == "idempotency_key":
                arguments[name] = _key(request, arguments.get("body"))
            elif name not in arguments:
                arguments[name] = caller if name == "caller" else self._extras[name]
        return arguments, raw

    def _once(
        self, request: Request, compiled: Compiled, caller: Caller, arguments: dict[str, Any], raw: bytes
    ) -> _Once | None:
        key = _key(request, arguments.get("body")) if compiled.writes else None
        if key is None:
            return None
        body = msgspec.json.decode(raw) if raw else None
        if isinstance(body, dict):
            body.pop("idempotency_key", None)
        fingerprint = idempotency.fingerprint(request.method, request.path, body)
        return _Once(f"{self.name}/{caller.credential}", key, fingerprint)

    async def _written(
        self,
        request: Request,
        compiled: Compiled,
        caller: Caller,
        now: datetime,
        *,
        actor: Actor,
        arguments: dict[str, Any],
        once: _Once | None,
    ) -> Answer:
        database, vault = self._services.database, self._services.vault
        async with database.begin(caller.workspace_id, now=now, actor=actor) as tx:
            if once is None:
                return await self._done(compiled, tx, arguments)
            first = await idempotency.claim(
                tx, vault, credential=once.credential, key=once.key, fingerprint=once.fingerprint
            )
            if first is not None:
                return Answer(first.status, first.body, is_error=first.status >= 400)
            answer = await self._done_or_refused(request, compiled, tx, arguments)
            kept = idempotency.Answer(answer.status, answer.body)
            await idempotency.keep(tx, vault, kept, credential=once.credential, key=once.key)
            return answer

    async def _done_or_refused(self, request: Request, compiled: Compiled, tx: Tx, arguments: dict[str, Any]) -> Answer:
        # A refusal of the business (too few points) is an answer, and is kept like one (case D9).
        try:
            async with tx.undoable():
                return await self._done(compiled, tx, arguments)
        except (Conflict, Exhausted) as error:
            return self._refused(self._speech.of(error), request)

    async def _done(self, compiled: Compiled, reader: Reader, arguments: dict[str, Any]) -> Answer:
        out = await compiled.route.handler(reader, **arguments)
        return Answer(compiled.route.status, _encode(out) if out is not None else b"")

    def _refused(self, refusal: Refusal, request: Request) -> Answer:
        status = self._speech.statuses.get(refusal.status, refusal.status)
        body = self._speech.error(status, refusal.detail, request.id)
        return Answer(status, body, refusal.headers, is_error=True)

    def _told(self, error: HospesError, request: Request) -> Refusal:
        refusal = self._speech.of(error)
        if refusal.status >= 500:
            log.error("request.failed", request_id=request.id, error=type(error).__name__, reason=str(error))
        return refusal

    async def _send(self, request: Request, answer: Answer, headers: dict[str, str], send: Send) -> None:
        fixed = _ALWAYS if not answer.body else self._error_headers if answer.is_error else _JSON
        raw = [(b"x-request-id", request.id.encode("ascii")), *fixed]
        if answer.status != 204:
            raw.append((b"content-length", str(len(answer.body)).encode("ascii")))
        for name, value in headers.items():
            raw.append((name.encode("ascii"), value.encode("latin-1")))
        for name, value in answer.headers.items():
            raw.append((name.encode("ascii"), value.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        body = b"" if request.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})


class Entrance:
    """The whole server: calls go straight to their door, pages to everything else."""

    def __init__(self, doors: Mapping[str, Any], pages: Any) -> None:
        """`doors` are ASGI applications by their base path, with a slash at its end.

        Pages under such a path keep their own paths.
        """
        self._doors = tuple(doors.items())
        self._pages = pages
        self._paths_of_pages = {route.path for route in pages.routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self._paths_of_pages:
            for base, door in self._doors:
                if scope["path"].startswith(base):
                    await door(scope, receive, send)
                    return
        await self._pages(scope, receive, send)


def _key(request: Request, body: Any) -> str | None:
    """The idempotency key of a request, in its header or its body. Raises Malformed."""
    in_header, in_body = request.header(b"idempotency-key"), getattr(body, "idempotency_key", None)
    if in_header is None and not isinstance(in_body, str):
        return None
    key = _bare(in_header) if in_header is not None else in_body
    if in_header is not None and isinstance(in_body, str) and in_body != key:
        raise Malformed((_key_fault("The key in the header and the key in the body differ"),))
    if not isinstance(key, str) or not 1 <= len(key) <= _KEY_LENGTH or not key.isprintable():
        raise Malformed((_key_fault("An idempotency key has 1 to 128 printable characters"),))
    return key


def _bare(key: str) -> str:
    """The header's key, bare or as the quoted string of the IETF draft."""
    return key[1:-1] if len(key) >= 2 and key[0] == key[-1] == '"' else key


def _key_fault(message: str) -> Fault:
    return Fault(kind="value_error", loc=("header", "idempotency-key"), msg=message, input=None, ctx=None)


def _where(error: BaseException) -> str:
    """File and line of the deepest frame: where, without what."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/hospes/')[2]}:{trace.tb_lineno}" if trace else "?"


__all__ = ["Answer", "Caller", "Door", "Entrance", "Guard", "Route", "Services", "Speech"]
