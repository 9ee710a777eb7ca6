"""The one way out: every connection that Hospes opens to the world is opened here.

The address is checked where it is dialled, on the socket itself, so that no spelling of a URL, no
DNS answer and no second lookup can lead inside. A redirect is followed for who asks for it, and
checked like any URL; cookies are not kept, challenges not answered, and proxies from the
environment not used: a proxy would dial in our place, past the guard.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final, Self
from urllib.parse import urldefrag, urljoin

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hospes.base.clock import Clock
from hospes.providers.destinations import Destinations, Refused

HEAD_BYTES: Final = 512
_MOST_ANSWERS: Final = 64  # no receiver has more addresses, and each has to be checked
_MOST_DIALLED: Final = 8
_LOOKUPS_AT_ONCE: Final = 32
_NAMES_KEPT_SECONDS: Final = 10
# Shorter than what common servers keep an idle connection for (5 s), so that a delivery seldom
# goes out on one that is just being closed.
_IDLE_SECONDS: Final = 4.0
_READ_BUFFER_BYTES: Final = 16 * 1024
_REDIRECTS: Final = (301, 302, 303, 307, 308)

# From the narrower error to the wider: the first that fits names the failure.
_WORDS: Final = (
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientConnectorError, "connect"),
    (aiohttp.ClientResponseError, "invalid_answer"),
    (aiohttp.InvalidURL, "invalid_answer"),
)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came of one request.

    `status` decides: any 2xx is a success. `error` is one word for what went wrong:
    `refused_address`, `dns`, `connect`, `tls`, `timeout`, `reset` or `invalid_answer` when there is
    no status, `too_slow` or `reset` beside a status when only the body did not arrive in full.
    `head` is the start of the body, at most 512 characters, without NULs: text from a stranger, to
    be escaped where it is shown. It is only ever kept from an address that passed the guard.
    `retry_after` is the header as sent, if it is short printable ASCII. A refused address shows
    no latency, which would tell about the network behind it.
    """

    status: int | None
    error: str | None
    latency_ms: int
    head: str
    retry_after: str | None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299


_REFUSED: Final = Answer(None, "refused_address", 0, "", None)


class Page(msgspec.Struct, frozen=True, gc=False):
    """What came of one request, with its body. `error` as in `Answer`, or `too_large` for a body past the bound."""

    status: int | None
    error: str | None
    body: bytes = b""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


