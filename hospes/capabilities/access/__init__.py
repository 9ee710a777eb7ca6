"""Who may call, how often, and once only: keys, tokens, scopes, limits, idempotency."""

from hospes.capabilities.access import (
    addresses,
    brand_keys,
    callers,
    idempotency,
    keys,
    metering,
    scopes,
    shared_windows,
    staff_tokens,
    windows,
)
from hospes.capabilities.access.callers import Caller
from hospes.capabilities.access.keyring import Keyring

__all__ = [
    "Caller",
    "Keyring",
    "addresses",
    "brand_keys",
    "callers",
    "idempotency",
    "keys",
    "metering",
    "scopes",
    "shared_windows",
    "staff_tokens",
    "windows",
]
