"""Points: spent oldest first, gone at their instant, never negative, undone exactly and once."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from hospes.base.errors import Conflict, Exhausted, Invalid, NotFound
from hospes.capabilities import guests, loyalty
from hospes.capabilities.loyalty.lots import Lot, oldest_first
from hospes.house import chores
from tests.conftest import IS_FULL
from tests.living import Api, Home

ROUNDS = 1000 if IS_FULL else 3


async def program(api: Api, **more: Any) -> None:
    async with api.begin() as tx:
        await loyalty.programs.set_program(tx, loyalty.programs.Program("Points", more.get("days"), more.get("months")))


async def add(api: Api, guest_id: int, points: int, **more: Any) -> loyalty.Movement:
    async with api.begin() as tx:
        return await loyalty.add(tx, guest_id, points, **more)


async def redeem(api: Api, guest_id: int, points: int) -> loyalty.Movement:
    async with api.begin() as tx:
        return await loyalty.redeem(tx, guest_id, points)


async def reverse(api: Api, movement_id: int) -> loyalty.Movement:
    async with api.begin() as tx:
        return await loyalty.reverse(tx, movement_id)


async def points(api: Api, guest_id: int) -> int:
    return (await loyalty.balance(api.reader(), guest_id)).points


async def sums(home: Home, api: Api) -> dict[str, int]:
    """The whole ledger of the workspace by account, and by lots."""
    connection = await asyncpg.connect(home.dsn)
    rows = await connection.fetch(
        "SELECT account, sum(points)::bigint AS points FROM loyalty_entries WHERE workspace_id = $1 GROUP BY account",
        api.workspace_id,
    )
    off = [await connection.fetchval(check.text) for check in loyalty.standing.CHECKS.values()]
    await connection.close()
    assert off == [0, 0, 0]
    return {row["account"]: row["points"] for row in rows}


def test_the_oldest_lots_are_drawn_first_and_only_as_far_as_needed() -> None:
    lots = [Lot(1, 7, 30, None), Lot(2, 7, 50, None), Lot(3, 7, 20, None)]

    assert [(draw.lot.id, draw.points) for draw in oldest_first(lots, 60)] == [(1, 30), (2, 30)]
    assert [(draw.lot.id, draw.points) for draw in oldest_first(lots, 100)] == [(1, 30), (2, 50), (3, 20)]


async def test_what_comes_and_goes_sums_to_zero(home: Home, api: Api) -> None:
    anna = (await api.new_guest())["id"]

    added = await add(api, anna, 150)
    spent = await redeem(api, anna, 100)

    assert (added.balance, spent.balance, spent.points) == (150, 50, -100)
    assert await points(api, anna) == 50
    assert await sums(home, api) == {"guest": 50, "liability": -50}


async def test_more_than_there_is_cannot_be_spent_and_nothing_is_written(home: Home, api: Api) -> None:
    anna = (await api.new_guest())["id"]
    await add(api, anna, 99)

    with pytest.raises(Exhausted, match="Insufficient points"):
        await redeem(api, anna, 100)

    assert await points(api, anna) == 99
    assert await sums(home, api) == {"guest": 99, "liability": -99}


@pytest.mark.parametrize("wrong", [0, -1, 1_000_001, 2**63, 1.5])
async def test_points_out_of_bounds_are_refused(api: Api, wrong: Any) -> None:
    anna = (await api.new_guest())["id"]  # case D18

    with pytest.raises(Invalid):
        await add(api, anna, wrong)
    with pytest.raises(Invalid):
        await redeem(api, anna, wrong)

    assert await loyalty.history(api.reader(), anna, after=None, limit=10) == []


async def test_an_unknown_guest_has_no_points_to_give_or_take(home: Home, api: Api) -> None:
    other = await home.new_api()
    theirs = (await other.new_guest())["id"]

    for work in (add(api, theirs, 10), redeem(api, theirs, 10), points(api, theirs)):
        with pytest.raises(NotFound):
            await work


async def test_points_die_at_their_instant_and_not_before(home: Home, api: Api) -> None:
    await program(api, days=365)
    anna = (await api.new_guest())["id"]
    await add(api, anna, 100)

    home.clock.advance(days=364, hours=23, minutes=59, seconds=59)
    assert await points(api, anna) == 100

    home.clock.advance(seconds=1)
    assert await points(api, anna) == 0
    with pytest.raises(Exhausted):
        await redeem(api, anna, 1)


async def test_what_died_goes_to_breakage_as_of_the_instant_it_died(home: Home, api: Api) -> None:
    await program(api, days=10)
    anna = (await api.new_guest())["id"]
    await add(api, anna, 100)
    await redeem(api, anna, 30)
    start = home.clock.now()
    home.clock.advance(days=12)

    await chores.expire_points(home.server, api.workspace_id)
    await chores.expire_points(home.server, api.workspace_id)

    assert await sums(home, api) == {"guest": 0, "liability": -70, "breakage": 70}
    [expired, *_] = await loyalty.history(api.reader(), anna, after=None, limit=10)
    assert (expired.kind, expired.points, (expired.happened_at - start).days) == ("expire", -70, 10)
    timeline = (await api.get(f"/crm/guests/{anna}/timeline", type="loyalty.points_expired")).json()["items"]
    assert [entry["data"]["points"] for entry in timeline] == [70]


async def test_points_that_end_first_are_spent_first(home: Home, api: Api) -> None:
    anna = (await api.new_guest())["id"]
    await program(api, days=100)
    await add(api, anna, 50)
    await program(api, days=10)
    await add(api, anna, 50)

    await redeem(api, anna, 60)
    home.clock.advance(days=11)

    assert await points(api, anna) == 40


async def test_a_spending_that_is_undone_puts_points_back_with_the_end_they_had(home: Home, api: Api) -> None:
    await program(api, days=10)
    anna = (await api.new_guest())["id"]
    await add(api, anna, 100)
    home.clock.advance(days=9)
    spent = await redeem(api, anna, 80)

    undone = await reverse(api, spent.id)

    assert (undone.points, undone.balance) == (80, 100)
    home.clock.advance(days=1)
    assert await points(api, anna) == 0
    assert (await loyalty.balance(api.reader(), anna)).redeemed == 0


async def test_an_earning_is_taken_back_whole_or_not_at_all(home: Home, api: Api) -> None:
    anna = (await api.new_guest())["id"]
    first = await add(api, anna, 100)
    second = await add(api, anna, 20)
    await redeem(api, anna, 10)

    with pytest.raises(Exhausted):
        await reverse(api, first.id)
    await reverse(api, second.id)

    assert await points(api, anna) == 90
    assert (await loyalty.balance(api.reader(), anna)).earned == 100
    assert await sums(home, api) == {"guest": 90, "liability": -90}


async def test_a_reversal_happens_once_also_when_two_ask_at_once(home: Home, api: Api) -> None:
    anna = (await api.new_guest())["id"]  # case D17
    await add(api, anna, 100)
    spent = await redeem(api, anna, 40)

    outcomes = await asyncio.gather(*(reverse(api, spent.id) for _ in range(6)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 5 + ["Movement"]
    assert await points(api, anna) == 100
    with pytest.raises(Conflict):
        await reverse(api, next(outcome.id for outcome in outcomes if isinstance(outcome, loyalty.Movement)))


@pytest.mark.parametrize("left", [0, 1, 7, 60, 199])
async def test_of_two_hundred_at_once_exactly_as_many_succeed_as_there_are_points(
    home: Home, api: Api, left: int
) -> None:
    for _ in range(ROUNDS):  # case D15
        anna = (await api.new_guest())["id"]
        if left:
            await add(api, anna, left)

        outcomes = await asyncio.gather(*(redeem(api, anna, 1) for _ in range(200)), return_exceptions=True)

        assert sum(isinstance(outcome, loyalty.Movement) for outcome in outcomes) == left
        assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} <= {Exhausted}
        assert await points(api, anna) == 0
    assert (await sums(home, api)).get("guest", 0) == 0


async def test_what_a_merged_guest_has_is_spent_by_the_guest_it_became(home: Home, api: Api) -> None:
    anna, ann = (await api.new_guest(name="Anna"))["id"], (await api.new_guest(name="Ann"))["id"]
    await add(api, anna, 30)
    await add(api, ann, 50)

    async with api.begin() as tx:
        merge_id = await guests.merge(tx, anna, ann, evidence="same person")
    assert (await points(api, anna), await points(api, ann)) == (80, 80)
    await redeem(api, ann, 70)
    async with api.begin() as tx:
        await guests.unmerge(tx, merge_id)

    # Lots stay with whom they came to: the 30 went first, then 40 of the 50.
    assert (await points(api, anna), await points(api, ann)) == (0, 10)
    assert await sums(home, api) == {"guest": 10, "liability": -10}


async def test_tiers_follow_what_was_earned_and_can_be_told_for_the_past(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        await loyalty.tiers.create(tx, slug="silver", name="Silver", min_points=300)
        await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=1000)
    anna = (await api.new_guest())["id"]
    start = home.clock.now()
    await add(api, anna, 300)
    home.clock.advance(days=1)
    await redeem(api, anna, 300)
    later = await add(api, anna, 700)
    gold = await loyalty.rank(api.reader(), anna)
    home.clock.advance(days=1)
    await reverse(api, later.id)

    now, then = await loyalty.rank(api.reader(), anna), await loyalty.rank(api.reader(), anna, at=start)

    assert gold.tier is not None and gold.tier.slug == "gold" and gold.next_tier is None
    assert now.tier is not None and now.tier.slug == "silver" and now.points_to_next == 700
    assert then.qualifying_points == 300
    assert (await loyalty.rank(api.reader(), anna, at=start.replace(year=2020))).tier is None
    changes = (await api.get(f"/crm/guests/{anna}/timeline", type="loyalty.tier_changed")).json()["items"]
    assert [entry["data"]["tier"] for entry in changes] == ["silver", "gold", "silver"]


async def test_tiers_may_look_back_over_a_window(home: Home, api: Api) -> None:
    await program(api, months=12)
    async with api.begin() as tx:
        await loyalty.tiers.create(tx, slug="silver", name="Silver", min_points=300)
    anna = (await api.new_guest())["id"]
    await add(api, anna, 300)
    assert (await loyalty.rank(api.reader(), anna)).tier is not None

    home.clock.advance(days=367)

    assert (await loyalty.rank(api.reader(), anna)).tier is None
    assert (await loyalty.standings(api.reader(), [anna]))[anna] == loyalty.Standing(300, None)


async def test_rules_earn_for_spending_once_for_each_cause(api: Api) -> None:
    anna = (await api.new_guest())["id"]
    async with api.begin() as tx:
        await loyalty.rules.create(tx, basis="spend", points=1, per_amount=Decimal(10), currency="EUR")

    async def earn(amount: str, cause: str, currency: str = "EUR") -> Any:
        async with api.begin() as tx:
            return await loyalty.earn(tx, anna, "spend", Decimal(amount), cause=cause, currency=currency)

    assert (await earn("29.99", "bill 1")).points == 2
    assert await earn("9.99", "bill 2") is None
    assert await earn("100", "bill 3", "USD") is None
    with pytest.raises(Conflict):
        await earn("29.99", "bill 1")
    assert await points(api, anna) == 2


async def test_a_limited_reward_is_handed_out_exactly_as_often_as_there_are(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        reward = await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name="Mug", points_cost=10, stock=3))
    people = [(await api.new_guest(name=f"Guest {number}"))["id"] for number in range(8)]
    for person in people:
        await add(api, person, 10)

    async def take(person: int) -> Any:
        async with api.begin() as tx:
            return await loyalty.rewards.redeem(tx, person, reward, location_id=api.location_id)

    outcomes = await asyncio.gather(*(take(person) for person in people), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 5 + ["Redemption"] * 3
    assert (await sums(home, api))["guest"] == 50


async def test_what_a_guest_cannot_have_says_why(home: Home, api: Api) -> None:
    soon, past = home.clock.now().replace(year=2099), home.clock.now().replace(year=2020)
    kinds = {
        "cheap": {},
        "dear": {"points_cost": 500},
        "soon": {"starts_at": soon},
        "past": {"ends_at": past},
        "none": {"stock": 0},
    }
    async with api.begin() as tx:
        for name, more in kinds.items():
            await loyalty.rewards.create(tx, loyalty.rewards.NewReward(**{"name": name, "points_cost": 10, **more}))
    anna = (await api.new_guest())["id"]
    await add(api, anna, 100)

    offered = await loyalty.rewards.list_for(api.reader(), anna)

    assert {one.reward.name: (one.is_available, one.why_not, one.missing) for one in offered} == {
        "cheap": (True, None, 0),
        "dear": (False, "points", 400),
        "soon": (False, "not_yet", 0),
        "past": (False, "over", 0),
        "none": (False, "used_up", 0),
    }


async def test_no_two_workspaces_share_a_ledger(home: Home, api: Api) -> None:
    other = await home.new_api()
    movement = await add(api, (await api.new_guest())["id"], 10)

    with pytest.raises(NotFound):
        await reverse(other, movement.id)
