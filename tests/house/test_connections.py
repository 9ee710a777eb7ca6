"""Connections of a process that are closed while one is lent."""

import asyncio

import asyncpg
import pytest

from hospes.base import connections as lending
from hospes.base.connections import DRIVER_ERRORS, Connections


async def test_whoever_does_not_give_back_is_not_waited_for_without_end(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a twentieth of a second here, instead of ten."""
    monkeypatch.setattr(lending, "_WAIT_SECONDS", 0.05)
    connections = Connections(await asyncpg.create_pool(dsn, min_size=0, max_size=1))
    connection = await connections.take()

    async with asyncio.timeout(5):
        await connections.close()

    with pytest.raises(DRIVER_ERRORS):
        await connection.fetchval("SELECT 1")
