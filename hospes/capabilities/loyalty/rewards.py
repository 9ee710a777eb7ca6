"""Rewards: what points can be spent on, for whom, where and how often."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities import events, guests
from hospes.capabilities.loyalty import ledger
from hospes.capabilities.loyalty.happenings import RewardRedeemed


class Reward(msgspec.Struct, frozen=True):
    """`location_ids` empty: everywhere. `stock` and `per_guest` None: without limit."""

    id: int
    name: str
    description: str | None
    points_cost: int
    location_ids: list[int]
    stock: int | None
    per_guest: int | None
    redeemed: int
    starts_at: datetime | None
    ends_at: datetime | None
    is_active: bool
    created_at: datetime


class Offered(msgspec.Struct, frozen=True):
    """A reward as one guest sees it; `why_not` is one word when it cannot be had now.

    `points`: too few, `missing` says how many; `not_yet`, `over`, `used_up`.
    """

    reward: Reward
    is_available: bool
    why_not: str | None
    missing: int


class Redemption(msgspec.Struct, frozen=True):
    """A reward that was handed out; `balance` is what the guest has left."""

    id: int
    guest_id: int
    reward_id: int
    location_id: int
    points_spent: int
    balance: int
    redeemed_at: datetime


class NewReward(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    points_cost: int
    description: str | None = None
    location_ids: Sequence[int] = ()
    stock: int | None = None
    per_guest: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


_COLUMNS = (
    "id, name, description, points_cost, location_ids, stock, per_guest, redeemed, starts_at, ends_at, "
    "is_active, created_at"
)

LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM loyalty_rewards
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")  # noqa: S608
ON_OFFER = sql(f"SELECT {_COLUMNS} FROM loyalty_rewards WHERE workspace_id = $1 AND is_active ORDER BY points_cost, id")  # noqa: S608
GET = sql(f"SELECT {_COLUMNS} FROM loyalty_rewards WHERE workspace_id = $1 AND id = $2")  # noqa: S608
LOCK = sql(f"SELECT {_COLUMNS} FROM loyalty_rewards WHERE workspace_id = $1 AND id = $2 FOR UPDATE")  # noqa: S608
CREATE = sql("""
    INSERT INTO loyalty_rewards (workspace_id, id, name, description, points_cost, location_ids, stock, per_guest,
                                 starts_at, ends_at, created_at)
    VALUES ($1, coalesce($2, nextval('loyalty_rewards_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING id
""")
UNKNOWN_LOCATIONS = sql("""
    SELECT id FROM unnest($2::bigint[]) AS id
     WHERE NOT EXISTS (SELECT FROM locations l WHERE l.workspace_id = $1 AND l.id = id.id)
""")


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Reward]:
    """A page of rewards, the newest first, behind the id `after`."""
    return await reader.all(Reward, LIST, after, limit)


async def get(reader: Reader, reward_id: int) -> Reward:
    """Raises NotFound."""
    reward = await reader.find(Reward, GET, reward_id)
    if reward is None:
        raise NotFound("Reward not found")
    return reward


async def create(tx: Tx, new: NewReward, *, reward_id: int | None = None) -> int:
    """Make a reward; returns its id. Raises NotFound for a location, Invalid."""
    if await tx.column(UNKNOWN_LOCATIONS, list(new.location_ids)):
        raise NotFound("Location not found")
    try:
        return int(
            await tx.value(
                CREATE,
                reward_id,
                new.name.strip(),
                new.description,
                new.points_cost,
                list(new.location_ids),
                new.stock,
                new.per_guest,
                new.starts_at,
                new.ends_at,
                tx.now,
            )
        )
    except Violation:
        raise Invalid(
            "A reward has a name, costs 1 to 1,000,000 points, and ends after it starts; limits are at least 1."
        ) from None


SWITCH = sql("UPDATE loyalty_rewards SET is_active = $3 WHERE workspace_id = $1 AND id = $2")


async def switch(tx: Tx, reward_id: int, *, is_active: bool) -> None:
    """Offer a reward, or stop offering it. Raises NotFound."""
    if not await tx.run(SWITCH, reward_id, is_active):
        raise NotFound("Reward not found")


HAD = sql("""
    SELECT reward_id, count(*) AS times
      FROM reward_redemptions
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND reward_id = ANY ($3::bigint[])
     GROUP BY reward_id
""")


class _Had(msgspec.Struct, frozen=True):
    reward_id: int
    times: int


async def list_for(reader: Reader, guest_id: int) -> list[Offered]:
    """Every reward on offer, the cheapest first, and whether this guest can have it now. Raises NotFound."""
    family = await guests.family(reader, guest_id)
    points = await ledger.points_of(reader, family)
    offered = await reader.all(Reward, ON_OFFER)
    had = await _times(reader, family, [reward.id for reward in offered])
    return [offer(reward, points=points, times=had.get(reward.id, 0), now=reader.now) for reward in offered]


async def _times(reader: Reader, family: list[int], reward_ids: list[int]) -> dict[int, int]:
    return {row.reward_id: row.times for row in await reader.all(_Had, HAD, family, reward_ids)}


def offer(reward: Reward, *, points: int, times: int, now: datetime) -> Offered:
    """Whether somebody with so many points, who had it so often, can have it at this instant."""
    why, missing = None, 0
    if reward.starts_at is not None and now < reward.starts_at:
        why = "not_yet"
    elif not reward.is_active or (reward.ends_at is not None and now >= reward.ends_at):
        why = "over"
    elif (reward.stock is not None and reward.redeemed >= reward.stock) or (
        reward.per_guest is not None and times >= reward.per_guest
    ):
        why = "used_up"
    elif points < reward.points_cost:
        why, missing = "points", reward.points_cost - points
    return Offered(reward, why is None, why, missing)


TAKE = sql("UPDATE loyalty_rewards SET redeemed = redeemed + 1 WHERE workspace_id = $1 AND id = $2")
REDEEM = sql("""
    INSERT INTO reward_redemptions (workspace_id, reward_id, guest_id, location_id, movement_id, redeemed_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
""")
HAS_LOCATION = sql("SELECT EXISTS (SELECT FROM locations WHERE workspace_id = $1 AND id = $2)")


async def redeem(tx: Tx, guest_id: int, reward_id: int, *, location_id: int) -> Redemption:
    """Hand out a reward for its points.

    Raises NotFound for the guest, the reward or the location, Conflict `Reward not available`,
    Exhausted for too few points; nothing is written then. Guest API 11.3.
    """
    if not await tx.value(HAS_LOCATION, location_id):
        raise NotFound("Location not found")
    family = await guests.hold(tx, guest_id)
    # Its row is locked only when it has a count to keep: two guests do not wait for each other else.
    reward = await get(tx, reward_id)
    if reward.stock is not None:
        reward = await tx.find(Reward, LOCK, reward_id) or reward
    had = await _times(tx, family, [reward_id])
    offered = offer(reward, points=reward.points_cost, times=had.get(reward_id, 0), now=tx.now)
    if not offered.is_available or (reward.location_ids and location_id not in reward.location_ids):
        raise Conflict("Reward not available")
    movement = await ledger.spend(tx, family, reward.points_cost, kind="reward", location_id=location_id)
    if reward.stock is not None:
        await tx.run(TAKE, reward_id)
    redemption_id = int(await tx.value(REDEEM, reward_id, family[0], location_id, movement.id, tx.now))
    event = RewardRedeemed(
        guest_id=family[0],
        reward_id=reward_id,
        redemption_id=redemption_id,
        location_id=location_id,
        points=reward.points_cost,
    )
    await events.record(tx, event, location_id=location_id)
    return Redemption(redemption_id, family[0], reward_id, location_id, reward.points_cost, movement.balance, tx.now)
