"""Partner apps of the Audience API: one consent gives one token, which lives until it is taken back.

Not OAuth 2.0: names of its own, no scopes, no refreshing. Audience API 1.3, 7.
"""

from datetime import datetime, timedelta

import msgspec

from hospes.base import ids
from hospes.base.db import Actor, Database, Reader, Tx, sql
from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import digest, same
from hospes.capabilities.access.brand_keys import SETTINGS, Brand, settings_of
from hospes.capabilities.oauth import redirects

CODE_LIFE = timedelta(minutes=10)
_CODE, _TOKEN = "pac_", "pat_"
_LENGTH = 43
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class PartnerApp(msgspec.Struct, frozen=True):
    id: int
    client_id: str
    name: str
    secret_hash: bytes
    redirect_uri: str
    created_at: datetime


_COLUMNS = "id, client_id, name, secret_hash, redirect_uri, created_at"
CREATE = sql(
    f"""
    INSERT INTO partner_apps (client_id, name, secret_hash, redirect_uri, created_at)
    VALUES ($1, $2, $3, $4, $5)
    RETURNING {_COLUMNS}
    """,  # noqa: S608
    across="an app is the installation's",
)


async def register(database: Database, *, name: str, redirect_uri: str, now: datetime) -> tuple[PartnerApp, str]:
    """Make an app; returns it and its secret, which is known at this moment alone. Raises Invalid."""
    if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
        raise Invalid("An app's name has 1 to 100 printable characters.", field="name")
    fault = redirects.fault(redirect_uri)
    if fault is not None:
        raise Invalid(fault, field="redirect_uri")
    client_id = "/".join("".join(ids.choice(_DIGITS) for _ in range(length)) for length in (8, 16))
    secret = ids.token("pas_", _LENGTH)
    row = await database.fetchrow(CREATE, client_id, name.strip(), digest(secret), redirect_uri, now)
    assert row is not None
    return PartnerApp(*row), secret


LIST = sql(f"SELECT {_COLUMNS} FROM partner_apps ORDER BY id", across="apps are the installation's")  # noqa: S608
FIND = sql(f"SELECT {_COLUMNS} FROM partner_apps WHERE client_id = $1", across="an app is the installation's")  # noqa: S608


async def list_all(database: Database) -> list[PartnerApp]:
    """Every app, oldest first."""
    return [PartnerApp(*row) for row in await database.fetch(LIST)]


async def find_app(database: Database, client_id: str) -> PartnerApp | None:
    row = await database.fetchrow(FIND, client_id)
    return PartnerApp(*row) if row is not None else None


GIVE_CODE = sql("""
    INSERT INTO partner_codes (workspace_id, hash, app_id, staff_id, created_at)
    VALUES ($1, $2, $3, $4, $5)
""")


async def give_code(tx: Tx, app: PartnerApp, *, staff_id: int) -> str:
    """A code that is good once, for ten minutes."""
    code = ids.token(_CODE, _LENGTH)
    await tx.run(GIVE_CODE, digest(code), app.id, staff_id, tx.recorded_at)
    return code


class BadSecret(Invalid):
    """The app's secret is not right."""


class _Code(msgspec.Struct, frozen=True):
    secret_hash: bytes
    created_at: datetime
    used_at: datetime | None


LOOK = sql(
    """
    SELECT a.secret_hash, c.created_at, c.used_at
      FROM partner_codes c
      JOIN partner_apps a ON a.id = c.app_id
     WHERE c.hash = $1
    """,
    across="a code tells its workspace",
)
EXCHANGE = sql(
    """
    WITH used AS (
        UPDATE partner_codes
           SET used_at = $2
         WHERE hash = $1 AND used_at IS NULL
        RETURNING workspace_id, app_id, staff_id
    )
    INSERT INTO partner_tokens (hash, workspace_id, app_id, staff_id, created_at)
    SELECT $3, workspace_id, app_id, staff_id, $2 FROM used
    RETURNING id
    """,
    across="a code tells its workspace",
)


async def exchange(database: Database, *, code: str, secret: str, now: datetime) -> str:
    """A permanent token for a code. Raises BadSecret, or Invalid when the code is unknown, used or too old."""
    row = await database.fetchrow(LOOK, digest(code))
    known = _Code(*row) if row is not None else None
    if known is not None and not same(known.secret_hash, digest(secret)):
        raise BadSecret
    if known is None or known.used_at is not None or now - known.created_at >= CODE_LIFE:
        raise Invalid("auth_code is unknown, was used or is too old", field="auth_code")
    token = ids.token(_TOKEN, _LENGTH)
    if await database.fetchrow(EXCHANGE, digest(code), now, digest(token)) is None:
        raise Invalid("auth_code is unknown, was used or is too old", field="auth_code")
    return token


CALLER = sql(
    f"""
    SELECT t.id, t.workspace_id, a.name, w.sandbox_at IS NOT NULL,
           {SETTINGS}
      FROM partner_tokens t
      JOIN partner_apps a ON a.id = t.app_id
      JOIN workspaces w ON w.id = t.workspace_id
      LEFT JOIN brand_settings s ON s.workspace_id = t.workspace_id
     WHERE t.hash = $1 AND t.revoked_at IS NULL
    """,  # noqa: S608
    across="the token tells the workspace",
)


async def find(database: Database, hashed: bytes) -> Brand | None:
    """Who has the token with this SHA-256, or None when it is unknown or was taken back."""
    row = await database.fetchrow(CALLER, hashed)
    if row is None:
        return None
    token_id, workspace_id, name, is_sandbox, *settings = row
    actor = Actor("audience_api", f"Partner app: {name}")
    return Brand(workspace_id, actor, f"partner:{token_id}", is_sandbox, settings_of(settings))


class Connected(msgspec.Struct, frozen=True):
    """A partner app that may act for the workspace."""

    id: int
    name: str
    by: str
    created_at: datetime


CONNECTED = sql("""
    SELECT t.id, a.name, s.name AS by, t.created_at
      FROM partner_tokens t
      JOIN partner_apps a ON a.id = t.app_id
      JOIN staff s ON s.id = t.staff_id
     WHERE t.workspace_id = $1 AND t.revoked_at IS NULL
     ORDER BY t.id
""")
REVOKE = sql("""
    WITH ended AS (
        UPDATE partner_tokens
           SET revoked_at = $3
         WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL
        RETURNING id
    )
    SELECT id, pg_notify('hospes_changes', 'key') FROM ended
""")


async def list_of(reader: Reader) -> list[Connected]:
    """The partner apps of this workspace."""
    return await reader.all(Connected, CONNECTED)


async def disconnect(tx: Tx, token_id: int) -> None:
    """Take a token back, in every process. Raises NotFound."""
    if await tx.value(REVOKE, token_id, tx.recorded_at) is None:
        raise NotFound("Connected app not found")


SWEEP = sql("DELETE FROM partner_codes WHERE created_at < $1", across="codes that nobody can use any more")


async def sweep(database: Database, now: datetime) -> None:
    await database.execute(SWEEP, now - CODE_LIFE)
