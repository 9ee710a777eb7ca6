"""The sliding window: at most so many calls of a key in any minute, exactly. Guest API 4.

Instants are whole microseconds of the monotonic clock: comparisons are exact, and a jump of the
wall clock changes nothing (case L22).

What decides is the call that was let through `limit` calls ago. If it has left the window, fewer
than `limit` are left in it, and a call may pass; if not, its leaving is the instant to wait for.
Refused calls leave no trace (case L8), and a changed limit looks at another call (case L10).
"""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from typing import Protocol

from hospes.base.clock import Clock

WINDOW_SECONDS = 60.0
MICROSECONDS = 1_000_000

_MOST_KEYS = 100_000
_TRIM_EVERY = 64


class Windows(Protocol):
    """Who may call, in one process (`SlidingWindows`) or in several (`shared_windows.SharedWindows`)."""

    def take(self, key: Hashable, limit: int) -> int:
        """0 when the call may pass, and is counted; else whole seconds, at least 1, until one may.

        `limit` is 1 to 10,000 calls a window. Waiting that long succeeds unless somebody else took
        the place; waiting a second less never does (case L13).
        """
        ...

    def remaining(self, key: Hashable, limit: int) -> int:
        """How many calls would pass now."""
        ...


class SlidingWindows:
    """The instants of the calls let through, by key: 8 bytes for each call in the window.

    Keys stand in the order of their last call. A new key pushes out up to two that have fallen
    silent, and at `most_keys` the one silent for longest, so memory is bounded and no call waits
    for a sweep (case L12).
    """

    def __init__(self, clock: Clock, *, window_seconds: float = WINDOW_SECONDS, most_keys: int = _MOST_KEYS) -> None:
        self._monotonic = clock.monotonic
        self._width = round(window_seconds * MICROSECONDS)
        self._most_keys = most_keys
        self._passed: OrderedDict[Hashable, array[int]] = OrderedDict()

    def take(self, key: Hashable, limit: int) -> int:
        """As `Windows.take`."""
        now = round(self._monotonic() * MICROSECONDS)
        passed = self._passed.get(key)
        if passed is None:
            passed = self._begin(key, now)
        else:
            self._passed.move_to_end(key)
        count = len(passed)
        if count >= limit:
            wait = passed[-limit] + self._width - now
            if wait > 0:
                return -(-wait // MICROSECONDS)
        if not count % _TRIM_EVERY:
            del passed[: bisect_right(passed, now - self._width)]
        passed.append(now)
        return 0

    def remaining(self, key: Hashable, limit: int) -> int:
        """As `Windows.remaining`."""
        passed = self._passed.get(key)
        if passed is None:
            return limit
        gone = round(self._monotonic() * MICROSECONDS) - self._width
        return max(0, limit - (len(passed) - bisect_right(passed, gone)))

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._passed)

    def _begin(self, key: Hashable, now: int) -> "array[int]":
        for _ in range(min(2, len(self._passed))):
            silent = next(iter(self._passed))
            if self._passed[silent][-1] > now - self._width and len(self._passed) < self._most_keys:
                break
            del self._passed[silent]
        passed = self._passed[key] = array("q")
        return passed
