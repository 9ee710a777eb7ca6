"""The one place where randomness and ids come from."""

import secrets
import string
from datetime import datetime

from ulid import ULID

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def ulid(prefix: str, at: datetime) -> str:
    """`prefix` and a ULID whose time part is `at`."""
    # From bytes: within one millisecond the library's own maker counts up the last digits, and an id
    # that somebody has would tell the next.
    return prefix + str(ULID(int(at.timestamp() * 1000).to_bytes(6, "big") + random_bytes(10)))


def token(prefix: str, length: int) -> str:
    """`prefix` and `length` random letters and digits, 5.95 bits each."""
    return prefix + "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(length))


def digits(length: int) -> str:
    """`length` random digits: for codes that a person copies."""
    return "".join(secrets.choice(string.digits) for _ in range(length))


def fraction() -> float:
    """A random number in [0, 1): for jitter."""
    return secrets.randbelow(1 << 30) / (1 << 30)


def random_bytes(length: int) -> bytes:
    return secrets.token_bytes(length)


def choice(letters: str) -> str:
    """One of them, at random."""
    return secrets.choice(letters)
