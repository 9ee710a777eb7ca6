"""Feeds of the four channels, polled from a real server into bookings."""

from tests.calendars.polled import Polled


async def test_an_airbnb_feed_becomes_stays_and_blocks(polled: Polled) -> None:
    calendar = await polled.subscribe()

    await polled.poll("airbnb.ics")

    assert await polled.spans() == [
        ("07-14", "07-18", "confirmed"),
        ("08-01", "08-09", "confirmed"),
        ("08-09", "08-12", "unavailable"),
        ("04-01", "06-21", "unavailable"),
    ]
    stays = await polled.all()
    assert [one.channel_booking_id for one in stays[:2]] == ["HMABCD2345", "HMWXYZ6789"]
    assert {(one.channel, one.guest_id, one.guest_phone, one.calendar_id) for one in stays} == {
        ("airbnb", None, None, calendar)
    }
    assert [len(one.mission_ids) for one in stays] == [1, 1, 0, 0]
    assert (await polled.calendar(calendar)).fault is None