class Outbound:
    """A guarded HTTP client; open between `start` and `close`, or as a context manager."""

    def __init__(
        self,
        destinations: Destinations,
        clock: Clock,
        *,
        trust: ssl.SSLContext | None = None,
        names: AbstractResolver | None = None,
        per_host: int = 100,
    ) -> None:
        """`trust` holds the certificate authorities, this machine's by default; certificates are
        verified and TLS is at least 1.2 whatever it says. `names` looks names up, and belongs to
        the caller. `per_host` is the most connections to one host and port; a caller bounds the total.
        """
        self._destinations = destinations
        self._clock = clock
        self._trust = _strict(trust or ssl.create_default_context())
        self._names = names
        self._per_host = per_host
        self._lookups: _SystemNames | None = None
        self._session: aiohttp.ClientSession | None = None
        self._target = lru_cache(maxsize=4096)(self._checked)

    async def start(self) -> None:
        """Open the connection pool; nothing is dialled yet."""
        names = self._names
        if names is None:
            names = self._lookups = _SystemNames()
        connector = aiohttp.TCPConnector(
            resolver=_VettedNames(names, self._destinations),
            socket_factory=self._socket,
            ssl=self._trust,
            limit=0,
            limit_per_host=self._per_host,
            keepalive_timeout=_IDLE_SECONDS,
            ttl_dns_cache=_NAMES_KEPT_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # An answer in any other encoding stays as it is: nothing is unpacked, so nothing explodes.
            headers={"Accept-Encoding": "identity", "User-Agent": "Hospes"},
            auto_decompress=False,
            read_bufsize=_READ_BUFFER_BYTES,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # `_exchanged` has one limit over all of it
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection; what is under way fails."""
        if self._session is not None:
            await self._session.close()
        if self._lookups is not None:
            await self._lookups.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float = 10.0,
        read_limit: int = 4096,
    ) -> Answer:
        """Send one request and say what came of it; failures of the network are answers, not errors.

        `timeout_seconds` covers lookup, connection, sending and reading, in real time whatever the
        house's clock says. At most `read_limit` bytes of the body are read; a connection on which more
        of it is to come is closed. The URL is held to the policy again, since it may have changed
        after registration. Raises ValueError for a header that HTTP cannot carry.
        """
        try:
            target = self._target(url)
        except Refused:
            return _REFUSED
        started = self._clock.monotonic()
        reply, error, read = await self._exchanged(
            "POST", target, body=body, headers=headers, timeout_seconds=timeout_seconds, read_limit=read_limit
        )
        if error == _REFUSED.error:
            return _REFUSED
        return _answer(reply, error, read, self._clock.monotonic() - started)

    async def get(
        self, url: str, *, headers: Mapping[str, str], timeout_seconds: float, read_limit: int, redirects: int = 0
    ) -> Page:
        """Fetch a document of at most `read_limit` bytes; as `post` otherwise.

        Up to `redirects` are followed, each held to the policy as if somebody had typed it: its URL
        when it is read, its address when it is dialled. The time is for all of them together.
        """
        until = self._clock.monotonic() + timeout_seconds
        for hops_left in range(redirects, -1, -1):
            try:
                target = self._target(url)
            except Refused:
                return Page(None, "refused_address")
            left = max(0.001, until - self._clock.monotonic())
            reply, error, read = await self._exchanged(
                "GET", target, body=None, headers=headers, timeout_seconds=left, read_limit=read_limit + 1
            )
            if reply is None or error is not None:
                return Page(reply.status if reply else None, error)
            onward = reply.headers.get("Location") if reply.status in _REDIRECTS else None
            if onward is None or not hops_left:
                is_cut = len(read) > read_limit
                return (
                    Page(reply.status, "too_large") if is_cut else Page(reply.status, None, bytes(read), reply.headers)
                )
            try:
                url = urldefrag(urljoin(str(target), onward)).url
            except ValueError:
                return Page(None, "refused_address")
        raise AssertionError  # the last hop returns

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_seconds: float,
        read_limit: int,
    ) -> Page:
        """Ask an API: one request, an answer of at most `read_limit` bytes, no redirects; as `post` otherwise."""
        try:
            target = self._target(url)
        except Refused:
            return Page(None, "refused_address")
        reply, error, read = await self._exchanged(
            method, target, body=body, headers=headers, timeout_seconds=timeout_seconds, read_limit=read_limit + 1
        )
        if reply is None or error is not None:
            return Page(reply.status if reply else None, error)
        if len(read) > read_limit:
            return Page(reply.status, "too_large")
        return Page(reply.status, None, bytes(read), reply.headers)

    async def _exchanged(
        self,
        method: str,
        target: URL,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_seconds: float,
        read_limit: int,
    ) -> tuple[aiohttp.ClientResponse | None, str | None, bytearray]:
        """The reply if there was one, one word for what went wrong, and what was read."""
        assert self._session is not None, "Outbound.start was not awaited"
        reply: aiohttp.ClientResponse | None = None
        read, error = bytearray(), None
        try:
            async with asyncio.timeout(timeout_seconds):
                reply = await self._session.request(method, target, data=body, headers=headers, allow_redirects=False)
                await _read(reply.content, read, read_limit)
        except (TimeoutError, aiohttp.ClientError, OSError) as failure:
            error = _word(failure, answered=reply is not None)
        finally:
            if reply is not None:
                _let_go(reply)
        return reply, error, read

    def _checked(self, url: str) -> URL:
        # `encoded`: a receiver that signs its URLs needs them back as it wrote them.
        return URL(self._destinations.check_url(url), encoded=True)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for one address, the very one that is dialled next. Raises NotPublicError."""
        family, kind, protocol, _, address = info
        if not self._destinations.permits(address[0]):
            raise NotPublicError
        return socket.socket(family, kind, protocol)


class NotPublicError(OSError):
    """The address may not be dialled. Without the address: the text is the same for all of them."""


class _VettedNames(AbstractResolver):
    """Answers only names all of whose addresses are permitted.

    One public address beside a private one is how rebinding looks, so it spoils the whole answer.
    """

    def __init__(self, names: AbstractResolver, destinations: Destinations) -> None:
        self._names = names
        self._destinations = destinations

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host == "localhost":  # RFC 6761 section 6.3: never asked of a server
            return [_result(host, address, port) for address in ("127.0.0.1", "::1")]
        # The final dot makes the name absolute: no search domain of this machine is tried.
        answers = await self._names.resolve(f"{host}.", port, family)
        if not answers:
            raise OSError("The name has no address.")
        permits = self._destinations.permits
        if len(answers) > _MOST_ANSWERS or not all(permits(answer["host"]) for answer in answers):
            raise NotPublicError
        return answers[:_MOST_DIALLED]

    async def close(self) -> None:
        """Nothing: the inner resolver belongs to whoever made it."""


class _SystemNames(AbstractResolver):
    """The resolver of this machine, on threads of its own.

    A name server that keeps silent holds a thread for as long as the C library waits. On the
    event loop's pool (which under uvloop has four) it would hold up everything else as well.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="hospes-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port, family)
        return [_result(host, str(address[0]), port) for *_, address in found]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST
    )


def _strict(trust: ssl.SSLContext) -> ssl.SSLContext:
    trust.check_hostname = True
    trust.verify_mode = ssl.CERT_REQUIRED
    trust.minimum_version = max(trust.minimum_version, ssl.TLSVersion.TLSv1_2)
    return trust


async def _read(content: aiohttp.StreamReader, into: bytearray, limit: int) -> None:
    while len(into) < limit and not content.at_eof():
        into += await content.read(limit - len(into))


def _let_go(reply: aiohttp.ClientResponse) -> None:
    """Keep the connection when the answer was read to its end, else close it."""
    if reply.content.at_eof():
        reply.release()
    else:
        reply.close()


def _word(failure: Exception, *, answered: bool) -> str:
    cause = getattr(failure, "os_error", failure)
    if isinstance(cause, NotPublicError):
        return "refused_address"
    if isinstance(cause, TimeoutError):
        return "too_slow" if answered else "timeout"
    if isinstance(failure, aiohttp.ClientConnectorError) and isinstance(cause, ConnectionResetError):
        return "tls"  # connected, then hung up on in the handshake: nothing in common, and no alert sent
    return next((word for kind, word in _WORDS if isinstance(failure, kind)), "reset")


def _answer(reply: aiohttp.ClientResponse | None, error: str | None, read: bytearray, seconds: float) -> Answer:
    latency_ms = round(seconds * 1000)
    if reply is None:
        return Answer(None, error, latency_ms, "", None)
    head = read[:HEAD_BYTES].decode(errors="replace").replace("\0", "")
    return Answer(reply.status, error, latency_ms, head, _short(reply.headers.get("Retry-After")))


def _short(value: str | None) -> str | None:
    return value if value is not None and len(value) <= 64 and value.isascii() and value.isprintable() else None
