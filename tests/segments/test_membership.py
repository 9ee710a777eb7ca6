"""Members follow each change as it commits, and the clock at its exact instants."""

from datetime import timedelta
from typing import Any

from hospes.capabilities import events, guests, segments
from tests.conftest import NOON
from tests.living import Api
from tests.segments.world import all_of, members_of, published


async def test_a_guest_enters_and_leaves_as_it_changes(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    segment_id = await published(api, all_of({"field": "guest.vip", "operator": "=", "value": True}))
    before = await members_of(api, segment_id)

    await api.patch(f"/crm/guests/{anna['id']}", {"is_vip": True})
    await api.deliver()
    inside = await members_of(api, segment_id)
    await api.patch(f"/crm/guests/{anna['id']}", {"is_vip": False})
    await api.deliver()

    assert (before, inside, await members_of(api, segment_id)) == ([], [anna["id"]], [])
    assert await happened_to(api, anna["id"]) == ["segment.entered", "segment.left"]


async def happened_to(api: Api, guest_id: int) -> list[str]:
    by = events.Filter(guest_ids=[guest_id], types=["segment.entered", "segment.left"])
    return [entry.type for entry in reversed(await events.list_newest(api.reader(), by, limit=50, offset=0))]


async def test_a_guest_leaves_a_window_at_the_very_instant_at_which_it_ends(api: Api) -> None:
    recent = {"field": "guest.created_at", "operator": "within_last", "value": {"days": 30}}
    anna = await api.new_guest(email="anna@example.com")
    segment_id = await published(api, all_of(recent))

    api.home.clock.jump(NOON + timedelta(days=30) - timedelta(microseconds=1))
    await api.deliver()
    almost = await members_of(api, segment_id)
    api.home.clock.jump(NOON + timedelta(days=40))
    await api.deliver()

    assert (almost, await members_of(api, segment_id)) == ([anna["id"]], [])
    by = events.Filter(guest_ids=[anna["id"]], types=["segment.left"])
    (left,) = await events.list_newest(api.reader(), by, limit=5, offset=0)
    assert left.occurred_at == NOON + timedelta(days=30)


async def test_a_merged_guest_counts_once_under_the_guest_that_answers_for_it(api: Api) -> None:
    rules = all_of(
        {"field": "visit", "operator": ">=", "value": 0}, {"field": "everyone", "value": True, "operator": "="}
    )
    kept, merged = await api.new_guest(email="a@example.com"), await api.new_guest(email="b@example.com")
    segment_id = await published(api, rules)
    apart = await members_of(api, segment_id)

    async with api.begin() as tx:
        merge_id = await guests.merge(tx, kept["id"], merged["id"], evidence="test")
    await api.deliver()
    together = await members_of(api, segment_id)
    async with api.begin() as tx:
        await guests.unmerge(tx, merge_id)
    await api.deliver()

    assert apart == sorted([kept["id"], merged["id"]])
    assert together == [kept["id"]]
    assert await members_of(api, segment_id) == apart


async def test_segments_that_look_at_each_other_settle_together(api: Api) -> None:
    vip = all_of({"field": "guest.vip", "operator": "=", "value": True})
    anna = await api.new_guest(email="anna@example.com")
    inner = await published(api, vip)
    inside = await published(api, all_of({"field": "segment", "operator": "any_of", "value": [inner]}))
    outside = await published(
        api,
        all_of(
            {"field": "everyone", "operator": "=", "value": True},
            {"field": "segment", "operator": "none_of", "value": [inside]},
        ),
    )
    at_first = await members_of(api, outside)

    await api.patch(f"/crm/guests/{anna['id']}", {"is_vip": True})
    await api.deliver()

    assert at_first == [anna["id"]]
    assert await members_of(api, inside) == [anna["id"]]
    assert await members_of(api, outside) == []


async def test_new_rules_judge_everybody_anew(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    ben = await api.new_guest(email="ben@example.org")
    rules: Any = {"field": "guest.email", "operator": "ends_with", "value": "@example.com"}
    segment_id = await published(api, all_of(rules))
    first = await members_of(api, segment_id)

    async with api.begin() as tx:
        await segments.change(tx, segment_id, name="Other", rules=all_of(rules | {"value": "@EXAMPLE.ORG"}))
    processing = await segments.get(api.reader(), segment_id)
    await api.deliver()

    assert (first, await members_of(api, segment_id)) == ([anna["id"]], [ben["id"]])
    assert (processing.status, processing.version) == ("processing", 2)
    assert (await segments.get(api.reader(), segment_id)).status == "published"
