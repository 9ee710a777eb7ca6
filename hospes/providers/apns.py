"""Apple's push service: tells phones, over HTTP/2 with the pass certificate, that a pass changed."""

import ssl
from datetime import UTC, datetime
from typing import Any, Self

import httpx2
import msgspec

from hospes.capabilities.wallet.pass_pushes import Told
from hospes.providers.pass_certificate import PassCertificate

URL = "https://api.push.apple.com"
_TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 4096


class _Refused(msgspec.Struct, frozen=True):
    """`timestamp` is milliseconds since the epoch."""

    reason: str = ""
    timestamp: int | None = None


class Apns:
    """A connection to the service that many pushes share; open as a context manager."""

    def __init__(self, certificate: PassCertificate, *, url: str = URL, trust: ssl.SSLContext | None = None) -> None:
        """`trust` holds the certificate authorities, this machine's by default."""
        self._topic = certificate.type_id
        self._client = httpx2.AsyncClient(
            base_url=url,
            verify=certificate.presented(trust or ssl.create_default_context()),
            http1=False,
            http2=True,
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def push(self, token: str) -> Told:
        """Send an empty push for a phone's token (hexadecimal). Apple, Updating a Pass; Sending Requests to APNs."""
        headers = {"apns-topic": self._topic, "apns-push-type": "background", "apns-priority": "5"}
        try:
            request = self._client.build_request("POST", f"/3/device/{token}", headers=headers, content=b"{}")
            answer = await self._client.send(request, stream=True)
            try:
                held = await head(answer)
            finally:
                await answer.aclose()
        except httpx2.TimeoutException:
            return Told(None, "timeout")
        except (httpx2.HTTPError, OSError):
            return Told(None, "unreachable")
        return told(answer.status_code, held)


async def head(answer: httpx2.Response) -> bytes:
    """The start of an answer, at most 4 KiB."""
    held = b""
    async for part in answer.aiter_raw():
        held += part
        if len(held) > _LONGEST_ANSWER:
            break
    return held[:_LONGEST_ANSWER]


def told(status: int, body: bytes) -> Told:
    """What an answer of the service says. Apple, Handling Notification Responses from APNs."""
    if status == 200:
        return Told(200)
    try:
        refused = msgspec.json.decode(body, type=_Refused)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        refused = _Refused()
    reason = refused.reason[:60] if refused.reason.isascii() and refused.reason.isprintable() else ""
    return Told(status, f"{status} {reason}".strip(), _instant(refused.timestamp))


def _instant(milliseconds: int | None) -> datetime | None:
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


class SimulatedApns:
    """Takes pushes and sends nothing: with a test certificate there is nobody to send them to."""

    def __init__(self) -> None:
        self.pushed: list[str] = []
        # Tokens that are no good, with what is said of them.
        self.answers: dict[str, Told] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def push(self, token: str) -> Told:
        """Note it, and answer as told to."""
        self.pushed = [*self.pushed[-999:], token]
        return self.answers.get(token, Told(200))


def opened(certificate: PassCertificate, url: str | None) -> Any:
    """The service, or its simulation when the certificate is the test one and no address was set."""
    if certificate.is_test and url is None:
        return SimulatedApns()
    return Apns(certificate, url=url or URL)
