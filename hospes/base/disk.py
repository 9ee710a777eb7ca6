"""Room on the embedded database's disk.

PostgreSQL ends, and reading ends with it, when its write-ahead log cannot grow by a segment of 16 MiB.
So writing stops before that, and goes on when there is room again (case D42).
"""

import os

from hospes.base.clock import Clock
from hospes.base.settings import Settings

# A few segments: what is being written at that moment, and what workers note of what they have sent. They
# begin nothing below it, and end what they have in hand; below the last, they write nothing either.
RESERVE = 64 << 20
LAST_RESERVE = 32 << 20
_LOOK_SECONDS = 0.25


def free_bytes(settings: Settings) -> int | None:
    """What is free beside the embedded database; None for a database elsewhere, or when nobody can tell."""
    if settings.database_url is not None:
        return None
    try:
        state = os.statvfs(settings.data_dir.expanduser())
    except OSError:
        return None
    return state.f_bavail * state.f_frsize


class Room:
    """Whether there is room for what a caller wants to write; looks four times a second at most."""

    def __init__(self, settings: Settings, clock: Clock, *, reserve: int = RESERVE) -> None:
        self._reserve = reserve
        self._settings = settings
        self._clock = clock
        self._look_at = float("-inf")
        self._is_left = True

    def is_left(self) -> bool:
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            free = free_bytes(self._settings)
            self._is_left = free is None or free >= self._reserve
        return self._is_left
