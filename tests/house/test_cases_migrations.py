"""Case D49, as far as one release goes: a migration that finds its tables in use does not hold up everybody else."""

import os
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hospes.base import migrate
from hospes.base.errors import Busy
from hospes.base.migrate import Migration
from tests.conftest import with_database

FILES = {migration.version: migration for migration in migrate.migrations()}
LIMIT = re.compile(r"SET LOCAL (lock_timeout|statement_timeout) = '(\d+)s';", re.IGNORECASE)
CREATES = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
# What waits for a lock that stops others, on the table that it names.
TOUCHES = re.compile(
    r"(?:ALTER TABLE|DROP TABLE|TRUNCATE|LOCK TABLE|CREATE (?:UNIQUE )?INDEX \w+ ON|CREATE TRIGGER \w+ .*? ON)"
    r" (?:IF EXISTS )?(?:ONLY )?(\w+)",
    re.IGNORECASE,
)


def statements(migration: Migration) -> str:
    """Its text without comments."""
    return re.sub(r"--[^\n]*", "", migration.text).strip()


def older_tables(migration: Migration) -> set[str]:
    """Tables that it changes and did not make itself."""
    text = statements(migration)
    return set(TOUCHES.findall(text)) - set(CREATES.findall(text))


@pytest.mark.parametrize("version", FILES)
def test_every_migration_first_says_how_long_it_waits(version: str) -> None:
    """D49: who waits for a table also stops all who come after, so nobody waits for long."""
    text = statements(FILES[version])
    first, second = [part.strip() + ";" for part in text.split(";")[:2]]
    limits = {found[1]: int(found[2]) for found in (LIMIT.fullmatch(first), LIMIT.fullmatch(second)) if found}

    assert set(limits) == {"lock_timeout", "statement_timeout"}, "the first two statements are the limits"
    assert limits["lock_timeout"] <= 5
    assert len(LIMIT.findall(text)) == 2, "nothing further down takes the limits away"


def test_the_rule_sees_migrations_that_change_what_is_there() -> None:
    """D49: else the rule above would prove nothing."""
    changing = {version: older_tables(migration) for version, migration in FILES.items()}

    assert changing["0001_house"] == set()
    assert {"portals"} <= changing["0006_wifi"]
    assert {"locations"} <= changing["0007_passes"]


@pytest.fixture
async def empty(postgres_dsn: str) -> AsyncIterator[str]:
    """A database without a table."""
    name = f"hospes_empty_{os.getpid()}"
    admin = await asyncpg.connect(postgres_dsn)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    yield with_database(postgres_dsn, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def test_a_table_in_use_ends_the_migration_and_who_came_after_it_goes_on(empty: str) -> None:
    """D49: with a twentieth of a second instead of five; then nothing of it is there, and the next try succeeds."""
    owner, reader, later = [await asyncpg.connect(empty) for _ in range(3)]
    for version in sorted(FILES):
        if version < "0006_wifi":
            await owner.execute(f"BEGIN;{FILES[version].text};COMMIT")
    text = FILES["0006_wifi"].text.replace("lock_timeout = '5s'", "lock_timeout = '50ms'")
    reading = reader.transaction()
    await reading.start()
    await reader.fetch("SELECT FROM portals")

    with pytest.raises(asyncpg.LockNotAvailableError):
        await owner.execute(f"BEGIN;{text};COMMIT")
    await owner.execute("ROLLBACK")
    await later.execute("SET statement_timeout = '1s'")
    after = await later.fetchval("SELECT count(*) FROM portals")
    half = await later.fetchval("SELECT to_regclass('portal_slugs')")
    await reading.rollback()
    await owner.execute(f"BEGIN;{text};COMMIT")

    assert (after, half) == (0, None)
    assert await later.fetchval("SELECT to_regclass('portal_slugs')") == "portal_slugs"
    for connection in (owner, reader, later):
        await connection.close()


async def test_a_server_that_waits_for_anothers_migration_says_so_and_can_start_later(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D49"""
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0.05)
    other = await asyncpg.connect(empty)
    await other.execute("SELECT pg_advisory_lock($1)", migrate._LOCK)

    with pytest.raises(Busy, match=r"Another server migrates this database.*Start again in a moment"):
        await migrate.migrate(empty)

    await other.close()
    assert await migrate.migrate(empty) == list(FILES)
