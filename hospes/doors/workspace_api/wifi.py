"""Portals, and the network devices that serve them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.capabilities import places, wifi
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Words = Annotated[
    dict[Literal["en", "fr", "es"], Annotated[str, Meta(min_length=1, max_length=20_000)]],
    Meta(description="The same words in each language; English stands in for one that is missing."),
]
Minutes = Annotated[int, Meta(ge=1, le=1_440)]
Url = Annotated[str, Meta(pattern="^https?://", max_length=2000)]


class FieldIn(msgspec.Struct, frozen=True, kw_only=True):
    name: Literal["name", "email", "phone"]
    required: bool = False


def _usual_fields() -> list[FieldIn]:
    return [FieldIn(name="name"), FieldIn(name="email", required=True)]


class PortalChange(Body, frozen=True, kw_only=True):
    is_active: bool = True
    title: Words = msgspec.field(default_factory=dict)
    colour: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")] | None = None
    fields: Annotated[list[FieldIn], Meta(min_length=1, max_length=3)] = msgspec.field(default_factory=_usual_fields)
    marketing_words: Words = msgspec.field(default_factory=dict)
    terms_text: Words = msgspec.field(default_factory=dict)
    terms_url: Url | None = None
    verify: Literal["none", "email", "sms"] = "none"
    access_minutes: Annotated[int, Meta(ge=1, le=43_200)] = 720
    silent_minutes: Minutes = 20
    gap_minutes: Minutes = 30
    redirect_url: Url | None = None

    def settings(self) -> wifi.Settings:
        return wifi.Settings(
            title=_plain(self.title),
            colour=self.colour,
            fields=[wifi.portals.Field(field.name, field.required) for field in self.fields],
            marketing_words=_plain(self.marketing_words),
            terms_text=_plain(self.terms_text),
            terms_url=self.terms_url,
            verify=self.verify,
            access_minutes=self.access_minutes,
            silent_minutes=self.silent_minutes,
            gap_minutes=self.gap_minutes,
            redirect_url=self.redirect_url,
        )


def _plain(words: Mapping[Any, str]) -> dict[str, str]:
    return {str(language): text for language, text in words.items()}


class PortalIn(PortalChange, frozen=True, kw_only=True):
    location_id: Id
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    slug: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]


class FieldOut(msgspec.Struct, frozen=True):
    name: str
    required: bool


class PortalOut(msgspec.Struct, frozen=True):
    id: int
    location_id: int
    name: str
    slug: str
    url: str
    is_active: bool
    title: dict[str, str]
    colour: str | None
    fields: list[FieldOut]
    marketing_words: dict[str, str]
    terms_text: dict[str, str]
    terms_url: str | None
    verify: str
    access_minutes: int
    silent_minutes: int
    gap_minutes: int
    redirect_url: str | None
    created_at: Instant

    @classmethod
    def of(cls, portal: wifi.Portal, public_url: str) -> "PortalOut":
        asked = portal.ask()
        return cls(
            portal.id,
            portal.location_id,
            portal.name,
            portal.slug,
            f"{public_url}/p/{portal.slug}",
            portal.is_active,
            asked.title,
            asked.colour,
            [FieldOut(field.name, field.is_required) for field in asked.fields],
            asked.marketing_words,
            asked.terms_text,
            asked.terms_url,
            asked.verify,
            asked.access_minutes,
            asked.silent_minutes,
            asked.gap_minutes,
            asked.redirect_url,
            portal.created_at.isoformat(),
        )


class Portals(msgspec.Struct, frozen=True, kw_only=True):
    items: list[PortalOut]
    next_after: Id | None


class PointIn(Body, frozen=True, kw_only=True):
    portal_id: Id
    name: Annotated[str, Meta(min_length=1, max_length=253, description="What the device sends as NAS-Identifier.")]


class PointOut(msgspec.Struct, frozen=True):
    id: int
    portal_id: int
    name: str
    created_at: Instant


class Points(msgspec.Struct, frozen=True, kw_only=True):
    items: list[PointOut]
    next_after: Id | None


class Gone(msgspec.Struct, frozen=True):
    id: int


async def list_portals(reader: Reader, query: Paging, public_url: str) -> Portals:
    """List portals"""
    found = await wifi.portals.list_after(reader, query.after, limit=query.limit)
    items = [PortalOut.of(portal, public_url) for portal in found]
    return Portals(items=items, next_after=next_after(items, query.limit))


async def create_portal(tx: Tx, body: PortalIn, public_url: str) -> PortalOut:
    """Create portal

    Its page is at `url`; a slug is taken once on this server.
    """
    portal_id = await places.create_portal(tx, location_id=body.location_id, name=body.name, slug=body.slug)
    await wifi.portals.change(tx, portal_id, body.settings(), is_active=body.is_active)
    return PortalOut.of(await wifi.portals.get(tx, portal_id), public_url)


async def get_portal(reader: Reader, portal_id: int, public_url: str) -> PortalOut:
    """Get portal"""
    return PortalOut.of(await wifi.portals.get(reader, portal_id), public_url)


async def replace_portal(tx: Tx, portal_id: int, body: PortalChange, public_url: str) -> PortalOut:
    """Replace a portal's settings"""
    await wifi.portals.change(tx, portal_id, body.settings(), is_active=body.is_active)
    return PortalOut.of(await wifi.portals.get(tx, portal_id), public_url)


