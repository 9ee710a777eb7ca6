"""Any sequence of feeds, through the server and into the database, beside bookings that somebody makes by hand."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hospes.base.errors import Conflict
from hospes.capabilities.calendars import nights, subscriptions
from hospes.capabilities.calendars.channels import BLOCK, STAY
from hospes.capabilities.calendars.difference import ECHO, THIN_POLLS
from hospes.capabilities.calendars.feeds import Entry, Feed
from tests.calendars.polled import BEGIN, Polled, calendar, entry
from tests.calendars.test_difference import feeds

SUMMARIES = {STAY: "Reserved", BLOCK: "Airbnb (Not available)"}


def written(feed: Feed) -> str:
    return calendar(
        *(entry(one.uid, f"{one.arrival}", f"{one.departure}", SUMMARIES[one.kind]) for one in feed.entries)
    )


async def kept(polled: Polled) -> set[date]:
    return {
        night - polled.shift for night in nights.of((one.arrival_on, one.departure_on) for one in await polled.all())
    }


async def settled(polled: Polled) -> None:
    for _ in range(THIN_POLLS):
        await polled.poll()
    polled.home.clock.advance(seconds=ECHO.total_seconds())
    await polled.poll()
    await polled.poll()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    sequence=st.lists(feeds((STAY, BLOCK)), min_size=1, max_size=3),
    direct=st.lists(st.tuples(st.integers(30, 55), st.integers(1, 4)), max_size=2),
)
async def test_any_sequence_of_feeds_ends_in_the_nights_of_the_last(
    polled: Polled, sequence: list[Feed], direct: list[tuple[int, int]]
) -> None:
    for earlier in await subscriptions.list_all(polled.api.reader()):
        async with polled.api.begin() as tx:
            await subscriptions.forget(tx, earlier.id)
    polled.property_id = await polled.new_property()
    polled.shift = polled.home.clock.now().date() - BEGIN
    calendar_id = await polled.subscribe()
    by_hand = []
    for place, feed in enumerate(sequence):
        await polled.poll(written(feed))
        for start, length in direct[place : place + 1]:
            arrival = BEGIN + timedelta(days=start)
            try:
                by_hand.append(await polled.book(f"{arrival}", length))
            except Conflict:
                continue

    await settled(polled)
    ours = nights.of((one.arrival_on - polled.shift, one.departure_on - polled.shift) for one in by_hand)
    said = nights.of(one.span for one in sequence[-1].entries)

    # What cannot move keeps its old nights, and others that want those wait as well; a person is told.
    if is_crossed(sequence[-1].entries, ours):
        assert await polled.fault(calendar_id) != ""
    else:
        assert (await polled.fault(calendar_id), await kept(polled) - ours) == ("", said - ours)
    assert ours <= await kept(polled)
    for one in by_hand:
        await polled.cancel(one.id)
    await settled(polled)

    assert await kept(polled) == said
    assert await polled.fault(calendar_id) == ""


def is_crossed(entries: list[Entry], ours: set[date]) -> bool:
    """Whether a stay cannot be taken over, because somebody else has some of its nights."""
    return any(not ours.isdisjoint(nights.between(*one.span)) for one in entries if one.kind == STAY)
