"""The sliding window over all processes of one machine, exact and without a server (case L5).

Shared memory holds 512 sets of 8 windows. A key belongs to one set, and whoever decides about it
holds the set's lock: a byte of the memory's file, locked with fcntl. A window is a ring of the
instants let through, and a count of them:

    sets     512 x | fingerprint x 8 | count x 8 |
    rings   4096 x | instant x 10,000, padded to pages |

When a process is killed in the middle (kill -9), the kernel lets go of its lock, and what it leaves
is true: the count is written last, by one aligned store, so a call counts entirely or not at all,
and who was killed before has not answered it. A window is emptied before it is given away.

Instants are CLOCK_MONOTONIC, which the processes of a machine share. The memory has no name and is
gone with its last process: instants of an earlier boot, from another count, cannot come back.
It is bounded at 335 MB, 80 KB for a key that never pauses for a window and 4 KB for one that does;
untouched pages cost nothing. Exact while no nine keys of a set are active in one window (with 500
active keys, one set in a million); beyond that the key silent for longest starts anew.

A stopped process (SIGSTOP) that holds a lock, for 2 µs a call, makes the others wait for that set.
"""

import mmap
import os
import tempfile
from bisect import bisect_right
from collections.abc import Hashable
from fcntl import LOCK_EX, LOCK_UN, lockf
from functools import lru_cache
from hashlib import blake2b

from hospes.base.clock import Clock
from hospes.capabilities.access.windows import MICROSECONDS, WINDOW_SECONDS

MOST_CALLS = 10_000

_SETS = 512
_WAYS = 8
_WORD = 8  # bytes
_RING = 10_240  # words: MOST_CALLS, padded to pages
_RINGS = _SETS * 2 * _WAYS  # the word at which they begin
_BYTES = (_RINGS + _SETS * _WAYS * _RING) * _WORD


def create() -> int:
    """A file descriptor of empty memory, to be handed to every process that shares it."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("hospes-windows")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, _BYTES)
    return memory


class SharedWindows:
    """`windows.Windows` for processes that hold the same memory. Each uses it from one thread.

    A key's `repr` must be the same in every process: numbers, texts and tuples of them.
    """

    def __init__(self, memory: int, clock: Clock, *, window_seconds: float = WINDOW_SECONDS) -> None:
        """`memory` comes from `create` and stays open for as long as this is used."""
        self._memory = memory
        self._words = memoryview(mmap.mmap(memory, _BYTES)).cast("q")
        self._monotonic = clock.monotonic
        self._width = round(window_seconds * MICROSECONDS)

    def take(self, key: Hashable, limit: int) -> int:
        """As `Windows.take`."""
        fingerprint = _fingerprint(key)
        place = fingerprint % _SETS
        lockf(self._memory, LOCK_EX, 1, place)
        try:
            return self._take(place, fingerprint, limit)
        finally:
            lockf(self._memory, LOCK_UN, 1, place)

    def remaining(self, key: Hashable, limit: int) -> int:
        """As `Windows.remaining`."""
        fingerprint = _fingerprint(key)
        place = fingerprint % _SETS
        lockf(self._memory, LOCK_EX, 1, place)
        try:
            return max(0, limit - self._live(place, fingerprint))
        finally:
            lockf(self._memory, LOCK_UN, 1, place)

    def _take(self, place: int, fingerprint: int, limit: int) -> int:
        # The clock is read under the lock, so that instants stand in the ring in their order.
        now = round(self._monotonic() * MICROSECONDS)
        words = self._words
        way = self._find(place, fingerprint)
        if way is None:
            way = self._claim(place, fingerprint)
        counter, ring = _counter(place, way), _ring(place, way)
        count = words[counter]
        if count >= limit:
            wait = words[ring + (count - limit) % MOST_CALLS] + self._width - now
            if wait > 0:
                return -(-wait // MICROSECONDS)
        if count and words[ring + (count - 1) % MOST_CALLS] <= now - self._width:
            # Nothing is left in the window: begin the ring anew, to stay on the pages already touched.
            words[counter] = count = 0
        words[ring + count % MOST_CALLS] = now
        words[counter] = count + 1
        return 0

    def _live(self, place: int, fingerprint: int) -> int:
        way = self._find(place, fingerprint)
        if way is None:
            return 0
        count, ring = self._words[_counter(place, way)], _ring(place, way)
        gone = round(self._monotonic() * MICROSECONDS) - self._width
        kept = range(max(0, count - MOST_CALLS), count)
        return len(kept) - bisect_right(kept, gone, key=lambda index: self._words[ring + index % MOST_CALLS])

    def _find(self, place: int, fingerprint: int) -> int | None:
        words, first = self._words, place * 2 * _WAYS
        for way in range(_WAYS):
            if words[first + way] == fingerprint:
                return way
        return None

    def _claim(self, place: int, fingerprint: int) -> int:
        way = min(range(_WAYS), key=lambda way: self._last(place, way))
        self._words[_counter(place, way)] = 0
        self._words[place * 2 * _WAYS + way] = fingerprint
        return way

    def _last(self, place: int, way: int) -> int:
        count = self._words[_counter(place, way)]
        return self._words[_ring(place, way) + (count - 1) % MOST_CALLS] if count else -1


def _counter(place: int, way: int) -> int:
    return place * 2 * _WAYS + _WAYS + way


def _ring(place: int, way: int) -> int:
    return _RINGS + (place * _WAYS + way) * _RING


@lru_cache(maxsize=10_000)
def _fingerprint(key: Hashable) -> int:
    # Python's own hash of a text differs from process to process. 0 means that nobody is here.
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=_WORD).digest()) >> 1 or 1
