"""Passwords, hashed with argon2id by the defaults of RFC 9106 section 4 (64 MiB, three passes).

A hash takes tens of milliseconds, so it is made in a thread; two at once, for they take memory.
"""

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hospes.base import ids
from hospes.base.errors import Invalid

FEWEST = 12
MOST = 200

_hasher = PasswordHasher()
_turn = asyncio.Semaphore(2)


def checked(password: str, *, email: str) -> str:
    """The password, when it may be one. Raises Invalid. NIST SP 800-63B 3.1.1: length decides, not its kinds."""
    if not FEWEST <= len(password) <= MOST:
        raise Invalid(f"A password has {FEWEST} to {MOST} characters.", field="password")
    if password.casefold() == email.casefold() or len(set(password)) < 4:
        raise Invalid("This password is too easy to guess. Take a longer, unrelated one.", field="password")
    return password


async def hashed(password: str) -> str:
    async with _turn:
        return await asyncio.to_thread(_hasher.hash, password)


async def is_right(password: str, stored: str | None) -> bool:
    """Whether this is the password; without a stored one it takes as long, and is wrong (case O60)."""
    async with _turn:
        return await asyncio.to_thread(_verify, password[: MOST + 1], stored or _nobodys()) and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _verify(password: str, stored: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash(ids.token("", 32))
