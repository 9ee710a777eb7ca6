"""One window over several processes, some of which die (cases L5, L12)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hospes.base.clock import ManualClock
from hospes.capabilities.access import shared_windows
from hospes.capabilities.access.shared_windows import SharedWindows

NOON = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
TAKING = Path(__file__).parent / "taking.py"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def memory() -> Iterator[int]:
    memory = shared_windows.create()
    yield memory
    os.close(memory)


@pytest.fixture
def windows(memory: int, clock: ManualClock) -> SharedWindows:
    return SharedWindows(memory, clock)


class Taker:
    """A process that is ready to take."""

    def __init__(self, memory: int, *, limit: int, calls: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(TAKING), str(memory), str(limit), str(calls)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[memory],
            bufsize=0,
        )
        assert self.read(1) == b"r"

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def read(self, most: int) -> bytes:
        assert self.process.stdout
        return self.process.stdout.read(most)

    def passed(self) -> int:
        """How many calls have passed since they were last read, once the process has ended."""
        assert self.process.stdout
        with self.process.stdout as output:
            passed = len(output.read())
        self.process.wait()
        return passed


def test_four_processes_together_pass_exactly_the_limit(memory: int, windows: SharedWindows) -> None:
    takers = [Taker(memory, limit=3000, calls=2000) for _ in range(4)]
    for taker in takers:
        taker.go()

    passed = [taker.passed() for taker in takers]

    assert sum(passed) == 3000
    assert windows.take("key", 3000) == 60
    assert windows.remaining("key", 3010) == 10


def test_killing_some_in_the_middle_costs_at_most_the_call_each_was_making(
    memory: int, windows: SharedWindows, clock: ManualClock
) -> None:
    survivors = [Taker(memory, limit=10_000, calls=10_000) for _ in range(2)]
    victims = [Taker(memory, limit=10_000, calls=10_000) for _ in range(4)]
    for taker in [*survivors, *victims]:
        taker.go()

    heard = 0
    for number, victim in enumerate(victims):
        heard += len(victim.read(100 * number + 1))
        victim.process.kill()
    total = heard + sum(taker.passed() for taker in [*survivors, *victims])

    assert 10_000 - len(victims) <= total <= 10_000
    assert windows.take("key", 10_000) == 60
    clock.advance(seconds=60)
    assert sum(windows.take("key", 10_000) == 0 for _ in range(10_010)) == 10_000


def test_a_lock_dies_with_its_holder(memory: int) -> None:
    holder, waiting = Taker(memory, limit=5, calls=0), Taker(memory, limit=5, calls=10)
    holder.go()
    assert holder.read(1) == b"+"
    waiting.go()

    holder.process.kill()

    assert waiting.passed() == 5
    assert holder.passed() == 0


class Death(BaseException):
    """What kill -9 is to a process, without one."""


class Mortal:
    """Words that can be written so many times, and then not."""

    def __init__(self, words: memoryview, writes: int) -> None:
        self.words = words
        self.writes = writes

    def __getitem__(self, index: int) -> int:
        return self.words[index]

    def __setitem__(self, index: int, value: int) -> None:
        if not self.writes:
            raise Death
        self.writes -= 1
        self.words[index] = value


@pytest.mark.parametrize("writes", range(5))
@pytest.mark.parametrize("before", [0, 1, 4, 5])
@pytest.mark.parametrize("pause", [0, 60])
def test_death_between_any_two_writes_leaves_a_window_that_is_true(
    memory: int, windows: SharedWindows, clock: ManualClock, writes: int, before: int, pause: int
) -> None:
    for _ in range(before):
        windows.take("key", 5)
    clock.advance(seconds=pause)
    dying = SharedWindows(memory, clock)
    dying._words = Mortal(dying._words, writes)  # type: ignore[assignment]

    try:
        answered = dying.take("key", 5) == 0
    except Death:
        answered = False

    counted = before * (not pause) + answered
    assert sum(windows.take("key", 5) == 0 for _ in range(10)) == 5 - counted
    clock.advance(seconds=60)
    assert sum(windows.take("key", 5) == 0 for _ in range(10)) == 5


def test_the_ring_goes_round_without_a_pause(windows: SharedWindows, clock: ManualClock) -> None:
    for _ in range(25_000):
        assert windows.take("key", 10) == 0
        clock.advance(seconds=6)

    assert windows.remaining("key", 10) == 1


def test_twenty_thousand_keys_take_bounded_room(memory: int, windows: SharedWindows) -> None:
    for number in range(20_000):
        windows.take(number, 60)

    assert os.fstat(memory).st_blocks * 512 < 20_000_000


def test_a_key_that_pauses_stays_on_one_page(memory: int, windows: SharedWindows, clock: ManualClock) -> None:
    for _ in range(500):
        for _ in range(40):
            windows.take("key", 60)
        clock.advance(seconds=61)

    assert os.fstat(memory).st_blocks * 512 <= 2 * 4096


def test_in_a_full_set_the_key_silent_for_longest_starts_anew(windows: SharedWindows, clock: ManualClock) -> None:
    one_set = [key for key in range(10_000) if shared_windows._fingerprint(key) % 512 == 7][:9]
    for key in one_set[:8]:
        assert windows.take(key, 1) == 0
        clock.advance(seconds=1)

    assert windows.take(one_set[8], 1) == 0

    assert [windows.take(key, 1) for key in one_set[1:]] == [53, 54, 55, 56, 57, 58, 59, 60]
    assert windows.remaining(one_set[0], 1) == 1
