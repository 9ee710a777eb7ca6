"""The sliding window, in one process and over several: the same promises (cases L1 to L22)."""

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.base.clock import ManualClock
from hospes.capabilities.access import shared_windows
from hospes.capabilities.access.shared_windows import SharedWindows
from hospes.capabilities.access.windows import SlidingWindows, Windows

NOON = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)

Making = Callable[[ManualClock], Windows]


@contextmanager
def sliding() -> Iterator[Making]:
    yield SlidingWindows


@contextmanager
def shared() -> Iterator[Making]:
    memory = shared_windows.create()
    try:
        yield lambda clock: SharedWindows(memory, clock)
    finally:
        os.close(memory)


KINDS = [sliding, shared]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(params=KINDS)
def windows(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Windows]:
    with request.param() as make:
        yield make(clock)


def burst(windows: Windows, calls: int, *, limit: int, key: Hashable = "key") -> int:
    """How many pass."""
    return sum(windows.take(key, limit) == 0 for _ in range(calls))


def test_of_a_thousand_calls_at_one_instant_exactly_the_limit_passes(windows: Windows) -> None:
    assert burst(windows, 1000, limit=60) == 60


def test_calls_with_the_same_timestamp_are_all_counted(windows: Windows) -> None:
    assert burst(windows, 1000, limit=1000) == 1000
    assert windows.take("key", 1000) == 60


def test_a_burst_on_either_side_of_the_minute_is_one_burst_too_many(windows: Windows, clock: ManualClock) -> None:
    clock.advance(seconds=59.9)
    assert burst(windows, 60, limit=60) == 60

    clock.advance(seconds=0.2)
    assert burst(windows, 60, limit=60) == 0

    clock.advance(seconds=59.8)
    assert burst(windows, 61, limit=60) == 60


def test_a_place_frees_exactly_when_the_oldest_leaves(windows: Windows, clock: ManualClock) -> None:
    windows.take("key", 2)
    clock.advance(milliseconds=1)
    windows.take("key", 2)

    clock.advance(milliseconds=59_998)
    assert burst(windows, 3, limit=2) == 0

    clock.advance(milliseconds=1)
    assert burst(windows, 3, limit=2) == 1

    clock.advance(milliseconds=1)
    assert burst(windows, 3, limit=2) == 1


def test_refused_calls_do_not_extend_the_wait(windows: Windows, clock: ManualClock) -> None:
    burst(windows, 5, limit=5)

    for left in range(60, 0, -1):
        assert windows.take("key", 5) == left
        clock.advance(seconds=1)

    assert burst(windows, 6, limit=5) == 5


def test_a_lowered_limit_holds_for_the_next_call(windows: Windows, clock: ManualClock) -> None:
    burst(windows, 10, limit=100)
    clock.advance(seconds=10)
    burst(windows, 10, limit=100)

    assert windows.take("key", 15) == 50
    assert windows.take("key", 5) == 60
    clock.advance(seconds=50)
    assert burst(windows, 20, limit=15) == 5


def test_a_raised_limit_holds_for_the_next_call(windows: Windows) -> None:
    burst(windows, 100, limit=60)

    assert burst(windows, 100, limit=100) == 40


def test_a_limit_lowered_and_raised_again_forgets_no_call(windows: Windows, clock: ManualClock) -> None:
    burst(windows, 500, limit=500)
    clock.advance(seconds=30)
    burst(windows, 500, limit=10)

    assert burst(windows, 2000, limit=1000) == 500


@pytest.mark.parametrize("limit", [1, 10_000])
def test_the_smallest_and_the_largest_limit_are_exact(windows: Windows, clock: ManualClock, limit: int) -> None:
    for _ in range(3):
        assert burst(windows, limit + 10, limit=limit) == limit
        clock.advance(milliseconds=59_999)
        assert windows.take("key", limit) == 1
        clock.advance(milliseconds=1)


def test_a_limit_of_one_stays_exact_over_thousands_of_windows(windows: Windows, clock: ManualClock) -> None:
    for _ in range(12_000):
        assert burst(windows, 2, limit=1) == 1
        clock.advance(minutes=1)


def test_keys_do_not_know_each_other(windows: Windows) -> None:
    burst(windows, 60, limit=60, key=1)

    assert burst(windows, 100, limit=60, key=2) == 60
    assert burst(windows, 100, limit=60, key=("address", 6, 1)) == 60
    assert windows.take(1, 60) == 60


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_jump_of_the_wall_clock_frees_nobody_and_locks_nobody_out(
    windows: Windows, clock: ManualClock, hours: int
) -> None:
    burst(windows, 5, limit=5)

    clock.jump(clock.now() + timedelta(hours=hours))
    assert windows.take("key", 5) == 60

    clock.advance(seconds=60)
    assert burst(windows, 6, limit=5) == 5


