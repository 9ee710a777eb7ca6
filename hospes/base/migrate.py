"""Migrations: plain SQL files, forward only, one transaction each, under one lock."""

import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any

import asyncpg
import msgspec

from hospes.base.errors import Busy, Misconfigured

_LOCK = 0x686F73706573  # "hospes"
# How long to wait for another server that migrates; each file says how long it waits for a table.
_LOCK_SECONDS = 10.0


class Migration(msgspec.Struct, frozen=True):
    version: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The files of `hospes/migrations`, in order."""
    files = sorted(resources.files("hospes.migrations").iterdir(), key=lambda file: file.name)
    return [Migration(file.name[:-4], file.read_text()) for file in files if file.name.endswith(".sql")]


async def migrate(dsn: str, *, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Bring the schema up to date; returns the versions applied.

    A lock makes several servers that start at once take turns. Raises Misconfigured when the
    database was migrated by a newer Hospes or a file was changed after it was applied, and Busy when
    somebody holds for too long what a migration needs; that one is then rolled back.
    """
    connection = await _connect(dsn)
    try:
        await connection.execute(f"SET lock_timeout = {round(_LOCK_SECONDS * 1000)}")
        await connection.fetchval("SELECT pg_advisory_lock($1)", _LOCK)
        return await _apply_missing(connection, say)
    except asyncpg.LockNotAvailableError:
        raise Busy(
            "Another server migrates this database, or something holds one of its tables. "
            "The migration that had to wait was not applied. Start again in a moment."
        ) from None
    finally:
        await connection.close()


async def pending(dsn: str) -> list[str]:
    """The versions that `migrate` would apply."""
    connection = await _connect(dsn)
    try:
        done = await _applied(connection)
        return [migration.version for migration in migrations() if migration.version not in done]
    finally:
        await connection.close()


async def _connect(dsn: str) -> Any:
    try:
        return await asyncpg.connect(dsn, timeout=20)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Busy(f"PostgreSQL cannot be reached ({type(error).__name__}). Check HOSPES_DATABASE_URL.") from None


async def _applied(connection: Any) -> dict[str, str]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return {}
    return dict(await connection.fetch("SELECT version, checksum FROM schema_migrations"))


async def _apply_missing(connection: Any, say: Callable[[str], None]) -> list[str]:
    if connection.get_server_version() < (15,):
        raise Misconfigured("Hospes needs PostgreSQL 15 or newer.")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations "
        "(version text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    done, ours, applied = await _applied(connection), migrations(), []
    unknown = sorted(set(done) - {migration.version for migration in ours})
    if unknown:
        raise Misconfigured(f"The database was migrated by a newer Hospes ({unknown[-1]}). Start that version instead.")
    for migration in ours:
        if migration.version not in done:
            say(f"Migrating: {migration.version}")
            async with connection.transaction():
                await connection.execute(migration.text)
                await connection.execute(
                    "INSERT INTO schema_migrations (version, checksum) VALUES ($1, $2)",
                    migration.version,
                    migration.checksum,
                )
            applied.append(migration.version)
        elif done[migration.version] != migration.checksum:
            raise Misconfigured(f"Migration {migration.version} was changed after it was applied. Restore its file.")
    return applied
