"""Who calls: from an API key to a caller."""

from datetime import datetime

import msgspec

from hospes.base.db import Actor, Database, sql
from hospes.capabilities import workspaces
from hospes.capabilities.access import addresses, scopes


class Caller(msgspec.Struct, frozen=True):
    """A key as requests need it. `rate_limit` is requests a minute, `monthly_quota` requests."""

    key_id: int
    workspace_id: int
    actor: Actor
    credential: str
    held: frozenset[str]
    rate_limit: int
    allowlist: addresses.Allowlist
    is_sandbox: bool
    monthly_quota: int | None
    quota_is_hard: bool
    modules: frozenset[str]


class _Row(msgspec.Struct, frozen=True):
    id: int
    workspace_id: int
    name: str
    scopes: list[str]
    rate_limit: int
    allowlist: list[str]
    revoked_at: datetime | None
    plan: str
    monthly_quota: int | None
    quota_mode: str | None
    is_sandbox: bool


FIND = sql(
    """
    SELECT k.id, k.workspace_id, k.name, k.scopes, k.rate_limit, k.allowlist, k.revoked_at,
           w.plan, w.monthly_quota, w.quota_mode, w.sandbox_at IS NOT NULL AS is_sandbox
      FROM api_keys k
      JOIN workspaces w ON w.id = k.workspace_id
     WHERE k.hash = $1
    """,
    across="the key tells the workspace",
)


async def find(database: Database, hashed: bytes) -> Caller | None:
    """Who has the key with this SHA-256, or None when it is unknown or revoked."""
    row = await database.fetchrow(FIND, hashed)
    found = _Row(*row) if row is not None else None
    return _caller(found) if found is not None and found.revoked_at is None else None


def _caller(row: _Row) -> Caller:
    plan = workspaces.plan(row.plan)
    return Caller(
        key_id=row.id,
        workspace_id=row.workspace_id,
        actor=Actor("guest_api", f"API key: {row.name}"),
        credential=f"key:{row.id}",
        held=scopes.held(row.scopes),
        rate_limit=row.rate_limit,
        allowlist=addresses.Allowlist.parse(row.allowlist),
        is_sandbox=row.is_sandbox,
        monthly_quota=row.monthly_quota or plan.monthly_quota,
        quota_is_hard=plan.is_hard if row.quota_mode is None else row.quota_mode == "hard",
        modules=plan.modules,
    )
