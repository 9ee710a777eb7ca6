"""The sliding window: at most so many calls of a key in any minute, exactly. Guest API 4.

One window a process. `hospes serve --workers N` therefore admits up to N times the limit of a key
whose calls spread over all N (case L5); one worker, the default, is exact.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from math import ceil

from hospes.base.clock import Clock

WINDOW_SECONDS = 60.0
_MOST_KEYS = 100_000


class SlidingWindows:
    """The instants of the calls let through in the last minute, by key.

    Time is monotonic, so a jump of the wall clock changes nothing (case L22). Refused calls leave
    no trace (case L8).
    """

    def __init__(self, clock: Clock, *, most_keys: int = _MOST_KEYS) -> None:
        self._now = clock.monotonic
        self._most_keys = most_keys
        self._windows: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def take(self, key: Hashable, limit: int) -> int:
        """0 when the call may pass; else the whole seconds after which one certainly may."""
        now = self._now()
        window = self._windows.get(key)
        if window is None:
            window = self._begin(key)
        else:
            gone = now - WINDOW_SECONDS
            while window and window[0] <= gone:
                window.popleft()
        if len(window) < limit:
            window.append(now)
            return 0
        # A place frees when the call that is `limit` calls back leaves the window.
        return max(1, ceil(window[-limit] + WINDOW_SECONDS - now))

    def _begin(self, key: Hashable) -> deque[float]:
        # New keys push out the longest known ones whose window is over: two looked at for each added.
        gone = self._now() - WINDOW_SECONDS
        for _ in range(min(2, len(self._windows))):
            oldest, window = next(iter(self._windows.items()))
            if len(self._windows) < self._most_keys and window and window[-1] > gone:
                self._windows.move_to_end(oldest)
            else:
                del self._windows[oldest]
        window = self._windows[key] = deque()
        return window

    def __len__(self) -> int:
        return len(self._windows)
