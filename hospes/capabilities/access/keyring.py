"""Secrets that were seen lately, and whom they belong to: no database while a secret is warm."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from hospes.base.db import Database
from hospes.base.secrets import digest
from hospes.base.signals import Signals

_MOST_CACHED = 50_000

C = TypeVar("C")


class Keyring(Generic[C]):
    """A change to any key or workspace empties it; while changes cannot be heard, every request asks
    the database. So a revocation takes effect everywhere within a second (case A15).
    """

    def __init__(self, database: Database, find: Callable[[Database, bytes], Awaitable[C | None]]) -> None:
        """`find` tells whom the secret with a SHA-256 belongs to, None when it is unknown or revoked."""
        self._database = database
        self._find = find
        self._warm: OrderedDict[bytes, C] = OrderedDict()
        self._generation = 0
        self.signals: Signals | None = None

    def forget(self) -> None:
        self._warm.clear()
        self._generation += 1

    async def find(self, secret: str) -> C | None:
        """Whom a secret belongs to, or None when it is unknown or revoked."""
        hashed = digest(secret)
        if self.signals is not None and self.signals.is_current:
            caller = self._warm.get(hashed)
            if caller is not None:
                return caller
        generation = self._generation
        caller = await self._find(self._database, hashed)
        # What was read before a change was heard must not be kept after it.
        if caller is None:
            self._warm.pop(hashed, None)
        elif generation == self._generation:
            self._warm[hashed] = caller
            if len(self._warm) > _MOST_CACHED:
                self._warm.popitem(last=False)
        return caller
