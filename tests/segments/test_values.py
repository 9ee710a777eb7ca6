"""What an attribute of tracked events comes to: its sum, least, greatest and average, in a window, to the instant."""

from datetime import timedelta
from typing import Any

import pytest

from hospes.capabilities import guests, segments, tracking
from hospes.capabilities.segments import checking
from tests.audience_api.brand import Brand
from tests.conftest import NOON
from tests.living import Api, Home
from tests.segments.world import all_of, members_of, published

EVERYONE = {"field": "everyone", "operator": "=", "value": True}


def comes_to(measure: str, operator: str, value: Any, **more: Any) -> dict[str, Any]:
    named = {"field": "event.value", "name": "order", "attribute": "amount", "measure": measure}
    return named | {"operator": operator, "value": value} | more


async def order(brand: Brand, user_id: str, amount: Any, *, hours_ago: int = 0, **attributes: Any) -> None:
    at = brand.home.clock.now() - timedelta(hours=hours_ago)
    entry = {"userID": user_id, "event_name": "order", "event_time": at.strftime("%Y-%m-%dT%H:%M:%S+0000")}
    answer = await brand.track(entry | {"attributes": {"amount": amount} | attributes})
    assert answer.status == 200, answer.body


async def ids(brand: Brand, *user_ids: str) -> list[int]:
    made = []
    for user_id in user_ids:
        await brand.tell(user_id, name=user_id)
        made.append((await tracking.users.find(brand.api.reader(), user_id)).id)
    return made


async def test_who_spent_so_much_in_a_window_comes_in_with_an_order_and_leaves_to_the_instant(
    home: Home, api: Api
) -> None:
    brand = await Brand.open(home, api)
    rules = all_of(comes_to("sum", ">=", 100, within={"days": 30}))
    segment_id = await published(api, rules)
    await order(brand, "anna", 60.5, hours_ago=24)
    await order(brand, "anna", 39.4)
    await api.deliver()
    before = await members_of(api, segment_id)

    await order(brand, "anna", 0.1)
    await api.deliver()
    [anna] = await members_of(api, segment_id)
    told = await segments.explain(api.reader(), segment_id, anna)
    home.clock.jump(NOON + timedelta(days=29) - timedelta(microseconds=1))
    await api.deliver()
    last = await members_of(api, segment_id)
    home.clock.jump(NOON + timedelta(days=29))
    await api.deliver()

    assert (before, last, await members_of(api, segment_id)) == ([], [anna], [])
    assert (told.is_in, told.changes_at, told.is_sure) == (True, NOON + timedelta(days=29), True)
    async with api.begin() as tx:
        assert (await checking.check(tx, segment_id)).is_none


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (comes_to("sum", "=", 30.3), ["anna"]),
        (comes_to("sum", "<", 0, since="2026-01-01T00:00:00Z"), ["ben"]),
        (comes_to("sum", "<=", 0), ["ben", "cleo", "dan"]),
        (comes_to("sum", "!=", 0), ["anna", "ben"]),
        (comes_to("min", "=", 10.1), ["anna"]),
        (comes_to("min", "<", 1), ["ben"]),
        (comes_to("max", ">", 20), ["anna"]),
        (comes_to("max", "between", [-5, 0]), ["ben"]),
        (comes_to("max", "!=", 20.2), ["ben", "cleo", "dan"]),
        (comes_to("average", "=", 15.15), ["anna"]),
        (comes_to("average", "!=", 0), ["anna", "ben", "cleo", "dan"]),
        (comes_to("sum", ">", 0, where=[{"field": "kind", "operator": "=", "value": "spa"}]), ["anna"]),
        (comes_to("sum", ">=", 20, where=[{"field": "kind", "operator": "=", "value": "spa"}]), []),
        (comes_to("sum", ">", 0, within={"hours": 1}), ["anna"]),
        (comes_to("sum", ">", 10.1, within={"hours": 1}), []),
    ],
)
async def test_numbers_alone_are_measured_and_nothing_comes_to_nothing(
    home: Home, api: Api, rule: dict[str, Any], expected: list[str]
) -> None:
    brand = await Brand.open(home, api)
    users = dict(zip(await ids(brand, "anna", "ben", "cleo", "dan"), ["anna", "ben", "cleo", "dan"], strict=True))
    await order(brand, "anna", 10.1, kind="spa")
    await order(brand, "anna", 20.2, hours_ago=5)
    await order(brand, "ben", -5, hours_ago=5)
    await brand.track({"userID": "cleo", "event_name": "order", "attributes": {"total": 7}})
    await brand.track({"userID": "dan", "event_name": "visit", "attributes": {"amount": 7}})

    found = await published(api, all_of(EVERYONE, rule))

    assert sorted(users[one] for one in await members_of(api, found)) == expected
    assert await segments.count(api.reader(), all_of(EVERYONE, rule)) == len(expected)


async def test_what_two_spent_counts_together_once_they_are_one(home: Home, api: Api) -> None:
    brand = await Brand.open(home, api)
    anna, ben = await ids(brand, "anna", "ben")
    segment_id = await published(api, all_of(comes_to("sum", ">=", 100)))
    await order(brand, "anna", 60)
    await order(brand, "ben", 40)
    await api.deliver()
    apart = await members_of(api, segment_id)

    async with api.begin() as tx:
        await guests.merge(tx, anna, ben, evidence="test")
    await api.deliver()

    assert (apart, await members_of(api, segment_id)) == ([], [anna])
    assert await segments.count(api.reader(), all_of(comes_to("sum", ">=", 100))) == 1
