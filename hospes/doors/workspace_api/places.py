"""Locations of the workspace."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.capabilities import places
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=500)]


class LocationIn(Body, frozen=True, kw_only=True):
    name: Name
    address: Text | None = None
    city: Annotated[str, Meta(max_length=200)] | None = None
    country_code: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None


class LocationOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    address: str | None
    city: str | None
    country_code: str | None
    timezone: str
    latitude: float | None
    longitude: float | None
    is_active: bool
    created_at: Instant

    @classmethod
    def of(cls, location: places.Location) -> "LocationOut":
        return cls(
            location.id,
            location.name,
            location.address,
            location.city,
            location.country_code,
            location.time_zone,
            location.latitude,
            location.longitude,
            location.is_active,
            location.created_at.isoformat(),
        )


class Locations(msgspec.Struct, frozen=True, kw_only=True):
    items: list[LocationOut]
    next_after: Id | None


async def list_locations(reader: Reader, query: Paging) -> Locations:
    """List locations"""
    items = [LocationOut.of(one) for one in await places.list_after(reader, query.after, limit=query.limit)]
    return Locations(items=items, next_after=next_after(items, query.limit))


async def create_location(tx: Tx, body: LocationIn) -> LocationOut:
    """Create location"""
    location_id = await places.create_location(
        tx,
        name=body.name,
        address=body.address,
        city=body.city,
        country_code=body.country_code,
        time_zone=body.timezone,
        latitude=body.latitude,
        longitude=body.longitude,
    )
    return LocationOut.of(await places.get(tx, location_id))


async def get_location(reader: Reader, location_id: int) -> LocationOut:
    """Get location"""
    return LocationOut.of(await places.get(reader, location_id))


ROUTES = [
    Route(
        method="GET",
        path="/locations",
        handler=list_locations,
        scope="staff",
        printed_scope="staff",
        group="Locations",
        query=Paging,
        answer=Locations,
    ),
    Route(
        method="POST",
        path="/locations",
        handler=create_location,
        scope="manager",
        printed_scope="manager",
        group="Locations",
        body=LocationIn,
        answer=LocationOut,
        status=201,
        example={"name": "Main Street Cafe", "city": "Paris", "country_code": "FR", "timezone": "Europe/Paris"},
    ),
    Route(
        method="GET",
        path="/locations/{location_id}",
        handler=get_location,
        scope="staff",
        printed_scope="staff",
        group="Locations",
        answer=LocationOut,
        errors=(404,),
    ),
]
