"""API keys: shown once, kept as SHA-256, revoked everywhere within a second. Guest API 2."""

from datetime import datetime

import msgspec

from hospes.base import ids
from hospes.base.db import Database, sql
from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import digest
from hospes.capabilities.access import addresses, scopes

PREFIX = "nk_"
_LENGTH = 32


class Key(msgspec.Struct, frozen=True):
    """A key as it may be shown: `hint` is its beginning. `rate_limit` is requests a minute."""

    id: int
    workspace_id: int
    name: str
    hint: str
    scopes: list[str]
    rate_limit: int
    allowlist: list[str]
    created_at: datetime
    revoked_at: datetime | None


class NewKey(msgspec.Struct, frozen=True):
    """A key at its creation, the only time that `secret` is known."""

    key: Key
    secret: str


_COLUMNS = "id, workspace_id, name, hint, scopes, rate_limit, allowlist, created_at, revoked_at"

CREATE = sql(f"""
    INSERT INTO api_keys (workspace_id, name, hash, hint, scopes, rate_limit, allowlist, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    RETURNING {_COLUMNS}
""")  # noqa: S608


async def create(
    database: Database,
    workspace_id: int,
    *,
    name: str,
    granted: list[str],
    now: datetime,
    rate_limit: int = 60,
    allowlist: list[str] | None = None,
    secret: str | None = None,
) -> NewKey:
    """Make a key. `rate_limit` is 1 to 10,000 requests a minute; an empty allowlist admits every address.

    Only the demo brings its own `secret`.

    Raises Invalid, with nothing written, for an unknown scope, a bad address or a limit out of bounds.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("A key's name has 1 to 100 characters.", field="name")
    if not 1 <= rate_limit <= 10_000:
        raise Invalid("A key's rate limit is 1 to 10,000 requests a minute.", field="rate_limit")
    checked, allowed = scopes.check(granted), addresses.Allowlist.parse(allowlist or [])
    secret = secret or ids.token(PREFIX, _LENGTH)
    row = await database.fetchrow(
        CREATE,
        workspace_id,
        name.strip(),
        digest(secret),
        secret[: len(PREFIX) + 4],
        list(checked),
        rate_limit,
        list(allowed.entries),
        now,
    )
    assert row is not None
    return NewKey(Key(*row), secret)


LIST = sql(f"SELECT {_COLUMNS} FROM api_keys WHERE workspace_id = $1 ORDER BY id")  # noqa: S608


async def list_all(database: Database, workspace_id: int) -> list[Key]:
    """The workspace's keys, revoked ones included, oldest first."""
    return [Key(*row) for row in await database.fetch(LIST, workspace_id)]


REVOKE = sql(
    """
    WITH revoked AS (
        UPDATE api_keys
           SET revoked_at = coalesce(revoked_at, $2)
         WHERE id = $1
        RETURNING workspace_id
    )
    SELECT workspace_id, pg_notify('hospes_changes', 'key') FROM revoked
    """,
    across="a key is revoked by its id alone",
)


async def revoke(database: Database, key_id: int, *, now: datetime) -> int:
    """Stop a key, in every process. Revoking twice changes nothing. Returns whose it is. Raises NotFound."""
    row = await database.fetchrow(REVOKE, key_id, now)
    if row is None:
        raise NotFound(f"There is no key {key_id}. List them with: hospes keys list")
    return int(row[0])


LIVE = sql(
    "SELECT EXISTS (SELECT FROM api_keys WHERE hash = $1 AND revoked_at IS NULL)", across="a key tells its workspace"
)


async def is_live(database: Database, secret: str) -> bool:
    """Whether this key is accepted."""
    row = await database.fetchrow(LIVE, digest(secret))
    return bool(row and row[0])


IS_KNOWN = sql("SELECT EXISTS (SELECT FROM api_keys WHERE hash = $1)", across="a key tells its workspace")


async def is_known(database: Database, secret: str) -> bool:
    """Whether this key was ever made; a revoked one stays known."""
    row = await database.fetchrow(IS_KNOWN, digest(secret))
    return bool(row and row[0])


ID_OF = sql("SELECT id FROM api_keys WHERE hash = $1", across="a key tells its workspace")


async def id_of(database: Database, hashed: bytes) -> int:
    """The id of the key with this SHA-256. Raises NotFound."""
    row = await database.fetchrow(ID_OF, hashed)
    if row is None:
        raise NotFound("There is no such key. List keys with: hospes keys list")
    return int(row[0])
