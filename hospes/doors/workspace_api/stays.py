"""Properties and the team, as the operator sets them up."""

from datetime import time
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.capabilities import automations, properties
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,10}([.][0-9]{1,2})?$")]
TimeOfDay = Annotated[time, Meta(tz=False)]


class PropertyIn(Body, frozen=True, kw_only=True):
    location_id: Id
    name: Name
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    property_type: Annotated[str, Meta(max_length=64)] | None = None
    capacity: Annotated[int, Meta(ge=1, le=1000)] | None = None
    check_in_time: TimeOfDay = time(16)
    check_out_time: TimeOfDay = time(11)
    night_rate: Money | None = None
    cleaning_rate: Money | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "EUR"
    line1: Name | None = None
    postal_code: Annotated[str, Meta(max_length=32)] | None = None
    city: Name | None = None
    country_code: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None


class PropertyPatch(Body, frozen=True, kw_only=True):
    """`is_entitled` opens the Property API for it."""

    is_entitled: bool


class LockIn(Body, frozen=True, kw_only=True):
    """`ref` is what the lock is called at its maker; null for both takes the lock away."""

    brand: Annotated[str, Meta(max_length=32)] | None
    ref: Annotated[str, Meta(max_length=128)] | None
    days_before: Annotated[int, Meta(ge=1, le=14)] = 5


