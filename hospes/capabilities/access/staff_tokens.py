"""Tokens for the Workspace API: like API keys, with a role instead of scopes."""

from datetime import datetime

import msgspec

from hospes.base import ids
from hospes.base.db import Actor, Database, sql
from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import digest

PREFIX = "hw_"
_LENGTH = 32

# Each role may do what the ones before it may.
ROLES = ("staff", "manager", "owner")
# What a RADIUS server has; it may do nothing of the Workspace API.
NETWORK = "network"
CHOICES = (*ROLES, NETWORK)


class Token(msgspec.Struct, frozen=True):
    """A token as it may be shown: `hint` is its beginning."""

    id: int
    workspace_id: int
    name: str
    hint: str
    role: str
    created_at: datetime
    revoked_at: datetime | None


class NewToken(msgspec.Struct, frozen=True):
    """A token at its creation, the only time that `secret` is known."""

    token: Token
    secret: str


class Member(msgspec.Struct, frozen=True):
    """Who calls the Workspace API; `roles` holds every role that is satisfied."""

    token_id: int
    workspace_id: int
    actor: Actor
    credential: str
    roles: frozenset[str]
    is_sandbox: bool


_COLUMNS = "id, workspace_id, name, hint, role, created_at, revoked_at"

CREATE = sql(f"""
    INSERT INTO staff_tokens (workspace_id, name, hash, hint, role, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING {_COLUMNS}
""")  # noqa: S608


async def create(
    database: Database, workspace_id: int, *, name: str, role: str, now: datetime, secret: str | None = None
) -> NewToken:
    """Make a token. Only the demo brings its own `secret`. Raises Invalid for a name or role."""
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("A token's name has 1 to 100 characters.", field="name")
    if role not in CHOICES:
        raise Invalid(f"There is no role {role!r}. Choose one of: {', '.join(CHOICES)}.", field="role")
    secret = secret or ids.token(PREFIX, _LENGTH)
    hint = secret[: len(PREFIX) + 4]
    row = await database.fetchrow(CREATE, workspace_id, name.strip(), digest(secret), hint, role, now)
    assert row is not None
    return NewToken(Token(*row), secret)


LIST = sql(f"SELECT {_COLUMNS} FROM staff_tokens WHERE workspace_id = $1 ORDER BY id")  # noqa: S608


async def list_all(database: Database, workspace_id: int) -> list[Token]:
    """The workspace's tokens, revoked ones included, oldest first."""
    return [Token(*row) for row in await database.fetch(LIST, workspace_id)]


REVOKE = sql(
    """
    WITH revoked AS (
        UPDATE staff_tokens
           SET revoked_at = coalesce(revoked_at, $2)
         WHERE id = $1
        RETURNING workspace_id
    )
    SELECT workspace_id, pg_notify('hospes_changes', 'key') FROM revoked
    """,
    across="a token is revoked by its id alone",
)


async def revoke(database: Database, token_id: int, *, now: datetime) -> int:
    """Stop a token, in every process. Revoking twice changes nothing. Returns whose it is. Raises NotFound."""
    row = await database.fetchrow(REVOKE, token_id, now)
    if row is None:
        raise NotFound(f"There is no token {token_id}. List them with: hospes tokens list")
    return int(row[0])


IS_KNOWN = sql("SELECT EXISTS (SELECT FROM staff_tokens WHERE hash = $1)", across="a token tells its workspace")


async def is_known(database: Database, secret: str) -> bool:
    """Whether this token was ever made; a revoked one stays known."""
    row = await database.fetchrow(IS_KNOWN, digest(secret))
    return bool(row and row[0])


FIND = sql(
    """
    SELECT t.id, t.workspace_id, t.name, t.role, t.revoked_at, w.sandbox_at IS NOT NULL AS is_sandbox
      FROM staff_tokens t
      JOIN workspaces w ON w.id = t.workspace_id
     WHERE t.hash = $1
    """,
    across="the token tells the workspace",
)


class _Row(msgspec.Struct, frozen=True):
    id: int
    workspace_id: int
    name: str
    role: str
    revoked_at: datetime | None
    is_sandbox: bool


async def find(database: Database, hashed: bytes) -> Member | None:
    """Who has the token with this SHA-256, or None when it is unknown or revoked."""
    row = await database.fetchrow(FIND, hashed)
    found = _Row(*row) if row is not None else None
    if found is None or found.revoked_at is not None:
        return None
    return Member(
        token_id=found.id,
        workspace_id=found.workspace_id,
        actor=Actor("workspace_api", f"Token: {found.name}"),
        credential=f"token:{found.id}",
        roles=frozenset({NETWORK} if found.role == NETWORK else ROLES[: ROLES.index(found.role) + 1]),
        is_sandbox=found.is_sandbox,
    )
