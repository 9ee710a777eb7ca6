"""What a client gives back or asks about, and what is dropped by itself. RFC 7009 and RFC 7662."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hospes.base.db import Actor, Database, sql
from hospes.base.secrets import digest
from hospes.capabilities.oauth import grants
from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.core import Rules
from hospes.capabilities.oauth.parameters import Refused
from hospes.capabilities.oauth.tokens import CODE_LIFE

_KEPT = timedelta(days=1)

FIND_ANY = sql(
    """
    SELECT t.kind, t.generation, t.scope, t.expires_at, g.id, g.workspace_id, g.staff_id, g.client_id, g.resource,
           g.generation AS current, g.created_at, EXISTS (SELECT FROM live_grants l WHERE l.id = g.id) AS is_live,
           w.sandbox_at IS NOT NULL AS is_sandbox
      FROM oauth_tokens t
      JOIN oauth_grants g ON g.id = t.grant_id
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE t.hash = $1
    """,
    across="the token tells the workspace",
)
DROP_TOKEN = sql(
    """
    WITH gone AS (
        DELETE FROM oauth_tokens WHERE hash = $1 RETURNING grant_id
    )
    SELECT grant_id, pg_notify('hospes_changes', 'token') FROM gone
    """,
    across="the token tells the workspace",
)


class _Any(msgspec.Struct, frozen=True):
    kind: str
    generation: int
    scope: str
    expires_at: datetime
    grant_id: int
    workspace_id: int
    staff_id: int
    client_id: str
    resource: str
    current: int
    created_at: datetime
    is_live: bool
    is_sandbox: bool


async def revoke(database: Database, client: Client, token: str | None, *, instant: Any) -> None:
    """End a token of the client's own: a refresh token with all its grant gave, an access token alone. RFC 7009.

    An unknown token is no error. Raises Refused for another client's, unless anybody could ask so.
    """
    row = await database.fetchrow(FIND_ANY, digest(token)) if token else None
    found = _Any(*row) if row else None
    if found is None:
        return
    if found.client_id != client.id:
        if client.auth_method == "none":
            return
        raise Refused("unauthorized_client", "The token belongs to another client.")
    if found.kind == "access":
        await database.fetchrow(DROP_TOKEN, digest(token or ""))
        return
    now = await instant(found.workspace_id, found.is_sandbox)
    async with database.begin(found.workspace_id, now=now, actor=Actor("oauth", client.name)) as tx:
        await grants.revoke(tx, found.grant_id, why="the app gave it back")


async def introspect(
    database: Database, client: Client, token: str | None, rules: Rules, *, instant: Any
) -> Mapping[str, Any]:
    """What a token of the client's own may do; of any other nothing is told. RFC 7662 section 2.2."""
    row = await database.fetchrow(FIND_ANY, digest(token)) if token else None
    found = _Any(*row) if row else None
    if found is None or found.client_id != client.id or not found.is_live:
        return {"active": False}
    now = await instant(found.workspace_id, found.is_sandbox)
    if found.expires_at <= now or (found.kind == "refresh" and found.generation != found.current):
        return {"active": False}
    return {
        "active": True,
        "scope": found.scope,
        "client_id": found.client_id,
        "token_type": "Bearer" if found.kind == "access" else "refresh_token",
        "exp": int(found.expires_at.timestamp()),
        "iat": int(found.created_at.timestamp()),
        "sub": str(found.staff_id),
        "aud": found.resource,
        "iss": rules.issuer,
    }


SWEEP_TOKENS = sql(
    """
    DELETE FROM oauth_tokens
     WHERE hash IN (
           SELECT t.hash
             FROM oauth_tokens t
             JOIN oauth_grants g ON g.id = t.grant_id
             JOIN workspaces w ON w.id = g.workspace_id
            WHERE t.expires_at <= $1
              -- A sandbox may be far behind: there the token still lives.
              AND (w.sandbox_at IS NULL OR t.expires_at <= w.sandbox_at)
            ORDER BY t.expires_at
            LIMIT 10000)
    """,
    across="sweeps what has ended",
)
SWEEP_CODES = sql(
    """
    DELETE FROM oauth_codes c
     USING workspaces w
     WHERE c.created_at <= $1
       AND w.id = c.workspace_id
       AND (w.sandbox_at IS NULL OR c.created_at <= w.sandbox_at - $2::interval)
    """,
    across="sweeps what has ended",
)


async def sweep(database: Database, now: datetime) -> None:
    """Drop tokens and codes a day after their end."""
    while await database.execute(SWEEP_TOKENS, now - _KEPT) == "DELETE 10000":
        pass
    await database.execute(SWEEP_CODES, now - _KEPT, CODE_LIFE)
