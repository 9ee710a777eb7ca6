"""Promotions: what they say, whether they run, and who was given them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base import money
from hospes.base.db import Reader, Tx
from hospes.capabilities import promotions
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Limit = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Money = Annotated[str, Meta(pattern=f"^{money.PATTERN}$", examples=["2.50"])]
Slugs = Annotated[list[Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]], Meta(max_length=50)]
Ids = Annotated[list[Id], Meta(max_length=200)]


class PromotionIn(Body, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    type: Literal["percent", "amount", "free_item", "custom"]
    description: Annotated[str, Meta(max_length=2000)] | None = None
    value: Money | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    location_ids: Ids = msgspec.field(default_factory=list)
    tags: Slugs = msgspec.field(default_factory=list)
    vip_only: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    valid_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    max_grants_per_guest: Limit | None = None
    max_redemptions: Limit | None = None
    max_redemptions_per_day: Limit | None = None
    max_redemptions_per_location: Limit | None = None

    def terms(self) -> promotions.Terms:
        return promotions.Terms(
            name=self.name.strip(),
            kind=self.type,
            description=self.description,
            value=money.amount(self.value, field="value") if self.value is not None else None,
            currency=self.currency,
            location_ids=self.location_ids,
            tag_slugs=self.tags,
            is_for_vip=self.vip_only,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            valid_days=self.valid_days,
            max_grants_per_guest=self.max_grants_per_guest,
            max_redemptions=self.max_redemptions,
            max_per_day=self.max_redemptions_per_day,
            max_per_location=self.max_redemptions_per_location,
        )


class PromotionOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    type: str
    description: str | None
    value: str | None
    currency: str | None
    status: str
    location_ids: list[int]
    tags: list[str]
    vip_only: bool
    starts_at: Instant | None
    ends_at: Instant | None
    valid_days: int | None
    max_grants_per_guest: int | None
    max_redemptions: int | None
    max_redemptions_per_day: int | None
    max_redemptions_per_location: int | None
    grants_count: int
    redemptions_count: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, promotion: promotions.Promotion, now: datetime) -> "PromotionOut":
        return cls(
            promotion.id,
            promotion.name,
            promotion.kind,
            promotion.description,
            format(promotion.value, "f") if promotion.value is not None else None,
            promotion.currency,
            promotion.standing(now),
            promotion.location_ids,
            promotion.tag_slugs,
            promotion.is_for_vip,
            _instant(promotion.starts_at),
            _instant(promotion.ends_at),
            promotion.valid_days,
            promotion.max_grants_per_guest,
            promotion.max_redemptions,
            promotion.max_per_day,
            promotion.max_per_location,
            promotion.grants,
            promotion.redemptions,
            promotion.created_at.isoformat(),
            promotion.updated_at.isoformat(),
        )


class Promotions(msgspec.Struct, frozen=True, kw_only=True):
    items: list[PromotionOut]
    next_after: Id | None


class GrantOut(msgspec.Struct, frozen=True):
    id: int
    promotion_id: int
    guest_id: int
    location_id: int | None
    status: str
    code: str
    granted_at: Instant
    expires_at: Instant | None
    redeemed_at: Instant | None

    @classmethod
    def of(cls, grant: promotions.Grant, now: datetime) -> "GrantOut":
        return cls(
            grant.id,
            grant.promotion_id,
            grant.guest_id,
            grant.location_id,
            grant.standing(now),
            grant.code,
            grant.granted_at.isoformat(),
            _instant(grant.expires_at),
            _instant(grant.redeemed_at),
        )


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    items: list[GrantOut]
    next_after: Id | None


async def list_promotions(reader: Reader, query: Paging) -> Promotions:
    """List promotions

    All of them, whatever their status.
    """
    found = await promotions.definitions.list_after(reader, query.after, limit=query.limit)
    items = [PromotionOut.of(promotion, reader.now) for promotion in found]
    return Promotions(items=items, next_after=next_after(items, query.limit))


async def create_promotion(tx: Tx, body: PromotionIn) -> PromotionOut:
    """Create promotion

    A new promotion is a draft; activate it to let it be granted.
    """
    return await _shown(tx, await promotions.definitions.create(tx, body.terms()))


async def get_promotion(reader: Reader, promotion_id: int) -> PromotionOut:
    """Get promotion"""
    return await _shown(reader, promotion_id)


async def replace_promotion(tx: Tx, promotion_id: int, body: PromotionIn) -> PromotionOut:
    """Replace promotion

    Grants that are out keep the end they have.
    """
    await promotions.definitions.update(tx, promotion_id, body.terms())
    return await _shown(tx, promotion_id)


async def activate_promotion(tx: Tx, promotion_id: int) -> PromotionOut:
    """Activate promotion"""
    await promotions.definitions.activate(tx, promotion_id)
    return await _shown(tx, promotion_id)


async def pause_promotion(tx: Tx, promotion_id: int) -> PromotionOut:
    """Pause promotion

    Nothing of it is granted or redeemed until it is activated again.
    """
    await promotions.definitions.pause(tx, promotion_id)
    return await _shown(tx, promotion_id)


async def list_grants(reader: Reader, promotion_id: int, query: Paging) -> Grants:
    """List grants of a promotion"""
    found = await promotions.grants.of_promotion(reader, promotion_id, query.after, limit=query.limit)
    items = [GrantOut.of(grant, reader.now) for grant in found]
    return Grants(items=items, next_after=next_after(items, query.limit))


async def revoke_grant(tx: Tx, grant_id: int) -> GrantOut:
    """Revoke grant

    Takes an offer back that was not redeemed yet.
    """
    await promotions.revoke(tx, grant_id)
    return GrantOut.of(await promotions.grants.get(tx, grant_id), tx.now)


async def _shown(reader: Reader, promotion_id: int) -> PromotionOut:
    return PromotionOut.of(await promotions.definitions.get(reader, promotion_id), reader.now)


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _route(method: str, path: str, handler: Any, **more: Any) -> Route:
    role = "staff" if method == "GET" else "manager"
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=role,
        printed_scope=role,
        module="promotions",
        group="Promotions",
        **more,
    )


_EXAMPLE = {"name": "Free coffee", "type": "free_item", "location_ids": [1], "max_grants_per_guest": 1}

ROUTES = [
    _route("GET", "/promotions", list_promotions, query=Paging, answer=Promotions),
    _route(
        "POST",
        "/promotions",
        create_promotion,
        body=PromotionIn,
        answer=PromotionOut,
        status=201,
        errors=(404,),
        example=_EXAMPLE,
    ),
    _route("GET", "/promotions/{promotion_id}", get_promotion, answer=PromotionOut, errors=(404,)),
    _route(
        "PUT",
        "/promotions/{promotion_id}",
        replace_promotion,
        body=PromotionIn,
        answer=PromotionOut,
        errors=(404,),
        example=_EXAMPLE,
    ),
    _route("POST", "/promotions/{promotion_id}/activate", activate_promotion, answer=PromotionOut, errors=(404,)),
    _route("POST", "/promotions/{promotion_id}/pause", pause_promotion, answer=PromotionOut, errors=(404,)),
    _route("GET", "/promotions/{promotion_id}/grants", list_grants, query=Paging, answer=Grants, errors=(404,)),
    _route("POST", "/grants/{grant_id}/revoke", revoke_grant, answer=GrantOut, errors=(404,)),
]
