"""Every statement of the house, against the migrated schema."""

import asyncpg
import pytest

import hospes.cli.app  # noqa: F401 (with the next, it imports the whole house, and so every statement)
import hospes.house.work  # noqa: F401
from hospes.base.db import STATEMENTS

# Where a workspace cannot be the first thing known (design: these tables are not distributed).
_NOT_BY_WORKSPACE = {
    "installation",
    "schema_migrations",
    "workspaces",
    "api_keys",
    "brand_keys",
    "partner_apps",
    "partner_codes",
    "partner_tokens",
    "staff_tokens",
    "portal_slugs",
    "pass_phones",
    "provider_ids",
    "short_links",
    "sms_parts",
    "staff",
    "memberships",
    "staff_sessions",
    "oauth_clients",
    "oauth_grants",
    "oauth_codes",
    "oauth_tokens",
}


async def test_every_statement_can_be_prepared(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)

    for statement in STATEMENTS:
        await connection.prepare(statement.text)

    assert len(STATEMENTS) > 50
    await connection.close()


def test_every_statement_names_the_workspace_or_says_why_not() -> None:
    silent = [s.text for s in STATEMENTS if s.across is None and ("workspace_id" not in s.text or "$1" not in s.text)]

    advisory = [text for text in silent if "pg_advisory" in text or "nextval" in text]
    assert [text for text in silent if text not in advisory] == []


_TABLES = """
    SELECT c.oid::regclass::text AS name,
           (SELECT array_agg(a.attname::text ORDER BY k.place)
              FROM pg_constraint p, unnest(p.conkey) WITH ORDINALITY k (number, place)
              JOIN pg_attribute a ON a.attnum = k.number AND a.attrelid = c.oid
             WHERE p.conrelid = c.oid AND p.contype = 'p'
               AND a.attrelid = p.conrelid) AS key
      FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""
_INDEXES = """
    SELECT i.indrelid::regclass::text AS tablename, i.indexrelid::regclass::text AS name,
           pg_get_indexdef(i.indexrelid, 1, true) AS first, am.amname AS kind
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_am am ON am.oid = c.relam
     WHERE c.relnamespace = 'public'::regnamespace
"""
_REFERENCES = """
    SELECT conname::text AS name, conrelid::regclass::text AS tablename, confrelid::regclass::text AS target,
           (SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) AS first
      FROM pg_constraint
     WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


# An index that begins otherwise, and why.
_OTHERWISE = {"guest_identifiers_guest": "beside the key, it would look as good to a planner that expects one row"}


async def test_every_table_has_the_workspace_first_in_its_key_its_indexes_and_its_references(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)

    tables = await connection.fetch(_TABLES)
    indexes = await connection.fetch(_INDEXES)
    references = await connection.fetch(_REFERENCES)

    await connection.close()
    assert len(tables) > 15
    for table in tables:
        if table["name"] not in _NOT_BY_WORKSPACE:
            assert table["key"] and table["key"][0] == "workspace_id", table
    for index in indexes:
        # The search index's tokens are hashed together with the workspace.
        if index["tablename"] not in _NOT_BY_WORKSPACE and index["kind"] != "gin" and index["name"] not in _OTHERWISE:
            assert index["first"] == "workspace_id", index
    for reference in references:
        if reference["tablename"] not in _NOT_BY_WORKSPACE:
            assert reference["first"] == "workspace_id", reference


async def test_nothing_in_the_schema_needs_an_extension_or_what_citus_refuses(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)

    extensions = await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'")
    triggers = await connection.fetchval("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal")
    exclusions = await connection.fetchval("SELECT count(*) FROM pg_constraint WHERE contype = 'x'")

    await connection.close()
    assert (extensions, triggers, exclusions) == (0, 0, 0)


@pytest.mark.parametrize("name", ["0001_house"])
async def test_a_changed_migration_is_noticed(dsn: str, name: str) -> None:
    from hospes.base.errors import Misconfigured
    from hospes.base.migrate import migrate, pending

    connection = await asyncpg.connect(dsn)
    checksum = await connection.fetchval("SELECT checksum FROM schema_migrations WHERE version = $1", name)
    await connection.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = $1", name)

    with pytest.raises(Misconfigured, match="was changed after it was applied"):
        await migrate(dsn)

    await connection.execute("UPDATE schema_migrations SET checksum = $2 WHERE version = $1", name, checksum)
    await connection.close()
    assert await migrate(dsn) == []
    assert await pending(dsn) == []