class PropertyOut(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    location_id: int
    name: str
    timezone: str
    property_type: str | None
    capacity: int | None
    check_in_time: time
    check_out_time: time
    night_rate: str | None
    cleaning_rate: str | None
    currency: str
    line1: str | None
    postal_code: str | None
    city: str | None
    country_code: str | None
    is_entitled: bool
    lock_brand: str | None
    lock_ref: str | None
    lock_days_before: int
    created_at: Instant

    @classmethod
    def of(cls, unit: properties.Property) -> "PropertyOut":
        return cls(
            id=unit.id,
            location_id=unit.location_id,
            name=unit.name,
            timezone=unit.time_zone,
            property_type=unit.property_type,
            capacity=unit.capacity,
            check_in_time=unit.check_in_time,
            check_out_time=unit.check_out_time,
            night_rate=_money(unit.night_rate),
            cleaning_rate=_money(unit.cleaning_rate),
            currency=unit.currency,
            line1=unit.line1,
            postal_code=unit.postal_code,
            city=unit.city,
            country_code=unit.country_code,
            is_entitled=unit.is_entitled,
            lock_brand=unit.lock_brand,
            lock_ref=unit.lock_ref,
            lock_days_before=unit.lock_days,
            created_at=unit.created_at.isoformat(),
        )


class Properties(msgspec.Struct, frozen=True, kw_only=True):
    items: list[PropertyOut]
    next_after: Id | None


class MemberIn(Body, frozen=True, kw_only=True):
    first_name: Annotated[str, Meta(min_length=1, max_length=100)]
    last_name: Annotated[str, Meta(max_length=100)] | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None
    roles: Annotated[list[str], Meta(min_length=1, max_length=6)]
    language: str = "en"
    property_ids: Annotated[list[Id], Meta(max_length=1000)]


class MemberPatch(Body, frozen=True, kw_only=True):
    is_active: bool


class MemberOut(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    first_name: str
    last_name: str | None
    email: str | None
    phone: str | None
    roles: list[str]
    language: str
    property_ids: list[int]
    is_active: bool
    created_at: Instant

    @classmethod
    def of(cls, member: properties.team.Member) -> "MemberOut":
        return cls(
            id=member.id,
            first_name=member.first_name,
            last_name=member.last_name,
            email=member.email,
            phone=member.phone,
            roles=member.roles,
            language=member.language,
            property_ids=member.property_ids,
            is_active=member.is_active,
            created_at=member.created_at.isoformat(),
        )


class Members(msgspec.Struct, frozen=True, kw_only=True):
    items: list[MemberOut]
    next_after: Id | None


async def list_properties(reader: Reader, query: Paging) -> Properties:
    """List properties

    Also those whose plan does not include the Property API.
    """
    items = [PropertyOut.of(one) for one in await properties.list_after(reader, query.after, limit=query.limit)]
    return Properties(items=items, next_after=next_after(items, query.limit))


async def create_property(tx: Tx, body: PropertyIn) -> PropertyOut:
    """Create property"""
    new = properties.NewProperty(
        location_id=body.location_id,
        name=body.name,
        time_zone=body.timezone,
        property_type=body.property_type,
        capacity=body.capacity,
        check_in_time=body.check_in_time,
        check_out_time=body.check_out_time,
        night_rate=_decimal(body.night_rate),
        cleaning_rate=_decimal(body.cleaning_rate),
        currency=body.currency,
        line1=body.line1,
        postal_code=body.postal_code,
        city=body.city,
        country_code=body.country_code,
    )
    return PropertyOut.of(await properties.get(tx, await properties.create(tx, new)))


async def get_property(reader: Reader, property_id: int) -> PropertyOut:
    """Get property"""
    return PropertyOut.of(await properties.get(reader, property_id))


async def update_property(tx: Tx, property_id: int, body: PropertyPatch) -> PropertyOut:
    """Open or close the Property API for a property"""
    await properties.entitle(tx, property_id, is_entitled=body.is_entitled)
    return PropertyOut.of(await properties.get(tx, property_id))


async def set_lock(tx: Tx, property_id: int, body: LockIn) -> PropertyOut:
    """Set smart lock

    Codes for guests are made so many days before they arrive; stays that are booked already get theirs.
    """
    await automations.use_lock(tx, property_id, brand=body.brand, ref=body.ref, days=body.days_before)
    return PropertyOut.of(await properties.get(tx, property_id))


async def list_members(reader: Reader, query: Paging) -> Members:
    """List team members"""
    items = [MemberOut.of(one) for one in await properties.team.list_after(reader, query.after, limit=query.limit)]
    return Members(items=items, next_after=next_after(items, query.limit))


async def create_member(tx: Tx, body: MemberIn) -> MemberOut:
    """Create team member"""
    member_id = await properties.team.create(
        tx,
        first_name=body.first_name,
        last_name=body.last_name,
        email=body.email,
        phone=body.phone,
        roles=body.roles,
        language=body.language,
        property_ids=body.property_ids,
    )
    return MemberOut.of(await properties.team.get(tx, member_id))


async def update_member(tx: Tx, member_id: int, body: MemberPatch) -> MemberOut:
    """Activate or deactivate team member

    Somebody inactive is assigned nothing more.
    """
    await properties.team.set_active(tx, member_id, is_active=body.is_active)
    return MemberOut.of(await properties.team.get(tx, member_id))


def _money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None else None


_UNIT = {
    "location_id": 1,
    "name": "Lilas Apartment",
    "timezone": "Europe/Paris",
    "property_type": "apartment",
    "capacity": 4,
    "night_rate": "120.00",
}
_MEMBER = {"first_name": "Marie", "email": "marie@example.com", "roles": ["cleaning"], "property_ids": [101]}

ROUTES = [
    Route(
        method="GET",
        path="/properties",
        handler=list_properties,
        scope="staff",
        printed_scope="staff",
        group="Properties",
        query=Paging,
        answer=Properties,
    ),
    Route(
        method="POST",
        path="/properties",
        handler=create_property,
        scope="manager",
        printed_scope="manager",
        group="Properties",
        body=PropertyIn,
        answer=PropertyOut,
        status=201,
        errors=(404,),
        example=_UNIT,
    ),
    Route(
        method="GET",
        path="/properties/{property_id}",
        handler=get_property,
        scope="staff",
        printed_scope="staff",
        group="Properties",
        answer=PropertyOut,
        errors=(404,),
    ),
    Route(
        method="PATCH",
        path="/properties/{property_id}",
        handler=update_property,
        scope="owner",
        printed_scope="owner",
        group="Properties",
        body=PropertyPatch,
        answer=PropertyOut,
        errors=(404,),
        example={"is_entitled": True},
    ),
    Route(
        method="PUT",
        path="/properties/{property_id}/lock",
        handler=set_lock,
        scope="manager",
        printed_scope="manager",
        group="Properties",
        body=LockIn,
        answer=PropertyOut,
        errors=(404,),
        example={"brand": "nuki", "ref": "17837465", "days_before": 5},
    ),
    Route(
        method="GET",
        path="/team-members",
        handler=list_members,
        scope="manager",
        printed_scope="manager",
        group="Team",
        query=Paging,
        answer=Members,
    ),
    Route(
        method="POST",
        path="/team-members",
        handler=create_member,
        scope="manager",
        printed_scope="manager",
        group="Team",
        body=MemberIn,
        answer=MemberOut,
        status=201,
        example=_MEMBER,
    ),
    Route(
        method="PATCH",
        path="/team-members/{member_id}",
        handler=update_member,
        scope="manager",
        printed_scope="manager",
        group="Team",
        body=MemberPatch,
        answer=MemberOut,
        errors=(404,),
        example={"is_active": False},
    ),
]
