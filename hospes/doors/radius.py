"""RADIUS over HTTP: what FreeRADIUS's `rlm_rest` asks and tells. `deploy/freeradius` holds its side.

`POST …/authorize` answers whether a device may go online (RFC 2865), `POST …/accounting` takes what
becomes of sessions (RFC 2866). Attributes come as rlm_rest writes them: `{"User-Name": {"value": ["…"]}}`.
"""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hospes.base.db import Actor, Database
from hospes.base.errors import Busy, HospesError, NotFound
from hospes.capabilities import wifi
from hospes.capabilities.access import Keyring
from hospes.capabilities.access.staff_tokens import NETWORK, PREFIX, Member
from hospes.web.requests import Refusal, whole_body

_MOST_BYTES = 64 * 1024
_ACTOR = Actor("radius", "RADIUS")
_KINDS = {
    "start": "start",
    "1": "start",
    "stop": "stop",
    "2": "stop",
    "interim-update": "interim",
    "alive": "interim",
    "3": "interim",
    "accounting-on": "on",
    "7": "on",
    "accounting-off": "off",
    "8": "off",
}
_GIGAWORD = 2**32
_MOST_BYTES_COUNTED = 2**62

log = structlog.get_logger()


class _Attribute(msgspec.Struct):
    value: list[Any] | Any = msgspec.field(default_factory=list)


_decoder = msgspec.json.Decoder(dict[str, _Attribute])


class Attributes:
    """The attributes of one packet, each once."""

    def __init__(self, raw: bytes) -> None:
        """Raises msgspec.DecodeError."""
        self._given = _decoder.decode(raw)

    def text(self, name: str) -> str | None:
        """An attribute's first value; None when it is absent, or cannot be one."""
        given = self._given.get(name)
        value = given.value[0] if given and isinstance(given.value, list) and given.value else given and given.value
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            return None
        text = str(value)[:253]
        return None if "\0" in text or not text.isprintable() else text

    def number(self, name: str) -> int | None:
        """A whole number from 0 on."""
        text = self.text(name)
        return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 20 else None


class Radius:
    """ASGI application for `/radius/v1/…`."""

    def __init__(
        self, database: Database, keyring: Keyring[Member], instant: Callable[[int], Awaitable[datetime]]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._instant = instant

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("POST a packet's attributes.\n", 405, {"allow": "POST"})
        member = await self._known(request.headers.get("authorization", ""))
        if member is None:
            words = "Send a token of the role network: hospes tokens create ID --role network\n"
            return PlainTextResponse(words, 401, {"www-authenticate": 'Basic realm="hospes"'})
        try:
            packet = Attributes(await whole_body(request.receive, most=_MOST_BYTES))
        except Refusal as refusal:
            return PlainTextResponse(f"{refusal.detail}\n", refusal.status, refusal.headers)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return PlainTextResponse("The body is not a packet's attributes.\n", 400)
        try:
            if request.path_params["step"] == "accounting":
                return await self._account(member.workspace_id, packet)
            return await self._authorize(member.workspace_id, packet)
        except NotFound as error:
            log.warning("radius.refused", reason=error.message)
            return PlainTextResponse(error.message + "\n", 404)
        except HospesError as error:
            log.error("radius.failed", error=type(error).__name__)
            return PlainTextResponse("Try again.\n", 503 if isinstance(error, Busy) else 500)

    async def _known(self, header: str) -> Member | None:
        scheme, _, given = header.partition(" ")
        token = given if scheme.lower() == "bearer" else _password(given) if scheme.lower() == "basic" else ""
        if not token.startswith(PREFIX) or not token.isascii() or len(token) > 200:
            return None
        member = await self._keyring.find(token)
        return member if member is not None and NETWORK in member.roles else None

    async def _authorize(self, workspace_id: int, packet: Attributes) -> Response:
        now = await self._instant(workspace_id)
        reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
        mac = wifi.access.mac_of(packet.text("Calling-Station-Id")) or wifi.access.mac_of(packet.text("User-Name"))
        access = await wifi.access.authorize(reader, nas=packet.text("NAS-Identifier") or "", mac=mac)
        if access is None:
            return PlainTextResponse("Nobody signed in with this device.\n", 403)
        attributes = {
            "control:Auth-Type": "Accept",
            "reply:Session-Timeout": access.seconds,
            "reply:Acct-Interim-Interval": 300,
        }
        return JSONResponse({name: {"op": ":=", "value": [value]} for name, value in attributes.items()})

    async def _account(self, workspace_id: int, attributes: Attributes) -> Response:
        now = await self._instant(workspace_id)
        packet = _packet(attributes, now)
        if packet is None:
            return PlainTextResponse("There is no Acct-Status-Type or NAS-Identifier in it.\n", 400)
        if await wifi.sessions.keep(self._database.reader(workspace_id, now=now, actor=_ACTOR), packet):
            return Response(status_code=204)
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            await wifi.sessions.account(tx, packet)
        return Response(status_code=204)


def _password(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode("ascii").partition(":")[2]
    except ValueError:
        return ""


def _packet(given: Attributes, now: datetime) -> wifi.Packet | None:
    kind = _KINDS.get((given.text("Acct-Status-Type") or "").lower())
    nas = given.text("NAS-Identifier")
    if kind is None or nas is None:
        return None
    # The device says how long it held the packet back (RFC 2866 section 5.2), or when it was made.
    at = now - timedelta(seconds=min(given.number("Acct-Delay-Time") or 0, 86_400))
    stamped = given.number("Event-Timestamp")
    if stamped is not None and 0 <= (now - _instant(stamped)).total_seconds() <= 86_400:
        at = _instant(stamped)
    lasted = given.number("Acct-Session-Time")
    return wifi.Packet(
        kind=kind,  # type: ignore[arg-type]
        nas=nas,
        at=at,
        accounting_id=given.text("Acct-Session-Id"),
        mac=wifi.access.mac_of(given.text("Calling-Station-Id")) or wifi.access.mac_of(given.text("User-Name")),
        framed_ip=(given.text("Framed-IP-Address") or "")[:45] or None,
        lasted=timedelta(seconds=min(lasted, 10_000_000)) if lasted is not None else None,
        bytes_in=_octets(given, "Input"),
        bytes_out=_octets(given, "Output"),
        cause=(given.text("Acct-Terminate-Cause") or "").lower()[:60] or None,
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(seconds, 2**33), UTC)


def _octets(given: Attributes, way: str) -> int | None:
    octets = given.number(f"Acct-{way}-Octets")
    if octets is None:
        return None
    return min(octets + (given.number(f"Acct-{way}-Gigawords") or 0) * _GIGAWORD, _MOST_BYTES_COUNTED)
