"""Who takes pushes, and how long a text message is."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.secrets import Vault
from hospes.capabilities.messaging import registrations, short_links, texts
from hospes.capabilities.messaging.registrations import Registration, Target
from hospes.doors.workspace_api.shapes import Body, Instant
from hospes.web.routes import Route

Base64Url = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[A-Za-z0-9_=-]+$")]


class RegistrationIn(Body, frozen=True, kw_only=True):
    """`token` of an app, or `endpoint` and both keys of a browser's subscription."""

    platform: Literal["web", "android", "ios"]
    token: Annotated[str, Meta(max_length=4000)] | None = None
    endpoint: Annotated[str, Meta(max_length=4000)] | None = None
    p256dh: Base64Url | None = None
    auth: Base64Url | None = None

    def target(self) -> Target:
        address = (self.endpoint if self.platform == "web" else self.token) or ""
        return Target(platform=self.platform, address=address, p256dh=self.p256dh, auth=self.auth)


class RegistrationOut(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    guest_id: int
    platform: str
    created_at: Instant
    last_seen_at: Instant

    @classmethod
    def of(cls, one: Registration) -> "RegistrationOut":
        return cls(
            id=one.id,
            guest_id=one.guest_id,
            platform=one.platform,
            created_at=one.created_at.isoformat(),
            last_seen_at=one.last_seen_at.isoformat(),
        )


class Registrations(msgspec.Struct, frozen=True, kw_only=True):
    items: list[RegistrationOut]


class TextIn(Body, frozen=True, kw_only=True):
    """With `short_links`, links count as long as those that a campaign puts in their place."""

    text: Annotated[str, Meta(max_length=10_000)]
    short_links: bool = False


class MeasureOut(msgspec.Struct, frozen=True, kw_only=True):
    """`units` are characters of the GSM alphabet (some count two), or UTF-16 code units."""

    encoding: Literal["gsm7", "ucs2"]
    units: int
    segments: int


async def list_registrations(reader: Reader, guest_id: int) -> Registrations:
    """List push registrations

    The browsers and apps on which the guest takes pushes now, 50 at most.
    """
    found = await registrations.list_of_guest(reader, guest_id)
    return Registrations(items=[RegistrationOut.of(one) for one in found])


async def register(tx: Tx, guest_id: int, body: RegistrationIn, vault: Vault) -> RegistrationOut:
    """Register for pushes

    For what your own app or page was given by its push service. The same place is registered once, and goes
    with the guest who had it last. Consent is the guest's own, and stays as it is.
    """
    made = await registrations.register(tx, vault, guest_id, body.target())
    return RegistrationOut.of(await registrations.get(tx, made))


async def end_registration(tx: Tx, registration_id: int) -> None:
    """End push registration"""
    await registrations.get(tx, registration_id)
    await registrations.end(tx, registration_id, reason="Staff ended it.")


async def measure_text(_reader: Reader, body: TextIn, public_url: str) -> MeasureOut:
    """Measure text message

    In which alphabet it goes, and in how many segments, which providers bill by. With `short_links`, as a
    campaign sends it that counts clicks.
    """
    text = short_links.example(body.text, public_url=public_url) if body.short_links else body.text
    found = texts.measure(text)
    return MeasureOut(encoding=found.encoding, units=found.units, segments=found.segments)


def _route(method: str, path: str, handler: Any, *, role: str, **more: Any) -> Route:
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=role,
        printed_scope=role,
        module="communication",
        group="Pushes",
        **more,
    )


_PLACE = "/guests/{guest_id}/push-registrations"

ROUTES = [
    _route("GET", _PLACE, list_registrations, role="staff", answer=Registrations, errors=(404,)),
    _route(
        "POST",
        _PLACE,
        register,
        role="manager",
        body=RegistrationIn,
        answer=RegistrationOut,
        status=201,
        errors=(404, 409),
        example={"platform": "ios", "token": "ab" * 32},
    ),
    _route(
        "DELETE", "/push-registrations/{registration_id}", end_registration, role="manager", status=204, errors=(404,)
    ),
    _route(
        "POST",
        "/texts/measure",
        measure_text,
        role="staff",
        body=TextIn,
        answer=MeasureOut,
        example={"text": "Your table is ready. 10 € off with this message."},
    ),
]