async def list_points(reader: Reader, query: Paging) -> Points:
    """List network devices

    Access points and controllers, each with the portal that it serves.
    """
    found = await wifi.access.list_points(reader, query.after, limit=query.limit)
    items = [PointOut(one.id, one.portal_id, one.name, one.created_at.isoformat()) for one in found]
    return Points(items=items, next_after=next_after(items, query.limit))


async def create_point(tx: Tx, body: PointIn) -> PointOut:
    """Create network device"""
    point_id = await wifi.access.create_point(tx, portal_id=body.portal_id, name=body.name)
    return PointOut(point_id, body.portal_id, body.name, tx.now.isoformat())


async def delete_point(tx: Tx, point_id: int) -> Gone:
    """Delete network device

    What it still sends is refused from now on.
    """
    await wifi.access.delete_point(tx, point_id)
    return Gone(point_id)


def _route(method: str, path: str, handler: Any, **more: Any) -> Route:
    role = "staff" if method == "GET" else "manager"
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=role,
        printed_scope=role,
        module="wifi",
        group="WiFi",
        **more,
    )


_SETTINGS = {
    "colour": "#1f6f5c",
    "fields": [{"name": "name"}, {"name": "email", "required": True}],
    "marketing_words": {"en": "Send me offers and news by email."},
    "verify": "none",
}

ROUTES = [
    _route("GET", "/portals", list_portals, query=Paging, answer=Portals),
    _route(
        "POST",
        "/portals",
        create_portal,
        body=PortalIn,
        answer=PortalOut,
        status=201,
        errors=(404, 409),
        example={"location_id": 1, "name": "Guest WiFi", "slug": "main-street-guests", **_SETTINGS},
    ),
    _route("GET", "/portals/{portal_id}", get_portal, answer=PortalOut, errors=(404,)),
    _route(
        "PUT",
        "/portals/{portal_id}",
        replace_portal,
        body=PortalChange,
        answer=PortalOut,
        errors=(404,),
        example=_SETTINGS,
    ),
    _route("GET", "/network-devices", list_points, query=Paging, answer=Points),
    _route(
        "POST",
        "/network-devices",
        create_point,
        body=PointIn,
        answer=PointOut,
        status=201,
        errors=(404, 409),
        example={"portal_id": 1, "name": "main-street-ap-1"},
    ),
    _route("DELETE", "/network-devices/{point_id}", delete_point, answer=Gone, errors=(404,)),
]
