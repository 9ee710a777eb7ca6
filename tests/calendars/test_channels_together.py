"""Several calendars of one property, and our own that they poll: echoes, loops and who gives way."""

from hospes.capabilities.calendars import leaving, publishing
from tests.calendars.polled import Polled, calendar, entry
from tests.living import Receiver

CLOSED = "Airbnb (Not available)"


async def two(polled: Polled, first: str, second: str, receiver: Receiver) -> tuple[int, int]:
    """Two calendars; the second is polled from a server of its own."""
    return await polled.subscribe(first), await polled.subscribe(second, url=receiver.url)


async def test_a_booking_of_ours_that_a_channel_tells_back_is_no_conflict(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    direct = await polled.book("2026-07-15", 2)

    await polled.poll(calendar(entry("x", "2026-07-15", "2026-07-17", CLOSED)))

    assert await polled.spans() == [("07-15", "07-17", "confirmed")]
    assert await polled.fault(calendar_id) == ""
    await polled.cancel(direct.id)
    await polled.poll()
    # The channel has not asked us again yet: its echo must not close these nights for ever.
    assert await polled.spans() == []


async def test_an_echo_that_lasts_for_two_days_is_a_block_of_its_own(polled: Polled) -> None:
    await polled.subscribe()
    direct = await polled.book("2026-07-15", 2)
    await polled.poll(calendar(entry("x", "2026-07-15", "2026-07-17", CLOSED)))
    await polled.cancel(direct.id)
    await polled.poll()

    polled.home.clock.advance(hours=47)
    await polled.poll()

    assert await polled.spans() == [("07-15", "07-17", "unavailable")]


async def test_a_block_takes_the_nights_around_what_others_hold(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.book("2026-07-15", 2)

    await polled.poll(calendar(entry("x", "2026-07-10", "2026-07-20", CLOSED)))

    assert await polled.spans() == [
        ("07-10", "07-15", "unavailable"),
        ("07-15", "07-17", "confirmed"),
        ("07-17", "07-20", "unavailable"),
    ]
    assert await polled.fault(calendar_id) == ""


async def test_a_closed_stay_that_is_another_booking_here_is_an_echo(polled: Polled) -> None:
    calendar_id = await polled.subscribe("booking")
    await polled.book("2026-07-15", 2)

    await polled.poll(calendar(entry("x", "2026-07-15", "2026-07-17", "CLOSED - Not available")))

    assert await polled.spans() == [("07-15", "07-17", "confirmed")]
    assert await polled.fault(calendar_id) == ""


async def test_a_closed_stay_that_crosses_another_booking_is_blocked_as_far_as_it_goes_and_said(polled: Polled) -> None:
    calendar_id = await polled.subscribe("booking")
    await polled.book("2026-07-15", 4)

    await polled.poll(calendar(entry("x", "2026-07-13", "2026-07-17", "CLOSED - Not available")))

    assert await polled.spans() == [("07-13", "07-15", "unavailable"), ("07-15", "07-19", "confirmed")]
    assert "closed 2026-07-13 to 2026-07-17" in await polled.fault(calendar_id)


async def test_a_stay_that_was_cancelled_and_is_told_back_does_not_block_its_nights(polled: Polled) -> None:
    await polled.subscribe()
    other = entry("b", "2026-08-01", "2026-08-03")
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18"), other))

    await polled.poll(calendar(entry("x", "2026-07-14", "2026-07-18", CLOSED), other))

    assert await polled.spans() == [("08-01", "08-03", "confirmed")]


async def test_a_stay_of_one_channel_takes_the_place_of_its_echo_in_another(polled: Polled, receiver: Receiver) -> None:
    """Both are connected one after the other, and knew of each other before."""
    async with Receiver() as vrbo:
        airbnb, other = await two(polled, "airbnb", "vrbo", vrbo)
        polled.says(calendar(entry("x", "2026-07-10", "2026-07-20", CLOSED)))
        vrbo.answers(200, body=polled.moved(calendar().encode(), polled.shift))
        await polled.poll()
        assert await polled.spans() == [("07-10", "07-20", "unavailable")]

        told = calendar(entry("a", "2026-07-12", "2026-07-15", "Reserved - Ana"))
        vrbo.answers(200, body=polled.moved(told.encode(), polled.shift))
        await polled.poll()

        assert await polled.spans() == [
            ("07-10", "07-12", "unavailable"),
            ("07-12", "07-15", "confirmed"),
            ("07-15", "07-20", "unavailable"),
        ]
        assert (await polled.fault(airbnb), await polled.fault(other)) == ("", "")
        await polled.poll()
        assert len(await polled.spans()) == 3


async def test_a_closure_that_was_taken_for_a_stay_gives_way_to_the_stay_it_mirrors(polled: Polled) -> None:
    async with Receiver() as booking:
        airbnb, other = await two(polled, "airbnb", "booking", booking)
        polled.says(calendar())
        closed = calendar(entry("x", "2026-07-12", "2026-07-15", "CLOSED - Not available"))
        booking.answers(200, body=polled.moved(closed.encode(), polled.shift))
        await polled.poll()
        assert [one.channel for one in await polled.all()] == ["booking"]

        await polled.poll(calendar(entry("a", "2026-07-12", "2026-07-15")))
        await polled.poll()

        assert [(one.channel, one.status) for one in await polled.all()] == [("airbnb", "confirmed")]
        assert (await polled.fault(airbnb), await polled.fault(other)) == ("", "")


async def test_two_stays_of_two_channels_for_the_same_nights_are_a_conflict(polled: Polled) -> None:
    async with Receiver() as vrbo:
        _, other = await two(polled, "airbnb", "vrbo", vrbo)
        polled.says(calendar(entry("a", "2026-07-12", "2026-07-15")))
        vrbo.answers(200, body=polled.moved(calendar().encode(), polled.shift))
        await polled.poll()

        told = calendar(entry("b", "2026-07-14", "2026-07-16", "Reserved - Ana"))
        vrbo.answers(200, body=polled.moved(told.encode(), polled.shift))
        await polled.poll()

        assert await polled.spans() == [("07-12", "07-15", "confirmed")]
        assert "2026-07-14 to 2026-07-16" in await polled.fault(other)


async def test_our_own_calendar_polled_back_makes_nothing(polled: Polled) -> None:
    await polled.book("2026-07-15", 2)
    reader, vault = polled.api.reader(), polled.home.server.vault
    from hospes.capabilities import properties

    unit = await properties.get(reader, polled.property_id)
    published = await publishing.publish(reader, vault, unit)
    calendar_id = await polled.subscribe("other")

    polled.receiver.answers(200, body=published.body)
    await polled.poll()

    assert await polled.spans() == [("07-15", "07-17", "confirmed")]
    assert await polled.fault(calendar_id) == ""


async def test_a_calendar_that_is_removed_takes_its_blocks_along_and_leaves_its_stays(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll("airbnb.ics")

    async with polled.api.begin() as tx:
        counts = await leaving.remove(tx, calendar_id)

    assert counts == (2, 0)
    assert {status for *_, status in await polled.spans()} == {"confirmed"}


async def test_a_calendar_that_was_added_by_mistake_takes_its_stays_along(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll("airbnb.ics")

    async with polled.api.begin() as tx:
        counts = await leaving.remove(tx, calendar_id, cancels_stays=True)

    assert (counts, await polled.spans()) == ((2, 2), [])
