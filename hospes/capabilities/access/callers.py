"""Who calls: from a key to a caller, without the database while the key is warm."""

from collections import OrderedDict
from datetime import datetime

import msgspec

from hospes.base.db import Actor, Database, sql
from hospes.base.secrets import digest
from hospes.base.signals import Signals
from hospes.capabilities import workspaces
from hospes.capabilities.access import addresses, scopes

_MOST_CACHED = 50_000


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


class Keyring:
    """Keys that were seen lately.

    A change to any key or workspace empties it; while changes cannot be heard, every request asks
    the database. So a revocation takes effect everywhere within a second (case A15).
    """

    def __init__(self, database: Database, door: str) -> None:
        self._database = database
        self._door = door
        self._warm: OrderedDict[bytes, Caller] = OrderedDict()
        self._generation = 0
        self.signals: Signals | None = None

    def forget(self) -> None:
        self._warm.clear()
        self._generation += 1

    async def find(self, key: str) -> Caller | None:
        """The caller behind a key, or None when it is unknown or revoked."""
        hashed = digest(key)
        if self.signals is not None and self.signals.is_current:
            caller = self._warm.get(hashed)
            if caller is not None:
                return caller
        generation = self._generation
        row = await self._database.fetchrow(FIND, hashed)
        if row is None:
            return None
        found = _Row(*row)
        if found.revoked_at is not None:
            self._warm.pop(hashed, None)
            return None
        caller = _caller(found, self._door)
        # What was read before a change was heard must not be kept after it.
        if generation == self._generation:
            self._warm[hashed] = caller
            if len(self._warm) > _MOST_CACHED:
                self._warm.popitem(last=False)
        return caller


def _caller(row: _Row, door: str) -> Caller:
    plan = workspaces.plan(row.plan)
    return Caller(
        key_id=row.id,
        workspace_id=row.workspace_id,
        actor=Actor(door, f"API key: {row.name}"),
        credential=f"key:{row.id}",
        held=scopes.held(row.scopes),
        rate_limit=row.rate_limit,
        allowlist=addresses.Allowlist.parse(row.allowlist),
        is_sandbox=row.is_sandbox,
        monthly_quota=row.monthly_quota or plan.monthly_quota,
        quota_is_hard=plan.is_hard if row.quota_mode is None else row.quota_mode == "hard",
        modules=plan.modules,
    )
