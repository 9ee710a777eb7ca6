"""Who was erased is on no list, in no segment, and is sent nothing that waited (cases P7, P8)."""

import pytest

from hospes.capabilities import campaigns, record, segments
from hospes.capabilities.campaigns import reports
from tests.campaigns.planning import broadcast, new_guest, rows, state
from tests.campaigns.test_life import launched, segment_of_vips
from tests.living import Api


async def erase(api: Api, guest_id: int) -> None:
    async with api.begin() as tx:
        await record.erase(tx, guest_id, evidence="test")


async def test_the_guest_is_on_no_list_and_in_no_segment(api: Api) -> None:
    anna, ben = await new_guest(api, "Anna", is_vip=True), await new_guest(api, "Ben", is_vip=True)
    segment_id = await segment_of_vips(api)
    async with api.begin() as tx:
        list_id = await segments.lists.create(tx, name="Friends")
        await segments.lists.add(tx, list_id, [anna, ben])
    await api.deliver()

    await erase(api, anna)
    at_once = [member.guest_id for member in await segments.members(api.reader(), segment_id, None, limit=10)]
    await api.deliver()
    later = [member.guest_id for member in await segments.members(api.reader(), segment_id, None, limit=10)]

    assert await segments.lists.members(api.reader(), list_id, None, limit=10) == [ben]
    assert (at_once, later) == ([ben], [ben])


@pytest.mark.parametrize("is_launched", [True, False])
async def test_a_message_that_waits_is_not_sent_and_the_report_still_adds_up(api: Api, is_launched: bool) -> None:
    """P8: whether its row was written before the erasure, or after it."""
    anna, ben = await new_guest(api, "Anna"), await new_guest(api, "Ben")
    campaign_id = await broadcast(api, anna, ben)
    if is_launched:
        await launched(api, campaign_id)

    await erase(api, anna)
    await api.deliver()

    cause = "erased" if is_launched else "no_address"
    assert await rows(api, campaign_id) == {anna: cause, ben: "delivered"}
    assert await state(api, campaign_id) == "completed"
    assert len(await reports.rows(api.reader(), campaign_id, f"excluded.{cause}", after=None, limit=10)) == 1


async def test_a_campaign_that_waits_for_the_guest_alone_is_over(api: Api) -> None:
    anna = await new_guest(api, "Anna")
    campaign_id = await broadcast(api, anna)
    await launched(api, campaign_id)

    await erase(api, anna)

    assert (await campaigns.get(api.reader(), campaign_id)).state == "completed"
