"""Wi-Fi: locations, portals, sessions, who is here now. Contract 13."""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader
from hospes.capabilities import places, wifi
from hospes.doors.guest_api.shapes import Id, Instant, Listing, Page
from hospes.web.routes import Route


class PlaceQuery(Page, frozen=True, kw_only=True):
    location_id: Id | None = None


class SessionQuery(PlaceQuery, frozen=True, kw_only=True):
    active_only: bool = False
    guest_id: Id | None = None
    since: datetime | None = None
    until: datetime | None = None


class LocationOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    address: str | None
    city: str | None
    country_code: str | None
    timezone: str
    is_active: bool
    created_at: Instant


class Locations(Listing, frozen=True, kw_only=True):
    items: list[LocationOut]


class PortalOut(msgspec.Struct, frozen=True):
    id: int
    location_id: int
    name: str
    slug: str
    is_active: bool
    created_at: Instant


class Portals(Listing, frozen=True, kw_only=True):
    items: list[PortalOut]


class SessionOut(msgspec.Struct, frozen=True):
    id: int
    guest_id: int | None
    location_id: int
    portal_id: int
    device_mac: str | None
    started_at: Instant
    ended_at: Instant | None
    duration_seconds: int
    is_active: bool


class Sessions(Listing, frozen=True, kw_only=True):
    items: list[SessionOut]


class PresentOut(msgspec.Struct, frozen=True):
    guest_id: int
    name: str | None
    is_vip: bool
    location_id: int
    session_id: int
    connected_since: Instant


class LiveGuests(Listing, frozen=True, kw_only=True):
    items: list[PresentOut]


async def list_locations(reader: Reader, query: Page) -> Locations:
    """List locations"""
    found, total = await places.list_page(reader, limit=query.limit, offset=query.offset)
    items = [
        LocationOut(
            one.id,
            one.name,
            one.address,
            one.city,
            one.country_code,
            one.time_zone,
            one.is_active,
            one.created_at.isoformat(),
        )
        for one in found
    ]
    return Locations(items=items, total=total, limit=query.limit, offset=query.offset)


async def list_portals(reader: Reader, query: PlaceQuery) -> Portals:
    """List captive portals"""
    found, total = await wifi.portals.list_page(
        reader, location_id=query.location_id, limit=query.limit, offset=query.offset
    )
    items = [
        PortalOut(one.id, one.location_id, one.name, one.slug, one.is_active, one.created_at.isoformat())
        for one in found
    ]
    return Portals(items=items, total=total, limit=query.limit, offset=query.offset)


async def list_sessions(reader: Reader, query: SessionQuery) -> Sessions:
    """List WiFi sessions

    Newest first. `guest_id` is null while nobody signed in on the device; `device_mac` shows its maker only.
    """
    wanted = wifi.Wanted(
        location_id=query.location_id,
        guest_id=query.guest_id,
        active_only=query.active_only,
        since=query.since,
        until=query.until,
    )
    found, total = await wifi.sessions.list_page(reader, wanted, limit=query.limit, offset=query.offset)
    items = [_session(one, reader.now) for one in found]
    return Sessions(items=items, total=total, limit=query.limit, offset=query.offset)


def _session(session: wifi.Session, now: datetime) -> SessionOut:
    until = session.ended_at or max(now, session.started_at)
    return SessionOut(
        session.id,
        session.guest_id,
        session.location_id,
        session.portal_id,
        wifi.access.shown(session.mac),
        session.started_at.isoformat(),
        session.ended_at.isoformat() if session.ended_at else None,
        int((until - session.started_at).total_seconds()),
        session.ended_at is None,
    )


async def list_live_guests(reader: Reader, query: PlaceQuery) -> LiveGuests:
    """Currently connected guests

    A guest with two open sessions appears once, with the older start.
    """
    found, total = await wifi.sessions.list_present(
        reader, location_id=query.location_id, limit=query.limit, offset=query.offset
    )
    items = [
        PresentOut(one.guest_id, one.name, one.is_vip, one.location_id, one.session_id, one.connected_since.isoformat())
        for one in found
    ]
    return LiveGuests(items=items, total=total, limit=query.limit, offset=query.offset)


def _route(path: str, handler: Any, **more: Any) -> Route:
    return Route(
        method="GET",
        path="/wifi" + path,
        handler=handler,
        scope="wifi:read",
        printed_scope="wifi:read",
        module="wifi",
        group="WiFi",
        **more,
    )


ROUTES = [
    _route("/locations", list_locations, query=Page, answer=Locations),
    _route("/portals", list_portals, query=PlaceQuery, answer=Portals),
    _route("/sessions", list_sessions, query=SessionQuery, answer=Sessions, errors=(404,)),
    _route("/live-guests", list_live_guests, query=PlaceQuery, answer=LiveGuests),
]
