"""Who may call, how often, and once only: keys, scopes, limits, idempotency."""

from hospes.capabilities.access import addresses, idempotency, keys, metering, scopes, shared_windows, windows
from hospes.capabilities.access.callers import Caller, Keyring

__all__ = ["Caller", "Keyring", "addresses", "idempotency", "keys", "metering", "scopes", "shared_windows", "windows"]
