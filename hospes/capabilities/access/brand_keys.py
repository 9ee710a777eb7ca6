"""Keys of the Audience API: a brand has several, each is on or off. Audience API 1.2."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from hospes.base import ids, zones
from hospes.base.db import Actor, Database, sql
from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import digest

PREFIX = "bk_"
_LENGTH = 40


class BrandKey(msgspec.Struct, frozen=True):
    """A key as it may be shown: `hint` is its beginning."""

    id: int
    workspace_id: int
    name: str
    hint: str
    created_at: datetime
    deactivated_at: datetime | None


class Brand(msgspec.Struct, frozen=True):
    """Who calls, with what the workspace set. Limits are requests a minute."""

    workspace_id: int
    actor: Actor
    credential: str
    is_sandbox: bool
    settings: "Settings"


class Settings(msgspec.Struct, frozen=True):
    """Times without an offset are in `time_zone`; limits by group, requests a minute."""

    merges_profiles: bool = False
    time_zone: str = "UTC"
    user_limit: int = 100
    event_limit: int = 500
    campaign_limit: int = 500
    reporting_limit: int = 50


_COLUMNS = "id, workspace_id, name, hint, created_at, deactivated_at"
CREATE = sql(f"""
    INSERT INTO brand_keys (workspace_id, name, hash, hint, created_at)
    VALUES ($1, $2, $3, $4, $5)
    RETURNING {_COLUMNS}
""")  # noqa: S608


async def create(
    database: Database, workspace_id: int, *, name: str, now: datetime, secret: str | None = None
) -> tuple[BrandKey, str]:
    """Make a key; returns it and its secret, which is known at this moment alone. Only the demo brings its own.

    Raises Invalid.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("A key's name has 1 to 100 characters.", field="name")
    secret = secret or ids.token(PREFIX, _LENGTH)
    hint = secret[: len(PREFIX) + 4]
    row = await database.fetchrow(CREATE, workspace_id, name.strip(), digest(secret), hint, now)
    assert row is not None
    return BrandKey(*row), secret


LIST = sql(f"SELECT {_COLUMNS} FROM brand_keys WHERE workspace_id = $1 ORDER BY id")  # noqa: S608


async def list_all(database: Database, workspace_id: int) -> list[BrandKey]:
    """The workspace's keys, deactivated ones included, oldest first."""
    return [BrandKey(*row) for row in await database.fetch(LIST, workspace_id)]


DEACTIVATE = sql(
    """
    WITH ended AS (
        UPDATE brand_keys
           SET deactivated_at = coalesce(deactivated_at, $2)
         WHERE id = $1
        RETURNING workspace_id
    )
    SELECT workspace_id, pg_notify('hospes_changes', 'key') FROM ended
    """,
    across="a key is deactivated by its id alone",
)


async def deactivate(database: Database, key_id: int, *, now: datetime) -> int:
    """Stop a key, in every process. Twice changes nothing. Returns whose it is. Raises NotFound."""
    row = await database.fetchrow(DEACTIVATE, key_id, now)
    if row is None:
        raise NotFound(f"There is no key {key_id}. List them with: hospes brand-keys list")
    return int(row[0])


KNOWN = sql("SELECT EXISTS (SELECT FROM brand_keys WHERE hash = $1)", across="a key tells its workspace")


async def is_live(database: Database, secret: str) -> bool:
    """Whether this key is accepted."""
    return await find(database, digest(secret)) is not None


async def is_known(database: Database, secret: str) -> bool:
    """Whether this key was ever made; a deactivated one stays known."""
    row = await database.fetchrow(KNOWN, digest(secret))
    return bool(row and row[0])


# All null where the workspace set nothing.
SETTINGS = "s.merges_profiles, s.time_zone, s.user_limit, s.event_limit, s.campaign_limit, s.reporting_limit"
FIND = sql(
    f"""
    SELECT k.id, k.workspace_id, k.name, w.sandbox_at IS NOT NULL,
           {SETTINGS}
      FROM brand_keys k
      JOIN workspaces w ON w.id = k.workspace_id
      LEFT JOIN brand_settings s ON s.workspace_id = k.workspace_id
     WHERE k.hash = $1 AND k.deactivated_at IS NULL
    """,  # noqa: S608
    across="the key tells the workspace",
)


async def find(database: Database, hashed: bytes) -> Brand | None:
    """Who has the key with this SHA-256, or None when it is unknown or deactivated."""
    row = await database.fetchrow(FIND, hashed)
    if row is None:
        return None
    key_id, workspace_id, name, is_sandbox, *settings = row
    actor = Actor("audience_api", f"Brand key: {name}")
    return Brand(workspace_id, actor, f"brand:{key_id}", is_sandbox, settings_of(settings))


def settings_of(columns: Sequence[Any]) -> Settings:
    """What the columns `SETTINGS` say: the contract's defaults where the workspace set nothing."""
    return Settings(*columns) if columns[0] is not None else Settings()


GET_SETTINGS = sql(
    f"SELECT {SETTINGS} FROM workspaces w LEFT JOIN brand_settings s ON s.workspace_id = w.id WHERE w.id = $1"  # noqa: S608
)
SET = sql("""
    WITH kept AS (
        INSERT INTO brand_settings (workspace_id, merges_profiles, time_zone, user_limit, event_limit, campaign_limit,
                                    reporting_limit)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (workspace_id) DO UPDATE
           SET merges_profiles = excluded.merges_profiles, time_zone = excluded.time_zone,
               user_limit = excluded.user_limit, event_limit = excluded.event_limit,
               campaign_limit = excluded.campaign_limit, reporting_limit = excluded.reporting_limit
        RETURNING workspace_id
    )
    SELECT workspace_id, pg_notify('hospes_changes', 'key') FROM kept
""")


async def get_settings(database: Database, workspace_id: int) -> Settings:
    """What the workspace set; the contract's defaults where it set nothing. Raises NotFound."""
    row = await database.fetchrow(GET_SETTINGS, workspace_id)
    if row is None:
        raise NotFound(f"There is no workspace {workspace_id}.")
    return settings_of(tuple(row))


async def set_settings(database: Database, workspace_id: int, settings: Settings) -> None:
    """Change them, in every process. Raises Invalid for a limit that is not 1 to 10,000 or an unknown time zone."""
    limits = msgspec.structs.astuple(settings)[2:]
    if not all(1 <= limit <= 10_000 for limit in limits):
        raise Invalid("A limit is 1 to 10,000 requests a minute.")
    if not zones.is_known(settings.time_zone):
        raise Invalid(f"There is no time zone {settings.time_zone!r}. Use an IANA name such as Europe/Paris.")
    await database.fetchrow(SET, workspace_id, *msgspec.structs.astuple(settings))
