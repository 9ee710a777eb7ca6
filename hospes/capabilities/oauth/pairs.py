"""What a client is answered: an access token, and the refresh token for the next. Property API 3.4.

A token follows from the grant's seed, the server's key, its generation and its scope, and stands in
the database as SHA-256 only. So a repeated refresh can be given the same answer, byte for byte,
though nobody stored it: that is what lets two tabs refresh at once (case C4).
"""

import base64
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hospes.base.secrets import Vault, digest
from hospes.capabilities.oauth.clients import Client

PREFIX = "nis_"
ACCESS_SECONDS = 3600
IDLE = timedelta(days=30)
LONGEST = timedelta(days=180)
SEED_BYTES = 16


class Pair(msgspec.Struct, frozen=True):
    """What a client is answered. RFC 6749 section 5.1; `refresh_token` only for clients that registered for it."""

    access_token: str
    expires_in: int
    scope: str
    resource: str
    refresh_token: str | None

    def body(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        if self.refresh_token:
            told["refresh_token"] = self.refresh_token
        return told | {"scope": self.scope, "resource": self.resource}


class Made(msgspec.Struct, frozen=True):
    """A generation of a grant's tokens."""

    generation: int
    pair: Pair

    def rows(self, made_at: datetime, *, ends_at: datetime) -> list[tuple[bytes, str, int, str, datetime]]:
        """As they are stored: hash, kind, generation, scope, end."""
        access_end = made_at + timedelta(seconds=self.pair.expires_in)
        rows = [(digest(self.pair.access_token), "access", self.generation, self.pair.scope, access_end)]
        if self.pair.refresh_token:
            end = min(made_at + IDLE, ends_at)
            rows.append((digest(self.pair.refresh_token), "refresh", self.generation, self.pair.scope, end))
        return rows


def make(
    vault: Vault, client: Client, seed: bytes, generation: int, *, scope: str, resource: str, left: timedelta = LONGEST
) -> Made:
    """The tokens of a generation, the same whenever they are made. `left` is what the grant has still to live."""
    refreshes = "refresh_token" in client.grant_types
    return Made(
        generation,
        Pair(
            access_token=_derived(vault, "at", seed, f"{generation}/{scope}"),
            expires_in=min(ACCESS_SECONDS, int(left.total_seconds())),
            scope=scope,
            resource=resource,
            refresh_token=_derived(vault, "rt", seed, str(generation)) if refreshes else None,
        ),
    )


def _derived(vault: Vault, kind: str, seed: bytes, what: str) -> str:
    made = vault.derive(f"{seed.hex()}/{what}", f"oauth {kind}")
    return f"{PREFIX}{kind}_" + base64.urlsafe_b64encode(made).rstrip(b"=").decode()
