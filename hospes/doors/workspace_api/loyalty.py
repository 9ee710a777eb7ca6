"""Loyalty: the programme, tiers, rewards, what earns, and each guest's ledger."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base import money
from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.capabilities import guests, loyalty
from hospes.capabilities.loyalty.rewards import NewReward, Reward
from hospes.doors.workspace_api.promotions import Ids, Limit, Money
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]
Points = Annotated[int, Meta(ge=1, le=loyalty.ledger.MOST_POINTS)]
Note = Annotated[str, Meta(max_length=500)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class ProgramIn(Body, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    points_valid_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None
    tier_window_months: Annotated[int, Meta(ge=1, le=120)] | None = None


class ProgramOut(msgspec.Struct, frozen=True):
    name: str
    points_valid_days: int | None
    tier_window_months: int | None

    @classmethod
    def of(cls, program: loyalty.programs.Program) -> "ProgramOut":
        return cls(program.name, program.points_valid_days, program.tier_window_months)


class TierIn(Body, frozen=True, kw_only=True):
    slug: Slug
    name: Name
    min_points: Annotated[int, Meta(ge=0, le=1_000_000_000)]


class TierOut(msgspec.Struct, frozen=True):
    id: int
    slug: str
    name: str
    min_points: int

    @classmethod
    def of(cls, tier: loyalty.Tier) -> "TierOut":
        return cls(tier.id, tier.slug, tier.name, tier.min_points)


class Tiers(msgspec.Struct, frozen=True, kw_only=True):
    items: list[TierOut]


class RewardIn(Body, frozen=True, kw_only=True):
    name: Name
    points_cost: Points
    description: Annotated[str, Meta(max_length=2000)] | None = None
    location_ids: Ids = msgspec.field(default_factory=list)
    stock: Limit | None = None
    per_guest: Limit | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class RewardOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    description: str | None
    points_cost: int
    location_ids: list[int]
    stock: int | None
    per_guest: int | None
    stock_left: int | None
    starts_at: Instant | None
    ends_at: Instant | None
    is_active: bool
    created_at: Instant

    @classmethod
    def of(cls, reward: Reward) -> "RewardOut":
        return cls(
            reward.id,
            reward.name,
            reward.description,
            reward.points_cost,
            reward.location_ids,
            reward.stock,
            reward.per_guest,
            reward.stock - reward.redeemed if reward.stock is not None else None,
            reward.starts_at.isoformat() if reward.starts_at else None,
            reward.ends_at.isoformat() if reward.ends_at else None,
            reward.is_active,
            reward.created_at.isoformat(),
        )


class Rewards(msgspec.Struct, frozen=True, kw_only=True):
    items: list[RewardOut]
    next_after: Id | None


class RuleIn(Body, frozen=True, kw_only=True):
    basis: Literal["visit", "night", "stay", "spend"]
    points: Points
    per_amount: Money | None = None
    currency: Currency | None = None


class RuleOut(msgspec.Struct, frozen=True):
    id: int
    basis: str
    points: int
    per_amount: str | None
    currency: str | None
    is_active: bool

    @classmethod
    def of(cls, rule: loyalty.rules.Rule) -> "RuleOut":
        amount = format(rule.per_amount, "f") if rule.per_amount is not None else None
        return cls(rule.id, rule.basis, rule.points, amount, rule.currency, rule.is_active)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    items: list[RuleOut]


class MovementOut(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    type: str
    points: int
    balance: int
    note: str | None
    created_at: Instant

    @classmethod
    def of(cls, movement: loyalty.Movement) -> "MovementOut":
        return cls(
            movement.id,
            movement.guest_id,
            movement.kind,
            movement.points,
            movement.balance,
            movement.note,
            movement.happened_at.isoformat(),
        )


class Movements(msgspec.Struct, frozen=True, kw_only=True):
    items: list[MovementOut]
    next_after: Id | None


class ReversalIn(Body, frozen=True, kw_only=True):
    note: Note | None = None


class EarningIn(Body, frozen=True, kw_only=True):
    """`reference` names the bill or the stay: the same one earns once."""

    basis: Literal["night", "stay", "spend"]
    reference: Annotated[str, Meta(min_length=1, max_length=100)]
    quantity: Money = "1"
    currency: Currency | None = None
    location_id: Id | None = None


class EarningOut(msgspec.Struct, frozen=True):
    guest_id: int
    movement: MovementOut | None


class StandingQuery(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime | None = None


class StandingOut(msgspec.Struct, frozen=True):
    guest_id: int
    at: Instant
    qualifying_points: int
    tier: TierOut | None
    next_tier: TierOut | None


async def get_program(reader: Reader) -> ProgramOut:
    """Get programme"""
    return ProgramOut.of(await loyalty.programs.get(reader))


async def replace_program(tx: Tx, body: ProgramIn) -> ProgramOut:
    """Replace programme

    Points that guests have keep the end they were given.
    """
    program = loyalty.programs.Program(body.name.strip(), body.points_valid_days, body.tier_window_months)
    await loyalty.programs.set_program(tx, program)
    return ProgramOut.of(program)


async def list_tiers(reader: Reader) -> Tiers:
    """List tiers

    The lowest first.
    """
    return Tiers(items=[TierOut.of(tier) for tier in await loyalty.tiers.list_all(reader)])


async def create_tier(tx: Tx, body: TierIn) -> TierOut:
    """Create tier

    Every guest stands where the ledger puts them, at once.
    """
    tier_id = await loyalty.tiers.create(tx, slug=body.slug, name=body.name, min_points=body.min_points)
    return TierOut(tier_id, body.slug, body.name.strip(), body.min_points)


async def delete_tier(tx: Tx, tier_id: int) -> TierOut:
    """Delete tier

    Its guests stand in the one below.
    """
    known = {tier.id: tier for tier in await loyalty.tiers.list_all(tx)}
    await loyalty.tiers.delete(tx, tier_id)
    return TierOut.of(known[tier_id])


async def list_rewards(reader: Reader, query: Paging) -> Rewards:
    """List rewards"""
    found = await loyalty.rewards.list_after(reader, query.after, limit=query.limit)
    return Rewards(items=[RewardOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def create_reward(tx: Tx, body: RewardIn) -> RewardOut:
    """Create reward"""
    new = NewReward(
        name=body.name,
        points_cost=body.points_cost,
        description=body.description,
        location_ids=body.location_ids,
        stock=body.stock,
        per_guest=body.per_guest,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
    )
    return RewardOut.of(await loyalty.rewards.get(tx, await loyalty.rewards.create(tx, new)))


async def offer_reward(tx: Tx, reward_id: int) -> RewardOut:
    """Offer reward"""
    await loyalty.rewards.switch(tx, reward_id, is_active=True)
    return RewardOut.of(await loyalty.rewards.get(tx, reward_id))


async def withdraw_reward(tx: Tx, reward_id: int) -> RewardOut:
    """Stop offering reward"""
    await loyalty.rewards.switch(tx, reward_id, is_active=False)
    return RewardOut.of(await loyalty.rewards.get(tx, reward_id))


async def list_rules(reader: Reader) -> Rules:
    """List rules

    What earns points by itself.
    """
    return Rules(items=[RuleOut.of(rule) for rule in await loyalty.rules.list_all(reader)])


async def create_rule(tx: Tx, body: RuleIn) -> RuleOut:
    """Create rule

    So many points for each visit, night or stay, or for each `per_amount` spent.
    """
    amount = money.amount(body.per_amount, field="per_amount") if body.per_amount is not None else None
    rule_id = await loyalty.rules.create(
        tx, basis=body.basis, points=body.points, per_amount=amount, currency=body.currency
    )
    return await _rule(tx, rule_id)


async def activate_rule(tx: Tx, rule_id: int) -> RuleOut:
    """Activate rule"""
    await loyalty.rules.switch(tx, rule_id, is_active=True)
    return await _rule(tx, rule_id)


async def pause_rule(tx: Tx, rule_id: int) -> RuleOut:
    """Pause rule"""
    await loyalty.rules.switch(tx, rule_id, is_active=False)
    return await _rule(tx, rule_id)


async def _rule(reader: Reader, rule_id: int) -> RuleOut:
    return next(RuleOut.of(rule) for rule in await loyalty.rules.list_all(reader) if rule.id == rule_id)


async def list_movements(reader: Reader, guest_id: int, query: Paging) -> Movements:
    """List a guest's movements of points"""
    found = await loyalty.history(reader, guest_id, after=query.after, limit=query.limit)
    return Movements(items=[MovementOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def show_standing(reader: Reader, guest_id: int, query: StandingQuery) -> StandingOut:
    """A guest's tier, now or at a past instant"""
    at = query.at or reader.now
    if at > reader.now:
        raise Invalid("Nobody knows yet: `at` lies in the future.", field="at")
    rank = await loyalty.rank(reader, guest_id, at=at)
    return StandingOut(
        guest_id,
        at.isoformat(),
        rank.qualifying_points,
        TierOut.of(rank.tier) if rank.tier else None,
        TierOut.of(rank.next_tier) if rank.next_tier else None,
    )


async def earn(tx: Tx, guest_id: int, body: EarningIn) -> EarningOut:
    """Record a stay, nights or spending

    The rules say how many points it earns; `movement` is null when none gives any. Answers 409 when the
    same `reference` has earned already.
    """
    guest = await guests.get(tx, guest_id)
    movement = await loyalty.earn(
        tx,
        guest.id,
        body.basis,
        money.amount(body.quantity, field="quantity"),
        cause=f"{body.basis} {body.reference}",
        currency=body.currency,
        location_id=body.location_id,
    )
    return EarningOut(guest.id, MovementOut.of(movement) if movement else None)


async def reverse_movement(tx: Tx, movement_id: int, body: ReversalIn) -> MovementOut:
    """Reverse movement

    Undoes exactly what it did, once. Points that came are taken back whole, or not at all when some of
    them are gone.
    """
    return MovementOut.of(await loyalty.reverse(tx, movement_id, note=body.note))


def _route(method: str, path: str, handler: Any, answer: Any, **more: Any) -> Route:
    role = "staff" if method == "GET" else "manager"
    return Route(
        method=method,
        path="/loyalty" + path,
        handler=handler,
        answer=answer,
        scope=role,
        printed_scope=role,
        module="loyalty",
        group="Loyalty",
        **more,
    )


ROUTES = [
    _route("GET", "/program", get_program, ProgramOut),
    _route(
        "PUT",
        "/program",
        replace_program,
        ProgramOut,
        body=ProgramIn,
        example={"name": "Points", "points_valid_days": 730},
    ),
    _route("GET", "/tiers", list_tiers, Tiers),
    _route(
        "POST",
        "/tiers",
        create_tier,
        TierOut,
        body=TierIn,
        status=201,
        errors=(409,),
        example={"slug": "platinum", "name": "Platinum", "min_points": 5000},
    ),
    _route("DELETE", "/tiers/{tier_id}", delete_tier, TierOut, errors=(404,)),
    _route("GET", "/rewards", list_rewards, Rewards, query=Paging),
    _route(
        "POST",
        "/rewards",
        create_reward,
        RewardOut,
        body=RewardIn,
        status=201,
        errors=(404,),
        example={"name": "Free dessert", "points_cost": 100, "location_ids": [1]},
    ),
    _route("POST", "/rewards/{reward_id}/offer", offer_reward, RewardOut, errors=(404,)),
    _route("POST", "/rewards/{reward_id}/withdraw", withdraw_reward, RewardOut, errors=(404,)),
    _route("GET", "/rules", list_rules, Rules),
    _route(
        "POST",
        "/rules",
        create_rule,
        RuleOut,
        body=RuleIn,
        status=201,
        example={"basis": "spend", "points": 1, "per_amount": "1.00", "currency": "EUR"},
    ),
    _route("POST", "/rules/{rule_id}/activate", activate_rule, RuleOut, errors=(404,)),
    _route("POST", "/rules/{rule_id}/pause", pause_rule, RuleOut, errors=(404,)),
    _route("GET", "/guests/{guest_id}/movements", list_movements, Movements, query=Paging, errors=(404,)),
    _route("GET", "/guests/{guest_id}/standing", show_standing, StandingOut, query=StandingQuery, errors=(404,)),
    _route(
        "POST",
        "/guests/{guest_id}/earn",
        earn,
        EarningOut,
        body=EarningIn,
        errors=(404,),
        example={"basis": "spend", "reference": "bill-0815", "quantity": "42.50", "currency": "EUR"},
    ),
    _route(
        "POST",
        "/movements/{movement_id}/reverse",
        reverse_movement,
        MovementOut,
        body=ReversalIn,
        errors=(404, 409),
        example={"note": "Typed in twice"},
    ),
]
