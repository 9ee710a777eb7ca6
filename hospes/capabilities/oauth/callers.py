"""Who calls with an access token: from its hash to the app and the account."""

from datetime import datetime

import msgspec

from hospes.base.db import Actor, Database, sql


class App(msgspec.Struct, frozen=True):
    """A token as requests need it. `has_entitlement` says whether any property of the account is entitled."""

    client_id: str
    grant_id: int
    workspace_id: int
    actor: Actor
    credential: str
    held: frozenset[str]
    expires_at: datetime
    is_sandbox: bool
    has_entitlement: bool

    def may(self, scope: str) -> bool:
        return scope in self.held


FIND = sql(
    """
    SELECT g.client_id, g.id, g.workspace_id, c.name, t.scope, t.expires_at, w.sandbox_at IS NOT NULL AS is_sandbox,
           EXISTS (SELECT FROM properties p WHERE p.workspace_id = g.workspace_id AND p.is_entitled)
      FROM oauth_tokens t
      JOIN live_grants g ON g.id = t.grant_id
      JOIN oauth_clients c ON c.id = g.client_id
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE t.hash = $1 AND t.kind = 'access'
    """,
    across="the token tells the workspace",
)


async def find(database: Database, hashed: bytes) -> App | None:
    """Who has the access token with this SHA-256; None when it is unknown or was ended. Its time is not looked at."""
    row = await database.fetchrow(FIND, hashed)
    if row is None:
        return None
    client_id, grant_id, workspace_id, name, scope, expires_at, is_sandbox, has_entitlement = row
    return App(
        client_id=client_id,
        grant_id=grant_id,
        workspace_id=workspace_id,
        actor=Actor("property_api", f"App: {name}"),
        credential=f"app:{client_id}",
        held=frozenset(scope.split(" ")),
        expires_at=expires_at,
        is_sandbox=is_sandbox,
        has_entitlement=has_entitlement,
    )
