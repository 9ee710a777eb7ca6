"""Loyalty: balance, tier, adding points and spending them. Contract 10."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.capabilities import loyalty
from hospes.doors.guest_api.shapes import Body, Id, Instant, Key
from hospes.web.routes import Route

Points = Annotated[int, Meta(ge=1, le=loyalty.ledger.MOST_POINTS)]


class PointsIn(Body, frozen=True, kw_only=True):
    points: Points
    guest_id: Id | None = None
    note: Annotated[str, Meta(max_length=500)] | None = None


class BalanceOut(msgspec.Struct, frozen=True):
    guest_id: int
    balance: int
    lifetime_earned: int
    lifetime_redeemed: int
    updated_at: Instant | None


class TierOut(msgspec.Struct, frozen=True):
    id: int
    slug: str
    name: str
    min_points: int

    @classmethod
    def of(cls, tier: loyalty.Tier | None) -> "TierOut | None":
        return cls(tier.id, tier.slug, tier.name, tier.min_points) if tier else None


class RankOut(msgspec.Struct, frozen=True):
    guest_id: int
    tier: TierOut | None
    next_tier: TierOut | None
    qualifying_points: int
    points_to_next: int | None


class MovementOut(msgspec.Struct, frozen=True):
    transaction_id: int
    guest_id: int
    type: str
    points: int
    balance: int
    note: str | None
    idempotency_key: Key | None
    created_at: Instant

    @classmethod
    def of(cls, movement: loyalty.Movement, key: Any) -> "MovementOut":
        return cls(
            movement.id,
            movement.guest_id,
            movement.kind,
            movement.points,
            movement.balance,
            movement.note,
            key if isinstance(key, str) else None,
            movement.happened_at.isoformat(),
        )


async def show_points(reader: Reader, guest_id: int) -> BalanceOut:
    """Points balance

    A guest without points has a balance of 0.
    """
    found = await loyalty.balance(reader, guest_id)
    updated = found.updated_at.isoformat() if found.updated_at else None
    return BalanceOut(guest_id, found.points, found.earned, found.redeemed, updated)


async def show_tier(reader: Reader, guest_id: int) -> RankOut:
    """Current tier

    `tier` is null below the first threshold; `next_tier` and `points_to_next` are null at the top.
    """
    rank = await loyalty.rank(reader, guest_id)
    return RankOut(
        guest_id, TierOut.of(rank.tier), TierOut.of(rank.next_tier), rank.qualifying_points, rank.points_to_next
    )


async def add_points(tx: Tx, guest_id: int, body: PointsIn) -> MovementOut:
    """Add points

    The guest in the body, when given, must be the one in the path.
    """
    _check_same(guest_id, body)
    return MovementOut.of(await loyalty.add(tx, guest_id, body.points, note=body.note), body.idempotency_key)


async def redeem_points(tx: Tx, guest_id: int, body: PointsIn) -> MovementOut:
    """Redeem points

    Checks the balance and spends in one step, the points that expire first. Answers 400 when there
    are too few.
    """
    _check_same(guest_id, body)
    return MovementOut.of(await loyalty.redeem(tx, guest_id, body.points, note=body.note), body.idempotency_key)


def _check_same(guest_id: int, body: PointsIn) -> None:
    if body.guest_id is not None and body.guest_id != guest_id:
        raise Invalid("This is not the guest in the path.", field="guest_id", value=body.guest_id)


def _route(method: str, path: str, handler: Any, scope: str, **more: Any) -> Route:
    return Route(
        method=method,
        path="/loyalty/guests/{guest_id}" + path,
        handler=handler,
        scope=scope,
        printed_scope="loyalty:read" if method == "GET" else "loyalty:write",
        module="loyalty",
        group="Loyalty",
        **more,
    )


ROUTES = [
    _route("GET", "/points", show_points, "loyalty:read", answer=BalanceOut, errors=(404,)),
    _route("GET", "/tier", show_tier, "loyalty:read", answer=RankOut, errors=(404,)),
    _route(
        "POST",
        "/points",
        add_points,
        "loyalty.adjust",
        body=PointsIn,
        answer=MovementOut,
        errors=(404,),
        example={"guest_id": 42, "points": 50, "note": "Birthday bonus", "idempotency_key": "adj-001"},
    ),
    _route(
        "POST",
        "/redeem",
        redeem_points,
        "loyalty:write",
        body=PointsIn,
        answer=MovementOut,
        errors=(404,),
        example={"guest_id": 42, "points": 100, "idempotency_key": "rdm-001"},
    ),
]
