"""The audit log shows when somebody changed it behind the house's back (case P20)."""

import asyncio

import asyncpg
import pytest

from hospes.capabilities import staff
from tests.living import Api


async def wrong(api: Api) -> int:
    """What `hospes doctor` counts."""
    row = await api.home.server.database.fetchrow(staff.audit.CHECKS["audit log"])
    assert row is not None
    return int(row[0])


async def noted(api: Api, *actions: str) -> None:
    for action in actions:
        async with api.begin() as tx:
            await staff.audit.note(tx, action, staff_id=7, address="10.0.0.1", name="Zoë")


async def test_entries_written_side_by_side_make_one_chain(api: Api) -> None:
    """P20"""
    before = await wrong(api)

    await asyncio.gather(*(noted(api, "app.allowed", "app.refused") for _ in range(8)))

    assert await wrong(api) == before
    assert len(await staff.audit.list_after(api.reader(), None, limit=50)) == 16


@pytest.mark.parametrize(
    "meddling",
    [
        "UPDATE audit_entries SET facts = '{}' WHERE workspace_id = $1 AND action = 'b'",
        "UPDATE audit_entries SET actor = 'Somebody' WHERE workspace_id = $1 AND action = 'c'",
        "UPDATE audit_entries SET acted_at = acted_at + interval '1 microsecond' WHERE workspace_id = $1 AND action = 'a'",
        "DELETE FROM audit_entries WHERE workspace_id = $1 AND action = 'b'",
        "DELETE FROM audit_entries WHERE workspace_id = $1 AND action = 'c'",
        "DELETE FROM audit_entries WHERE workspace_id = $1 AND action IN ('b', 'c')",
        "DELETE FROM audit_entries WHERE workspace_id = $1",
        "UPDATE audit_entries SET hash = NULL WHERE workspace_id = $1",
        "INSERT INTO audit_entries (workspace_id, actor, action, acted_at) VALUES ($1, 'Test', 'd', now())",
        "UPDATE audit_entries SET id = id + 1000000 WHERE workspace_id = $1 AND action = 'a'",
    ],
)
async def test_an_entry_changed_removed_added_or_moved_in_the_database_is_found(api: Api, meddling: str) -> None:
    """P20"""
    await noted(api, "a", "b", "c")
    connection = await asyncpg.connect(api.home.dsn)
    before = await wrong(api)
    transaction = connection.transaction()
    await transaction.start()

    await connection.execute(meddling, api.workspace_id)
    found = await connection.fetchval(staff.audit.CHECKS["audit log"].text)

    await transaction.rollback()
    await connection.close()
    assert (before, found > before) == (0, True)
