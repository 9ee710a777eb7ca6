"""Whether the key fits the database, before anything is written."""

import asyncpg

from hospes.base.connections import DRIVER_ERRORS
from hospes.base.db import Database, sql
from hospes.base.errors import Busy, Misconfigured
from hospes.base.resealing import sealed
from hospes.base.secrets import Unreadable, Vault

_CHECK, _ROOT = "installation/secret_check", "installation/root"
_ACROSS = "belongs to the installation"
SEALED = (
    sealed("installation", "secret_check", {"singleton": "boolean"}, lambda _: _CHECK),
    sealed("installation", "root", {"singleton": "boolean"}, lambda _: _ROOT),
)
FIND = sql("SELECT secret_check, root FROM installation", across=_ACROSS)
SET_CHECK = sql("UPDATE installation SET secret_check = $1 WHERE secret_check IS NULL", across=_ACROSS)
SET_ROOT = sql("UPDATE installation SET root = $1 WHERE root IS NULL", across=_ACROSS)


async def check(database: Database, vault: Vault) -> None:
    """Let the vault derive as it did under its first key.

    Raises Misconfigured, with nothing written, when the database's secrets are sealed with another key.
    """
    row = await database.fetchrow(FIND)
    if row is None or row[0] is None:
        await database.execute(SET_CHECK, vault.seal(b"hospes", _CHECK))
        await database.execute(SET_ROOT, vault.sealed_root(_ROOT))
        return
    _fits(row[0], vault)
    if row[1] is None:
        vault.root_of(row[0])
        await database.execute(SET_ROOT, vault.sealed_root(_ROOT))
        return
    try:
        vault.take_root(row[1], _ROOT)
    except Unreadable:
        raise _another() from None


async def before(dsn: str, vault: Vault | None) -> None:
    """As `check`, for a database that may not be migrated yet; None when there is no key. Raises Busy too."""
    try:
        connection = await asyncpg.connect(dsn, timeout=20)
        try:
            is_there = await connection.fetchval("SELECT to_regclass('installation')") is not None
            found = await connection.fetchval("SELECT secret_check FROM installation") if is_there else None
        finally:
            await connection.close()
    except DRIVER_ERRORS as error:
        raise Busy(f"PostgreSQL cannot be reached ({type(error).__name__}). Check HOSPES_DATABASE_URL.") from None
    if found is None:
        return
    if vault is None:
        raise Misconfigured(
            "The key that sealed the secrets in this database is missing. "
            "Set HOSPES_SECRET_KEY, or put back the file secret.key."
        )
    _fits(found, vault)


def _fits(found: bytes, vault: Vault) -> None:
    try:
        vault.open(found, _CHECK)
    except Unreadable:
        raise _another() from None


def _another() -> Misconfigured:
    return Misconfigured(
        "The secrets in this database are sealed with another key. "
        "Set HOSPES_SECRET_KEY, or put back the file secret.key, as it was."
    )
