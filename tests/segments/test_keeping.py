"""What keeps members right when no event told of a change, and what is done for nobody."""

from datetime import timedelta

from hospes.base.db import Statement
from hospes.capabilities import events, loyalty, record, segments
from hospes.capabilities.loyalty.happenings import PointsAdded
from hospes.capabilities.segments import checking
from tests.conftest import NOON
from tests.living import Api
from tests.segments.world import all_of, members_of, published

VIP = {"field": "guest.vip", "operator": "=", "value": True}
EVERYONE = {"field": "everyone", "operator": "=", "value": True}
SILENTLY_VIP = Statement("UPDATE guests SET is_vip = true WHERE workspace_id = $1 AND id = $2")
NOTES = Statement("SELECT count(*) FROM segment_notes WHERE workspace_id = $1")
FALSIFY = Statement("UPDATE segment_members SET guest_id = 999999 WHERE workspace_id = $1 AND segment_id = $2")


async def test_what_no_event_told_is_seen_within_a_day(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    segment_id = await published(api, all_of(VIP))
    async with api.begin() as tx:
        await tx.run(SILENTLY_VIP, anna["id"])

    await api.deliver()
    before = await members_of(api, segment_id)
    api.home.clock.advance(days=1)
    await api.deliver()

    assert (before, await members_of(api, segment_id)) == ([], [anna["id"]])


async def test_other_tiers_judge_everybody_anew(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    async with api.begin() as tx:
        await loyalty.add(tx, anna["id"], 60)
    segment_id = await published(api, all_of({"field": "tier", "operator": "=", "value": "gold"}))
    before = await members_of(api, segment_id)

    async with api.begin() as tx:
        await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=50)
    await api.deliver()

    assert (before, await members_of(api, segment_id)) == ([], [anna["id"]])


async def test_a_guest_who_is_erased_leaves(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    ben = await api.new_guest(email="ben@example.com")
    segment_id = await published(api, all_of(EVERYONE))

    async with api.begin() as tx:
        await record.erase(tx, anna["id"], evidence="asked by letter")
    await api.deliver()

    assert await members_of(api, segment_id) == [ben["id"]]
    assert await segments.count(api.reader(), all_of(EVERYONE)) == 1


async def test_without_a_segment_that_has_members_nothing_is_noted(api: Api) -> None:
    async with api.begin() as tx:
        draft = await segments.create(tx, name="Draft", rules=all_of(VIP))
    await api.new_guest(email="anna@example.com")
    silent = await api.reader().value(NOTES)

    async with api.begin() as tx:
        await segments.publish(tx, draft)
    await api.new_guest(email="ben@example.com")

    assert silent == 0
    assert await api.reader().value(NOTES) > 0


async def test_a_writer_that_began_before_a_segment_was_published_is_waited_for(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    async with api.begin() as tx:
        segment_id = await segments.create(tx, name="VIPs", rules=all_of(VIP))
    async with api.begin() as slow:
        # Writes, and looks for segments that have members, before there is one.
        await events.record(slow, loyalty_event(anna["id"]))
        async with api.begin() as tx:
            await segments.publish(tx, segment_id)
        await api.deliver()
        meanwhile = (await segments.get(api.reader(), segment_id)).status
        await slow.run(SILENTLY_VIP, anna["id"])

    await api.deliver()

    assert meanwhile == "processing"
    assert (await segments.get(api.reader(), segment_id)).status == "published"
    assert await members_of(api, segment_id) == [anna["id"]]


def loyalty_event(guest_id: int) -> events.Event:
    return PointsAdded(guest_id=guest_id, points=1, balance=1, transaction_id=1)


async def test_a_check_names_who_is_missing_and_who_is_too_many(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    segment_id = await published(api, all_of(EVERYONE))
    async with api.begin() as tx:
        right = await checking.check(tx, segment_id)
        await tx.run(FALSIFY, segment_id)
        wrong = await checking.check(tx, segment_id)

    assert right.is_none
    assert (wrong.missing, wrong.surplus) == ([anna["id"]], [999999])


async def test_who_is_still_to_be_judged_is_no_difference(api: Api) -> None:
    segment_id = await published(api, all_of(EVERYONE))
    await api.new_guest(email="anna@example.com")

    assert (await checking.check(api.reader(), segment_id)).is_none


async def test_everybody_who_is_in_when_a_segment_is_published_entered_it_then(api: Api) -> None:
    anna = await api.new_guest(email="anna@example.com")
    api.home.clock.jump(NOON + timedelta(hours=1))

    segment_id = await published(api, all_of(EVERYONE))

    by = events.Filter(guest_ids=[anna["id"]], types=["segment.entered"])
    (entered,) = await events.list_newest(api.reader(), by, limit=5, offset=0)
    assert entered.payload == {"guest_id": anna["id"], "segment_id": segment_id}
    assert entered.occurred_at == NOON + timedelta(hours=1)
    assert entered.sequence == 2
