"""One HTTP request, read strictly. Security headers come once or not at all (cases A34, A39)."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from hospes.base import ids
from hospes.capabilities.access import addresses

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BODY_BYTES = 1 << 20
# For the whole of a body, however fast its parts come.
BODY_SECONDS = 15.0

_ONCE = (b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"x-request-id")
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(rb"([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_MOST_HOSTS_SEEN = 1000


class Refusal(Exception):
    """The request is answered here and now. `detail` is for people, in the door's own words."""

    def __init__(self, status: int, detail: Any, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        super().__init__(status)


class Hosts:
    """The names this server answers to: its public one, loopback, plain addresses, and configured ones."""

    def __init__(self, public_url: str, more: str = "") -> None:
        """`more` lists further names, separated by commas."""
        names = [urlsplit(public_url).hostname or "", "localhost", *(name.strip() for name in more.split(","))]
        self._names = {name.lower().encode() for name in names if name}
        self._seen: dict[bytes, bool] = {}

    def admits(self, host: bytes) -> bool:
        known = self._seen.get(host)
        if known is None:
            known = self._judge(host)
            if len(self._seen) < _MOST_HOSTS_SEEN:
                self._seen[host] = known
        return known

    def _judge(self, host: bytes) -> bool:
        found = _HOST.fullmatch(host)
        if not found:
            return False
        name = found[1].lower().removesuffix(b".")
        return name in self._names or addresses.parsed(name.strip(b"[]").decode()) is not None


class Request:
    """What a door needs of a request. Reading it does no I/O, except for the body."""

    __slots__ = ("_receive", "headers", "id", "method", "path", "peer", "query_string", "repeated", "scope")

    def __init__(self, scope: Scope, receive: Receive, path: str, now: datetime, *, takes_id: bool = True) -> None:
        """`takes_id` says whether a sane id that the caller sent names the request."""
        self.scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        self.path = path
        self.query_string: bytes = scope["query_string"]
        client = scope.get("client")
        self.peer: str | None = client[0] if client else None
        self.headers: dict[bytes, bytes] = {}
        self.repeated: list[bytes] = []
        for name, value in scope["headers"]:
            if name in self.headers:
                self.repeated.append(name)
                if name == b"x-forwarded-for":
                    value = self.headers[name] + b"," + value  # noqa: PLW2901
            self.headers[name] = value
        self.id = self._identity(now) if takes_id else ids.ulid("req_", now)

    def check(self, hosts: "Hosts") -> None:
        """Raises Refusal 400 for a missing, doubled or foreign `Host` and for a doubled security header."""
        for name in self.repeated:
            if name in _ONCE:
                raise Refusal(400, f"The header {name.decode('latin-1')} was sent twice.")
        host = self.headers.get(b"host")
        if host is None or not hosts.admits(host):
            raise Refusal(400, "The Host header is missing, not valid, or names another server.")

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return value.decode("latin-1") if value is not None else None

    async def body(self, most: int = MOST_BODY_BYTES) -> bytes:
        """The whole body, to 1 MiB or less. Raises Refusal 413, 408, 415, or 400 when the caller went away."""
        if b"content-encoding" in self.headers:
            raise Refusal(415, "Compressed bodies are not accepted. Send it as it is.")
        length = self.headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > most:
            raise _too_large(most)
        return await whole_body(self._receive, most=most)

    def _identity(self, now: datetime) -> str:
        given = self.headers.get(b"x-request-id")
        if given is not None:
            text = given.decode("latin-1")
            if _SANE_ID.fullmatch(text):
                return text
        return ids.ulid("req_", now)


async def whole_body(receive: Receive, *, most: int) -> bytes:
    """The body, if it is no larger than `most`. Raises Refusal 413, 408, or 400 when the caller went away."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _parts(receive, most)
    except TimeoutError:
        raise Refusal(408, "The body did not arrive in time.", _CLOSE) from None


async def _parts(receive: Receive, most: int) -> bytes:
    parts, size, is_more = [], 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The connection was closed before the body was complete.")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        is_more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most: int) -> Refusal:
    size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"
    return Refusal(413, f"The body is larger than {size}.", _CLOSE)


# What is left of the body is not read, so nothing can follow it on this connection.
_CLOSE = {"connection": "close"}


def json_content(content_type: str | None) -> bool:
    """Whether a bearer door reads this as JSON: `application/json`, `+json`, or nothing said (case A33)."""
    if content_type is None:
        return True
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        return False
    given = [parameter.strip().lower() for parameter in parameters.split(";") if parameter.strip()]
    return all(parameter.replace('"', "") in ("charset=utf-8", "charset=utf8") for parameter in given)
