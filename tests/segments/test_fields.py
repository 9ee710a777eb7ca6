"""Fields that the model does not reach: campaigns, and what is counted where guests were merged."""

from datetime import timedelta
from typing import Any

from hospes.capabilities import events, guests, segments
from hospes.capabilities.messaging.happenings import MessageClicked, MessageOpened, MessageSent
from hospes.capabilities.segments import checking
from tests.living import Api
from tests.segments.world import all_of, members_of, published


def of(field: str, operator: str, value: int, **more: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value, **more}


async def test_campaigns_received_opened_and_clicked_are_followed(api: Api) -> None:
    anna = (await api.new_guest(email="anna@example.com"))["id"]
    ben = (await api.new_guest(email="ben@example.com"))["id"]
    of_seven = {"where": [{"field": "campaign_id", "operator": "=", "value": 7}], "within": {"days": 5}}
    received = await published(api, all_of(of("campaign.received", ">=", 1, **of_seven)))
    silent = await published(api, all_of(of("campaign.received", ">=", 1), of("campaign.opened", "=", 0)))
    clicked = await published(api, all_of(of("campaign.clicked", ">=", 1)))

    async with api.begin() as tx:
        for guest_id in (anna, ben):
            await events.record(tx, MessageSent(guest_id=guest_id, request_id=1, channel="email", campaign_id=7))
        await events.record(tx, MessageOpened(guest_id=anna, request_id=1, channel="email", campaign_id=7))
        # Of a message that no campaign sent.
        await events.record(tx, MessageOpened(guest_id=ben, request_id=2, channel="email"))
        await events.record(tx, MessageClicked(guest_id=anna, request_id=1, channel="email", url="/", campaign_id=8))
    await api.deliver()
    first = [await members_of(api, one) for one in (received, silent, clicked)]
    api.home.clock.advance(days=5)
    await api.deliver()

    assert first == [[anna, ben], [ben], [anna]]
    assert await members_of(api, received) == []
    async with api.begin() as tx:
        assert all([(await checking.check(tx, one)).is_none for one in (received, silent, clicked)])


async def test_what_two_did_counts_together_once_they_are_one(api: Api) -> None:
    ids = [(await api.new_guest(email=f"g{number}@example.com"))["id"] for number in range(3)]
    thrice = all_of(of("activity", ">=", 3, name="note.added", within={"days": 30}))
    segment_id = await published(api, thrice)
    for guest_id in ids:
        await api.post(f"/crm/guests/{guest_id}/notes", {"text": "Likes tea"})
    await api.deliver()
    apart = await members_of(api, segment_id)

    async with api.begin() as tx:
        await guests.merge(tx, ids[1], ids[0], evidence="test")
        await guests.merge(tx, ids[2], ids[1], evidence="test")
    await api.deliver()

    told = await segments.explain(api.reader(), segment_id, ids[0])
    assert (apart, await members_of(api, segment_id)) == ([], [ids[2]])
    assert (told.guest_id, told.is_in) == (ids[2], True)
    assert told.changes_at == api.home.clock.now() + timedelta(days=30)
    assert await segments.count(api.reader(), thrice) == 1
