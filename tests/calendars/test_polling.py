"""Feeds of the four channels, polled from a real server into bookings."""

from hospes.capabilities import bookings
from hospes.capabilities.calendars import leaving, subscriptions
from tests.calendars.polled import Polled, calendar, entry


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


async def test_booking_com_closures_are_stays_unless_they_are_longer_than_anybody_stays(polled: Polled) -> None:
    await polled.subscribe("booking")

    await polled.poll("booking.ics")

    assert await polled.spans() == [
        ("07-03", "07-07", "confirmed"),
        ("07-20", "07-22", "confirmed"),
        ("11-01", "03-01", "unavailable"),
    ]


async def test_booking_com_closures_are_blocks_where_the_host_says_so(polled: Polled) -> None:
    await polled.subscribe("booking", closed_is="block")

    await polled.poll("booking.ics")

    assert {status for *_, status in await polled.spans()} == {"unavailable"}


async def test_closures_are_nothing_where_the_host_says_so(polled: Polled) -> None:
    calendar_id = await polled.subscribe(closed_is="nothing")

    await polled.poll("airbnb.ics")

    assert await polled.spans() == [("07-14", "07-18", "confirmed"), ("08-01", "08-09", "confirmed")]
    assert await polled.fault(calendar_id) == ""


async def test_a_vrbo_feed_names_its_guests(polled: Polled) -> None:
    await polled.subscribe("vrbo")

    await polled.poll("vrbo.ics")

    stay, block = await polled.all()
    assert (stay.guest_name, stay.guest_email, stay.status) == ("Ana", None, "confirmed")
    assert (block.guest_name, block.status) == (None, "unavailable")


async def test_an_expedia_feed_with_times_is_read_by_the_clock_at_the_property(polled: Polled) -> None:
    await polled.subscribe("expedia")

    await polled.poll("expedia.ics")

    # 23:30 UTC on 14 August is past midnight in Paris: the 15th.
    assert await polled.spans() == [
        ("07-25", "07-28", "confirmed"),
        ("08-15", "08-16", "confirmed"),
        ("09-10", "09-12", "unavailable"),
    ]


async def test_the_channel_follows_from_the_host_and_webcal_is_https(polled: Polled) -> None:
    await polled.subscribe(url="webcal://www.airbnb.de/calendar/ical/1.ics?s=x", channel=None)
    await polled.subscribe(url="https://ical.booking.com/v1/export?t=x", channel=None)
    await polled.subscribe(url="https://calendar.example.com/a.ics", channel=None)

    found = await subscriptions.list_all(polled.api.reader())

    assert [one.channel for one in found] == ["airbnb", "booking", "other"]


