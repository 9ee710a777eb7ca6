"""Smart locks: the interface that every brand's adapter implements, and how codes are named and chosen.

A code is never random: it follows from the booking and its dates, by our key. So a call whose answer
was lost, and that is made again, asks for the very same code, and no lock ever has two for one stay.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from hospes.base.secrets import Vault
from hospes.capabilities.automations.plan import Code

_PURPOSE = "lock code"
_NAME = re.compile(r"Hospes ([1-9][0-9]{0,17})-([1-9][0-9]{0,17})", re.ASCII)


class Order(msgspec.Struct, frozen=True):
    """A code that a lock shall have. `name` says whose it is, and `seed` decides its digits."""

    ref: str
    name: str
    seed: bytes
    begins_at: datetime
    ends_at: datetime

    def digits(self, alphabet: str, length: int) -> Iterator[str]:
        """Codes in the order in which they are to be tried: the same again for the same order."""
        number = int.from_bytes(self.seed)
        while number:
            number, rest = divmod(number, len(alphabet) ** length)
            yield "".join(alphabet[rest // len(alphabet) ** place % len(alphabet)] for place in range(length))


class Told(msgspec.Struct, frozen=True):
    """What came of a call: `fault` is a few words for what went wrong, never with a code in it."""

    code: str | None = None
    fault: str | None = None
    may_succeed_later: bool = False


class Lock(Protocol):
    """Locks of one brand. Never raises for what the network does."""

    async def grant(self, order: Order) -> Told:
        """Let the lock have a code of this name, good from `begins_at` until `ends_at`, and no other of this name.

        The same order gives the same code, however often and whatever became of earlier answers.
        """
        ...

    async def revoke(self, ref: str, name: str) -> Told:
        """Let the lock have no code of this name; well when it has none already."""
        ...


def name(workspace_id: int, booking_id: int) -> str:
    """What a booking's code is called at the lock, where people read it."""
    return f"Hospes {workspace_id}-{booking_id}"


def named(text: str) -> tuple[int, int] | None:
    """The workspace and the booking that `name` was made of; None when it was not."""
    found = _NAME.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def order(vault: Vault, workspace_id: int, booking_id: int, code: Code) -> Order:
    """The order for a booking's code. Other dates, or another lock, make another code."""
    told = (
        f"{workspace_id}/{booking_id}/{code.brand}/{code.ref}/{code.begins_at.timestamp()}/{code.ends_at.timestamp()}"
    )
    seed = vault.derive(told, _PURPOSE)
    return Order(code.ref, name(workspace_id, booking_id), seed, code.begins_at, code.ends_at)
