"""When campaigns start, stand still, go on and end; and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities import campaigns, guests, messaging, segments
from hospes.capabilities.campaigns import launching
from hospes.capabilities.messaging.registrations import Target
from tests.campaigns.planning import broadcast, new_guest, rows, state
from tests.conftest import NOON
from tests.living import ACTOR, Api, Home


async def test_a_campaign_starts_at_its_instant_and_not_before(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    campaign_id = await broadcast(api, anna, at=NOON + timedelta(hours=1))

    home.clock.advance(minutes=59, seconds=59)
    await api.deliver()
    early = await rows(api, campaign_id)
    home.clock.advance(seconds=1)
    await api.deliver()

    assert early == {}
    assert await rows(api, campaign_id) == {anna: "delivered"}
    assert await state(api, campaign_id) == "completed"


async def test_local_time_comes_to_each_guest_when_their_own_clock_shows_it(home: Home, api: Api) -> None:
    tokyo = await new_guest(api, "Aiko", attributes={"time_zone": "Asia/Tokyo"})
    paris = await new_guest(api, "Luc")
    utah = await new_guest(api, "Joe", attributes={"time_zone": "America/Denver"})
    nowhere = await new_guest(api, "Nemo", attributes={"time_zone": "Moon/Base"})
    campaign_id = await broadcast(api, tokyo, paris, utah, nowhere, local_at=datetime(2026, 6, 21, 9, 0))  # noqa: DTZ001 (the clock on the wall)

    arrived: dict[int, datetime] = {}
    for _ in range(40):
        await api.deliver()
        for guest_id, status in (await rows(api, campaign_id)).items():
            if status == "delivered":
                arrived.setdefault(guest_id, home.clock.now())
        home.clock.advance(hours=1)

    assert arrived == {
        tokyo: datetime(2026, 6, 21, 0, 0, tzinfo=UTC),
        paris: datetime(2026, 6, 21, 7, 0, tzinfo=UTC),
        nowhere: datetime(2026, 6, 21, 7, 0, tzinfo=UTC),
        utah: datetime(2026, 6, 21, 15, 0, tzinfo=UTC),
    }


async def test_a_paused_campaign_sends_nothing_that_was_not_taken_and_goes_on_where_it_stood(
    home: Home, api: Api
) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(4)]
    campaign_id = await broadcast(api, *ids)
    await launched(api, campaign_id)
    async with api.begin() as tx:
        await campaigns.pause(tx, campaign_id)

    await api.deliver()
    still = await rows(api, campaign_id)
    async with api.begin() as tx:
        await campaigns.resume(tx, campaign_id)
    await api.deliver()

    assert still == dict.fromkeys(ids, "queued")
    assert await rows(api, campaign_id) == dict.fromkeys(ids, "delivered")
    assert await state(api, campaign_id) == "completed"


async def test_a_cancelled_campaign_excludes_what_was_not_taken(home: Home, api: Api) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(4)]
    campaign_id = await broadcast(api, *ids)
    await launched(api, campaign_id)

    async with api.begin() as tx:
        await campaigns.cancel(tx, campaign_id)
    await api.deliver()

    assert await rows(api, campaign_id) == dict.fromkeys(ids, "cancelled")
    assert await state(api, campaign_id) == "cancelled"
    assert not (await campaigns.get(api.reader(), campaign_id)).is_open


async def test_one_paused_before_its_time_begins_when_it_is_resumed_after_it(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    campaign_id = await broadcast(api, anna, at=NOON + timedelta(hours=1))
    async with api.begin() as tx:
        await campaigns.pause(tx, campaign_id)
    home.clock.advance(hours=2)
    await api.deliver()
    before = await rows(api, campaign_id)

    async with api.begin() as tx:
        await campaigns.resume(tx, campaign_id)
    await api.deliver()

    assert before == {}
    assert await rows(api, campaign_id) == {anna: "delivered"}


async def test_what_is_over_is_neither_paused_nor_resumed_nor_cancelled(home: Home, api: Api) -> None:
    campaign_id = await broadcast(api, await new_guest(api, "Anna"))
    await api.deliver()

    for move in (campaigns.pause, campaigns.resume, campaigns.cancel):
        with pytest.raises(Conflict, match="completed"):
            async with api.begin() as tx:
                await move(tx, campaign_id)


async def test_a_campaign_is_cancelled_once(home: Home, api: Api) -> None:
    campaign_id = await broadcast(api, await new_guest(api, "Anna"), at=NOON + timedelta(hours=1))
    async with api.begin() as tx:
        await campaigns.cancel(tx, campaign_id)

    with pytest.raises(Conflict, match="cancelled"):
        async with api.begin() as tx:
            await campaigns.cancel(tx, campaign_id)


async def test_a_campaign_of_another_workspace_is_not_found(home: Home, api: Api) -> None:
    campaign_id = await broadcast(api, await new_guest(api, "Anna"))
    other = await home.new_api()

    for move in (campaigns.pause, campaigns.cancel, campaigns.get):
        with pytest.raises(NotFound):
            async with other.begin() as tx:
                await move(tx, campaign_id)


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"at": NOON - timedelta(seconds=1)}, "scheduled_at"),
        ({"at": NOON + timedelta(days=400)}, "scheduled_at"),
        ({"local_at": datetime(2026, 6, 20, 11, 0)}, "local_at"),  # noqa: DTZ001
        ({"content": campaigns.Content(subject="Only a subject")}, "html"),
        ({"content": campaigns.Content(html="<p>No subject</p>")}, "subject"),
        ({"channel": "sms", "content": campaigns.Content(subject="For email", html="<p>x</p>")}, "text"),
        ({"channel": "push", "platform": "web", "content": campaigns.Content(title="x", text="y")}, "url"),
        ({"channel": "fax"}, "channel"),
        ({"platform": "ios"}, "platform"),
        ({"content": campaigns.Content(subject="{% if %}", html="<p>x</p>")}, "subject"),
        ({"content": campaigns.Content(subject="x", html="{{ a | nothing }}", title="x")}, "title"),
        ({"audience": campaigns.audiences.named([])}, "guest_ids"),
        ({"audience": campaigns.audiences.named([999_999_999])}, "guest_ids"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_with_its_field(api: Api, plan: dict[str, object], field: str) -> None:
    anna = await new_guest(api, "Anna")

    with pytest.raises(Invalid) as refused:
        await broadcast(api, anna, **plan)

    assert refused.value.field == field
    assert await campaigns.list_after(api.reader(), None, limit=10) == []


async def test_everybody_of_a_channel_is_everybody_with_an_address_for_it(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna")
    ben = await new_guest(api, "Ben", email="", phone="+33612345678")
    async with api.begin() as tx:
        plan = campaigns.Plan(
            channel="sms", content=campaigns.Content(text="Hi @{first_name}@"), audience=campaigns.EVERYONE
        )
        by_sms = await campaigns.broadcast(tx, plan)
    by_email = await broadcast(api, audience=campaigns.EVERYONE)
    await api.deliver()

    assert set(await rows(api, by_email)) == {anna}
    assert set(await rows(api, by_sms)) == {ben}


async def test_an_audience_of_nobody_is_over_at_once(home: Home, api: Api) -> None:
    campaign_id = await broadcast(api, audience=campaigns.EVERYONE)

    await api.deliver()

    assert await rows(api, campaign_id) == {}
    assert await state(api, campaign_id) == "completed"


async def test_a_launch_that_was_interrupted_goes_on_and_writes_each_guest_once(home: Home, api: Api) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(7)]
    campaign_id = await broadcast(api, *ids)

    await launched(api, campaign_id, steps=3, most=2)  # started, and two batches of two
    halfway = await rows(api, campaign_id)
    with pytest.raises(RuntimeError):  # noqa: PT012 (the transaction is what is broken off)
        async with api.begin() as tx:
            await launching.step(tx, campaign_id, most=2)
            raise RuntimeError("killed before it commits")
    await launched(api, campaign_id, most=2)
    await api.deliver()

    assert len(halfway) == 4
    assert await rows(api, campaign_id) == dict.fromkeys(ids, "delivered")


async def test_two_workers_at_one_launch_write_each_guest_once(home: Home, api: Api) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(5)]
    campaign_id = await broadcast(api, *ids)

    async with api.begin() as one:
        await launching.step(one, campaign_id, most=2)
        await launching.step(one, campaign_id, most=2)
        async with api.begin() as other:
            is_left = await launching.step(other, campaign_id, most=2)
    await launched(api, campaign_id, most=2)

    assert is_left is False
    assert await rows(api, campaign_id) == dict.fromkeys(ids, "queued")


async def test_a_guest_who_became_another_after_the_launch_gets_one_message(home: Home, api: Api) -> None:
    anna, twin = await new_guest(api, "Anna"), await new_guest(api, "Anna B", email="annab@example.com")
    campaign_id = await broadcast(api, anna, twin)
    await launched(api, campaign_id)
    async with api.begin() as tx:
        await guests.merge(tx, anna, twin, evidence="test")

    await api.deliver()

    assert await rows(api, campaign_id) == {anna: "delivered", twin: "duplicate"}


async def launched(api: Api, campaign_id: int, *, steps: int = 100, most: int = 1000) -> None:
    """Let the launch go so many steps; nothing is sent."""
    for _ in range(steps):
        database, now = api.home.server.database, api.home.clock.now()
        async with database.begin(api.workspace_id, now=now, actor=ACTOR) as tx:
            if not await launching.step(tx, campaign_id, most=most):
                return


async def segment_of_vips(api: Api, *, is_published: bool = True) -> int:
    rules = {"version": 1, "combinator": "and", "rules": [{"field": "guest.vip", "operator": "=", "value": True}]}
    async with api.begin() as tx:
        segment_id = await segments.create(tx, name="VIPs", rules=rules)
        if is_published:
            await segments.publish(tx, segment_id)
    await api.deliver()
    return segment_id


async def test_a_segment_is_whoever_is_in_it_when_the_campaign_starts(home: Home, api: Api) -> None:
    anna, ben = await new_guest(api, "Anna", is_vip=True), await new_guest(api, "Ben")
    segment_id = await segment_of_vips(api)
    audience = campaigns.audiences.segment(segment_id)
    campaign_id = await broadcast(api, audience=audience, at=NOON + timedelta(hours=1))

    async with api.begin() as tx:
        await guests.update(tx, ben, guests.Changes(is_vip=True), evidence="test")
        await guests.update(tx, anna, guests.Changes(is_vip=False), evidence="test")
    await api.deliver()
    home.clock.advance(hours=1)
    await api.deliver()

    assert await rows(api, campaign_id) == {ben: "delivered"}


async def test_a_segment_that_nobody_is_in_gives_a_campaign_that_is_over(home: Home, api: Api) -> None:
    audience = campaigns.audiences.segment(await segment_of_vips(api))
    campaign_id = await broadcast(api, audience=audience)
    plan = campaigns.Plan(channel="email", content=campaigns.Content(), audience=audience)

    counted = await campaigns.count(api.reader(), plan)
    await api.deliver()

    assert counted == 0
    assert (await rows(api, campaign_id), await state(api, campaign_id)) == ({}, "completed")


async def test_a_segment_that_is_not_there_or_not_published_is_refused(home: Home, api: Api) -> None:
    draft = await segment_of_vips(api, is_published=False)

    for segment_id in (draft, 999_999_999):
        with pytest.raises(Invalid) as refused:
            await broadcast(api, audience=campaigns.audiences.segment(segment_id))
        assert refused.value.field == "segment_id"


async def test_a_campaign_whose_segment_is_gone_when_it_starts_has_failed(home: Home, api: Api) -> None:
    segment_id = await segment_of_vips(api)
    campaign_id = await broadcast(api, audience=campaigns.audiences.segment(segment_id), at=NOON + timedelta(hours=1))
    async with api.begin() as tx:
        await segments.delete(tx, segment_id)

    home.clock.advance(hours=1)
    await api.deliver()

    campaign = await campaigns.get(api.reader(), campaign_id)
    assert (campaign.state, campaign.error, campaign.is_open) == ("failed", "There is no such segment.", False)


async def test_a_list_is_whoever_is_on_it_and_a_merged_guest_once(home: Home, api: Api) -> None:
    anna, twin = await new_guest(api, "Anna"), await new_guest(api, "Anna B", email="annab@example.com")
    ben = await new_guest(api, "Ben")
    async with api.begin() as tx:
        list_id = await segments.lists.create(tx, name="Regulars")
        await segments.lists.add(tx, list_id, [anna, twin])
        await guests.merge(tx, anna, twin, evidence="test")
    campaign_id = await broadcast(api, audience=campaigns.audiences.of_list(list_id))

    await api.deliver()

    assert ben not in await rows(api, campaign_id)
    assert await rows(api, campaign_id) == {anna: "delivered"}


async def test_a_list_that_is_not_there_is_refused(api: Api) -> None:
    with pytest.raises(Invalid) as refused:
        await broadcast(api, audience=campaigns.audiences.of_list(999_999_999))

    assert refused.value.field == "list_id"


async def devices_of(home: Home, api: Api, guest_id: int, *platforms: str) -> list[int]:
    """Registrations of a guest, one for each of these platforms."""
    async with api.begin() as tx:
        return [
            await messaging.registrations.register(
                tx, home.server.vault, guest_id, Target(platform=platform, address=f"{guest_id:064x}{place}" * 2)
            )
            for place, platform in enumerate(platforms)
        ]


async def test_a_push_goes_to_every_device_of_its_platform_that_the_guest_has(home: Home, api: Api) -> None:
    anna, ben = await new_guest(api, "Anna"), await new_guest(api, "Ben")
    devices = await devices_of(home, api, anna, "android", "android", "ios")
    said = campaigns.Content(title="Hi @{first_name}@", text="News", url="https://cafe.example")
    plan: dict[str, Any] = {"channel": "push", "platform": "android", "content": said}
    rehearsed = await campaigns.rehearse(
        api.reader(), campaigns.Plan(audience=campaigns.audiences.named([anna, ben]), **plan)
    )
    campaign_id = await broadcast(api, anna, ben, **plan)
    to_all = await broadcast(api, audience=campaigns.EVERYONE, **plan)

    await api.deliver()

    found = await campaigns.reports.rows(api.reader(), campaign_id, "targeted", limit=10)
    reached = [(row.guest_id, row.recipient, row.cause or row.status) for row in found]
    assert reached == [
        (anna, devices[0], "delivered"),
        (anna, devices[1], "delivered"),
        (ben, 0, "no_address"),
    ]
    assert (rehearsed.sent, rehearsed.excluded) == (2, {"no_address": 1})
    assert set(await rows(api, to_all)) == {anna}


async def test_a_push_to_one_guest_goes_to_the_device_that_is_named(home: Home, api: Api) -> None:
    anna, ben = await new_guest(api, "Anna"), await new_guest(api, "Ben")
    _, second = await devices_of(home, api, anna, "ios", "ios")
    said = campaigns.Content(title="Hi", text="News")

    async with api.begin() as tx:
        every = await campaigns.send_one(tx, anna, "push", said, platform="ios")
        one = await campaigns.send_one(tx, anna, "push", said, platform="ios", registration_id=second)
        other = await campaigns.send_one(tx, anna, "push", said, platform="android")
        none = await campaigns.send_one(tx, ben, "push", said, platform="ios")
    await api.deliver()

    assert [sending.recipients for sending in (every, one, other, none)] == [2, 1, 0, 0]
    found = await campaigns.reports.rows(api.reader(), one.campaign_id, "delivered", limit=10)
    assert [row.recipient for row in found] == [second]