async def test_new_dates_move_the_booking_and_its_cleaning(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18")))
    (before,) = await polled.all()

    await polled.poll(calendar(entry("a", "2026-07-15", "2026-07-20")))

    (after,) = await polled.all()
    assert (after.id, await polled.spans()) == (before.id, [("07-15", "07-20", "confirmed")])
    assert after.mission_ids == before.mission_ids
    assert await polled.happened("booking.created") == 1
    assert await polled.happened("booking.updated") == 1


async def test_two_stays_that_swap_their_nights_are_moved(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18"), entry("b", "2026-07-18", "2026-07-20")))
    first, second = await polled.all()

    await polled.poll(calendar(entry("b", "2026-07-14", "2026-07-16"), entry("a", "2026-07-16", "2026-07-20")))

    assert [one.id for one in await polled.all()] == [second.id, first.id]
    assert await polled.fault(calendar_id) == ""


async def test_a_stay_that_is_gone_is_cancelled_and_comes_back_as_itself(polled: Polled) -> None:
    await polled.subscribe()
    both = calendar(entry("a", "2026-07-14", "2026-07-18"), entry("b", "2026-08-01", "2026-08-03"))
    await polled.poll(both)
    first, second = await polled.all()

    await polled.poll(calendar(entry("b", "2026-08-01", "2026-08-03")))
    gone = await bookings.get(polled.api.reader(), first.id)
    await polled.poll(both)

    assert gone.status == "cancelled"
    assert await polled.happened("booking.cancelled") == 1
    assert [one.id for one in await polled.all()] == [first.id, second.id]


async def test_new_uids_for_the_same_stays_change_nothing(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18"), entry("b", "2026-08-01", "2026-08-03")))
    before = await polled.all()

    await polled.poll(calendar(entry("x", "2026-07-14", "2026-07-18"), entry("y", "2026-08-01", "2026-08-03")))
    await polled.poll(calendar(entry("x", "2026-07-14", "2026-07-18"), entry("y", "2026-08-02", "2026-08-03")))

    assert [one.id for one in await polled.all()] == [one.id for one in before]
    assert await polled.happened("booking.updated") == 1


async def test_a_reservation_is_known_by_its_code_when_uid_and_dates_are_new(polled: Polled) -> None:
    await polled.subscribe()
    told = "DESCRIPTION:Reservation URL: https://www.airbnb.com/hosting/reservations/details/HMABCD2345"
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18", "Reserved", told)))
    (before,) = await polled.all()

    await polled.poll(calendar(entry("z", "2026-07-20", "2026-07-23", "Reserved", told)))

    (after,) = await polled.all()
    assert (after.id, await polled.spans()) == (before.id, [("07-20", "07-23", "confirmed")])
    assert await polled.happened("booking.cancelled") == 0


async def test_blocks_that_roll_on_each_day_are_one_block_that_moves(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(entry("w1", "2027-03-01", "2027-06-20", "Airbnb (Not available)")))
    (before,) = await polled.all()

    await polled.poll(calendar(entry("w2", "2027-03-02", "2027-06-21", "Airbnb (Not available)")))

    (after,) = await polled.all()
    assert (after.id, await polled.spans()) == (before.id, [("03-02", "06-21", "unavailable")])
    assert after.mission_ids == []


async def test_a_stay_behind_us_is_not_cancelled_when_the_feed_drops_it(polled: Polled) -> None:
    await polled.subscribe()
    later = entry("b", "2026-08-01", "2026-08-03")
    await polled.poll(calendar(entry("a", "2026-06-21", "2026-06-24"), later, entry("c", "2026-06-27", "2026-06-30")))
    polled.home.clock.advance(days=8)
    await polled.poll(calendar(later))

    # One has ended, the other has begun.
    assert [one.status for one in await polled.all()] == ["confirmed"] * 3


async def test_a_feed_that_begins_today_does_not_shorten_who_is_there(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(entry("b", "2026-06-18", "2026-06-26")))
    (before,) = await polled.all()

    await polled.poll(calendar(entry("b", "2026-06-20", "2026-06-26")))

    assert await polled.all() == [before]


async def test_what_overlaps_a_direct_booking_is_said_and_tried_again(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    direct = await polled.book("2026-07-15", 2)
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18"), entry("b", "2026-08-01", "2026-08-03")))

    assert await polled.spans() == [("07-15", "07-17", "confirmed"), ("08-01", "08-03", "confirmed")]
    assert "2026-07-14 to 2026-07-18 cannot be taken over" in await polled.fault(calendar_id)

    await polled.cancel(direct.id)
    await polled.poll()

    assert await polled.spans() == [("07-14", "07-18", "confirmed"), ("08-01", "08-03", "confirmed")]
    assert await polled.fault(calendar_id) == ""


async def test_a_booking_that_cannot_move_stays_where_it_was(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18")))
    await polled.book("2026-07-20", 2)

    await polled.poll(calendar(entry("a", "2026-07-16", "2026-07-21")))

    assert await polled.spans() == [("07-14", "07-18", "confirmed"), ("07-20", "07-22", "confirmed")]
    assert "2026-07-16 to 2026-07-21" in await polled.fault(calendar_id)


async def test_entries_that_overlap_inside_one_feed_are_said(polled: Polled) -> None:
    calendar_id = await polled.subscribe()

    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18"), entry("b", "2026-07-16", "2026-07-20")))

    assert await polled.spans() == [("07-14", "07-18", "confirmed")]
    assert "2026-07-16 to 2026-07-20" in await polled.fault(calendar_id)


async def test_one_uid_twice_counts_once_or_is_two_stays(polled: Polled) -> None:
    await polled.subscribe()

    await polled.poll(
        calendar(
            entry("a", "2026-07-14", "2026-07-18"),
            entry("a", "2026-07-14", "2026-07-18"),
            entry("b", "2026-08-01", "2026-08-05"),
            entry("b", "2026-08-02", "2026-08-06"),
            entry("c", "2026-09-01", "2026-09-03"),
            entry("c", "2026-09-10", "2026-09-12"),
        )
    )

    assert [span[:2] for span in await polled.spans()] == [
        ("07-14", "07-18"),
        ("08-02", "08-06"),
        ("09-01", "09-03"),
        ("09-10", "09-12"),
    ]


async def test_a_calendar_that_is_removed_and_added_again_takes_its_bookings_up(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll("airbnb.ics")
    before = [one.id for one in await polled.all() if one.status == "confirmed"]
    async with polled.api.begin() as tx:
        await leaving.remove(tx, calendar_id)

    again = await polled.subscribe()
    await polled.poll("airbnb.ics")

    assert [one.id for one in await polled.all() if one.status == "confirmed"] == before
    assert await polled.fault(again) == ""
