"""The difference between what a feed said and says: any sequence of feeds ends in the nights of the last good one."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hospes.capabilities.calendars import difference, nights
from hospes.capabilities.calendars.channels import BLOCK, CLOSED, STAY
from hospes.capabilities.calendars.difference import THIN_POLLS, Here, Known
from hospes.capabilities.calendars.feeds import Entry, Feed

TODAY = date(2026, 6, 20)
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
FIRST = TODAY + timedelta(days=30)
DAY = timedelta(days=1)


@st.composite
def feeds(draw: st.DrawFn, kinds: tuple[str, ...] = (STAY, CLOSED, BLOCK)) -> Feed:
    """Entries one after the other, some side by side; UIDs come again, for other entries too."""
    entries, at = [], FIRST
    for _ in range(draw(st.integers(0, 7))):
        at += draw(st.integers(0, 4)) * DAY
        departure = at + draw(st.integers(1, 6)) * DAY
        uid = draw(st.sampled_from("abcdefghij"))
        code = draw(st.sampled_from([None, None, "HM1", "HM2"]))
        if all(one.uid != uid for one in entries) and (code is None or all(one.code != code for one in entries)):
            entries.append(Entry(uid, at, departure, draw(st.sampled_from(kinds)), code=code))
        at = departure
    return Feed(entries)


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=3).map(
    lambda found: [(FIRST + start * DAY, FIRST + (start + length) * DAY) for start, length in found]
)


def polled(here: Here, feed: Feed, now: datetime, today: date = TODAY) -> tuple[Here, difference.Plan]:
    """What is here after the feed was followed, if nothing stands in the way."""
    plan = difference.plan(here, feed, closed_is=STAY, today=today, now=now)
    gone = {one.uid for one in (*plan.cancel, *plan.forget)}
    kept = {move.known.uid: move.entry for move in plan.keep}
    stays = [
        Known(entry.uid, known.booking_id, *entry.span, entry.status, code=known.code)
        if (entry := kept.get(known.uid))
        else known
        for known in here.stays
        if known.uid not in gone
    ]
    number = max((one.booking_id for one in here.stays), default=0)
    stays += [
        Known(one.uid, number + place, *one.span, one.status, code=one.code)
        for place, one in enumerate(plan.create, start=1)
    ]
    thin_polls = here.thin_polls + 1 if plan.is_thin else 0
    return Here(stays, plan.blocked, here.others, plan.echoes, thin_polls), plan


def settled(here: Here, feed: Feed, now: datetime) -> tuple[Here, difference.Plan]:
    """The feed stays as it is for as long as anything is waited for."""
    for _ in range(THIN_POLLS + 1):
        now += timedelta(hours=1)
        here, _ = polled(here, feed, now)
    now += difference.ECHO + timedelta(hours=1)
    here, _ = polled(here, feed, now)
    return polled(here, feed, now)


def kept(here: Here) -> set[date]:
    return nights.of(one.span for one in here.stays) | set(here.blocked)


@given(st.lists(feeds(), min_size=1, max_size=6))
def test_any_sequence_of_feeds_ends_in_the_nights_that_the_last_one_says(sequence: list[Feed]) -> None:
    here, now = Here(), NOW
    for feed in sequence:
        now += timedelta(minutes=15)
        here, _ = polled(here, feed, now)

    here, last = settled(here, sequence[-1], now)

    assert kept(here) == nights.of(one.span for one in sequence[-1].entries)
    assert (last.cancel, last.forget, last.moves, last.create) == ([], [], [], [])
    assert sorted(one.span for one in here.stays) == sorted(
        one.span for one in sequence[-1].entries if one.kind != BLOCK
    )


@given(st.lists(feeds((BLOCK,)), min_size=1, max_size=4), spans)
def test_nights_of_others_are_never_taken_and_the_rest_is(
    sequence: list[Feed], others: list[tuple[date, date]]
) -> None:
    here, now = Here(others=others), NOW
    for feed in sequence:
        now += timedelta(minutes=15)
        here, _ = polled(here, feed, now)

    here, _ = settled(here, sequence[-1], now)

    said = nights.of(one.span for one in sequence[-1].entries)
    assert kept(here) == said - nights.of(others)


@given(feeds((BLOCK, CLOSED)), spans)
def test_a_closure_that_touches_another_booking_is_no_stay(feed: Feed, others: list[tuple[date, date]]) -> None:
    here, plan = polled(Here(others=others), feed, NOW)

    assert all(nights.of([one.span]).isdisjoint(nights.of(others)) for one in plan.create)
    assert kept(here) == nights.of(one.span for one in feed.entries) - nights.of(others)


@given(feeds(), feeds())
def test_no_stay_is_cancelled_at_once_by_a_feed_that_lost_more_than_half(before: Feed, after: Feed) -> None:
    here, _ = polled(Here(), before, NOW)

    _, plan = polled(here, after, NOW)

    if len(plan.cancel) * 2 > len(here.stays):
        raise AssertionError(plan)
    if not after.entries:
        assert plan.cancel == []
        assert plan.blocked >= here.blocked


@given(feeds(), st.lists(feeds(), max_size=THIN_POLLS - 1))
def test_three_bad_polls_in_a_row_cost_nothing_that_the_fourth_gives_back(good: Feed, bad: list[Feed]) -> None:
    here, _ = polled(Here(), good, NOW)
    ids = {one.uid: one.booking_id for one in here.stays}

    for _ in bad:
        here, _ = polled(here, Feed([]), NOW)
    here, plan = polled(here, good, NOW)

    assert {one.uid: one.booking_id for one in here.stays} == ids
    assert (plan.cancel, plan.create, plan.moves) == ([], [], [])


@given(feeds(), st.integers(0, 80))
def test_what_lies_behind_us_is_never_cancelled(feed: Feed, later: int) -> None:
    here, _ = polled(Here(), feed, NOW)
    today = FIRST + timedelta(days=later)

    for _ in range(THIN_POLLS + 1):
        here, plan = polled(here, Feed([]), NOW, today)
        assert all(one.arrival > today for one in plan.cancel)


@given(st.sets(st.integers(0, 60)))
def test_runs_are_the_nights_they_come_from(numbers: set[int]) -> None:
    said = {FIRST + number * DAY for number in numbers}

    found = nights.runs(said)

    assert nights.of(found) == said
    assert all(one[1] < other[0] for one, other in zip(found, found[1:], strict=False))
