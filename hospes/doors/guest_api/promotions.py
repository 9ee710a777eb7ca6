"""Promotions: list, grant, redeem at the till. Contract 9."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx
from hospes.capabilities import promotions
from hospes.doors.guest_api.shapes import Body, Id, Instant, Key, Listing, Page
from hospes.web.routes import Route


class PromotionQuery(Page, frozen=True, kw_only=True):
    location_id: Id | None = None


class GrantIn(Body, frozen=True, kw_only=True):
    guest_id: Id
    location_id: Id | None = None
    expires_at: datetime | None = None


class RedeemIn(Body, frozen=True, kw_only=True):
    grant_id: Id
    location_id: Id


class PromotionOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    description: str | None
    type: str
    value: str | None
    currency: str | None
    status: str
    location_ids: list[int]
    starts_at: Instant | None
    ends_at: Instant | None
    max_grants_per_guest: int | None
    grants_count: int
    redemptions_count: int
    created_at: Instant

    @classmethod
    def of(cls, promotion: promotions.Promotion, now: datetime) -> "PromotionOut":
        return cls(
            promotion.id,
            promotion.name,
            promotion.description,
            promotion.kind,
            _plain(promotion.value),
            promotion.currency,
            promotion.standing(now),
            promotion.location_ids,
            _instant(promotion.starts_at),
            _instant(promotion.ends_at),
            promotion.max_grants_per_guest,
            promotion.grants,
            promotion.redemptions,
            promotion.created_at.isoformat(),
        )


class Promotions(Listing, frozen=True, kw_only=True):
    items: list[PromotionOut]


class GrantOut(msgspec.Struct, frozen=True):
    id: int
    grant_id: int
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


class RedemptionOut(msgspec.Struct, frozen=True):
    redemption_id: int
    grant_id: int
    promotion_id: int
    guest_id: int
    location_id: int
    status: str
    redeemed_at: Instant
    idempotency_key: Key | None


async def list_promotions(reader: Reader, query: PromotionQuery) -> Promotions:
    """List active promotions

    Those that can be granted and redeemed now, newest first.
    """
    found, total = await promotions.definitions.list_running(
        reader, location_id=query.location_id, limit=query.limit, offset=query.offset
    )
    items = [PromotionOut.of(promotion, reader.now) for promotion in found]
    return Promotions(items=items, total=total, limit=query.limit, offset=query.offset)


async def grant_promotion(tx: Tx, promotion_id: int, body: GrantIn) -> GrantOut:
    """Grant promotion to guest

    The grant ends at `expires_at`, when the promotion says so, or when it ends, whichever comes first.
    """
    grant = await promotions.grant(
        tx, promotion_id, body.guest_id, location_id=body.location_id, expires_at=body.expires_at
    )
    return GrantOut.of(grant, tx.now)


async def redeem_promotion(tx: Tx, body: RedeemIn) -> RedemptionOut:
    """Redeem grant at POS

    A grant is redeemed once. Repeat an unanswered request under the same idempotency key.
    """
    redemption = await promotions.redeem(tx, body.grant_id, location_id=body.location_id)
    return RedemptionOut(
        redemption.id,
        redemption.grant_id,
        redemption.promotion_id,
        redemption.guest_id,
        redemption.location_id,
        "redeemed",
        redemption.redeemed_at.isoformat(),
        body.idempotency_key if isinstance(body.idempotency_key, str) else None,
    )


def _plain(value: Decimal | None) -> str | None:
    return format(value, "f") if value is not None else None


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _route(method: str, path: str, handler: Any, scope: str, **more: Any) -> Route:
    return Route(
        method=method,
        path="/promotions" + path,
        handler=handler,
        scope=scope,
        printed_scope="promotions:read" if method == "GET" else "promotions:write",
        module="promotions",
        group="Promotions",
        **more,
    )


ROUTES = [
    _route("GET", "", list_promotions, "promotions:read", query=PromotionQuery, answer=Promotions),
    _route(
        "POST",
        "/{promotion_id}/grant",
        grant_promotion,
        "promotions.grant",
        body=GrantIn,
        answer=GrantOut,
        status=201,
        errors=(404,),
        example={"guest_id": 42, "location_id": 1},
    ),
    _route(
        "POST",
        "/redeem",
        redeem_promotion,
        "promotions:write",
        body=RedeemIn,
        answer=RedemptionOut,
        errors=(404,),
        example={"grant_id": 100, "location_id": 1, "idempotency_key": "pos-001"},
    ),
]