def test_what_remains_falls_with_each_call_and_is_never_negative(windows: Windows, clock: ManualClock) -> None:
    assert windows.remaining("key", 3) == 3

    for left in (2, 1, 0, 0):
        windows.take("key", 3)
        assert windows.remaining("key", 3) == left

    assert windows.remaining("key", 1) == 0
    assert windows.remaining("key", 10) == 7
    clock.advance(seconds=60)
    assert windows.remaining("key", 3) == 3


MINUTE = 60_000_000  # microseconds
STEPS = st.tuples(
    st.one_of(st.integers(0, MINUTE // 30), st.sampled_from([0, 1, MINUTE // 2, MINUTE - 1, MINUTE, MINUTE + 1])),
    st.sampled_from(["anna", "ben"]),
    st.sampled_from([1, 2, 3, 5, 64, 65, 130]),
    st.sampled_from([1, 2, 63, 64, 140]),
)


@pytest.mark.parametrize("kind", KINDS)
@given(steps=st.lists(STEPS, max_size=30))
@settings(deadline=None, max_examples=100)
def test_every_answer_is_that_of_a_log_kept_naively(
    kind: Callable[[], AbstractContextManager[Making]], steps: list[tuple[int, str, int, int]]
) -> None:
    clock = ManualClock(NOON)
    log: dict[str, list[int]] = {"anna": [], "ben": []}
    now = 0

    with kind() as make:
        windows = make(clock)
        for microseconds, key, limit, calls in steps:
            clock.advance(microseconds=microseconds)
            now += microseconds
            log[key] = [passed for passed in log[key] if now - passed < MINUTE]
            for _ in range(calls):
                assert windows.remaining(key, limit) == max(0, limit - len(log[key]))
                wait = windows.take(key, limit)
                assert wait == shortest_wait(log[key], now, limit)
                if not wait:
                    log[key].append(now)


def shortest_wait(log: list[int], now: int, limit: int) -> int:
    """In seconds, by trying one after the other."""
    if len(log) < limit:
        return 0
    return next(
        seconds
        for seconds in range(1, 61)
        if sum(now + seconds * 1_000_000 - passed < MINUTE for passed in log) < limit
    )


def test_a_million_keys_take_bounded_room(clock: ManualClock) -> None:
    windows = SlidingWindows(clock, most_keys=1000)

    for key in range(1_000_000):
        windows.take(key, 60)

    assert len(windows) == 1000
    assert windows.remaining(999_000, 60) == 59
    assert windows.remaining(998_999, 60) == 60


def test_keys_that_fell_silent_make_room_two_at_a_time(clock: ManualClock) -> None:
    windows = SlidingWindows(clock)
    for number in range(1000):
        windows.take(("old", number), 60)
    clock.advance(seconds=60)

    lengths = [len(windows)]
    for number in range(1000):
        windows.take(("new", number), 60)
        lengths.append(len(windows))

    assert lengths == [*range(1000, 500, -1), *range(500, 1001)]


def test_a_flood_of_new_keys_does_not_free_a_key_in_use(clock: ManualClock) -> None:
    windows = SlidingWindows(clock, most_keys=100)
    burst(windows, 60, limit=60)

    for number in range(10_000):
        windows.take(number, 60)
        assert windows.take("key", 60) == 60


def test_a_key_takes_room_for_the_calls_in_its_window_only(clock: ManualClock) -> None:
    windows = SlidingWindows(clock)

    for _ in range(50_000):
        windows.take("key", 10_000)
        clock.advance(milliseconds=60)

    assert len(windows._passed["key"]) <= 1000 + 64


def test_tidying_up_forgets_no_call_before_its_time(clock: ManualClock) -> None:
    windows = SlidingWindows(clock)
    burst(windows, 64, limit=65)
    clock.advance(microseconds=59_999_999)

    assert burst(windows, 10, limit=65) == 1


def test_windows_of_other_lengths(clock: ManualClock) -> None:
    windows = SlidingWindows(clock, window_seconds=600)
    burst(windows, 3, limit=3)

    clock.advance(seconds=599)
    assert windows.take("key", 3) == 1

    clock.advance(seconds=1)
    assert windows.take("key", 3) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_machines_with_clocks_five_seconds_apart_each_gives_exactly_the_limit(
    kind: Callable[[], AbstractContextManager[Making]],
) -> None:
    """L6: each machine counts for itself, so no clock is compared with another's."""
    early, late = ManualClock(NOON), ManualClock(NOON + timedelta(seconds=5))
    with kind() as here, kind() as there:
        machines = (here(early), there(late))

        at_first = [burst(machine, 100, limit=60) for machine in machines]
        for clock in (early, late):
            clock.advance(seconds=59.9)
        too_soon = [burst(machine, 100, limit=60) for machine in machines]
        for clock in (early, late):
            clock.advance(seconds=0.1)
        after = [burst(machine, 100, limit=60) for machine in machines]

    assert (at_first, too_soon, after) == ([60, 60], [0, 0], [60, 60])
