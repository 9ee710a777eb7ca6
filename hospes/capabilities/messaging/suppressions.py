"""Addresses that nothing is sent to any more: they bounced for good, or their owner complained."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import NotFound
from hospes.capabilities.messaging import registrations


class Suppression(msgspec.Struct, frozen=True):
    channel: str
    address: str
    reason: str
    created_at: datetime


LIST = sql("""
    SELECT channel, address, reason, created_at
      FROM suppressions
     WHERE workspace_id = $1 AND ($2::text IS NULL OR address > $2)
     ORDER BY address, channel
     LIMIT $3
""")
ADD = sql("""
    INSERT INTO suppressions (workspace_id, channel, address, reason, created_at)
    VALUES ($1, $2, lower($3), $4, $5)
        ON CONFLICT DO NOTHING
""")
REMOVE = sql("DELETE FROM suppressions WHERE workspace_id = $1 AND channel = $2 AND address = lower($3)")
FIND = sql("""
    SELECT channel, address, reason, created_at
      FROM suppressions
     WHERE workspace_id = $1 AND channel = $2 AND address = lower($3)
""")
HOLDS = sql("SELECT EXISTS (SELECT FROM suppressions WHERE workspace_id = $1 AND channel = $2 AND address = lower($3))")


async def list_after(reader: Reader, after: str | None, *, limit: int) -> list[Suppression]:
    """A page of suppressed addresses in their order, behind the address `after`."""
    return await reader.all(Suppression, LIST, after, limit)


async def add(tx: Tx, channel: str, address: str, *, reason: str) -> None:
    """Send nothing there any more. A registration for pushes ends, and the guest's others stay."""
    if channel == "push":
        await registrations.end(tx, int(address), reason=reason)
        return
    await tx.run(ADD, channel, address, reason[:500], tx.now)


async def remove(tx: Tx, channel: str, address: str) -> None:
    """Send there again. Raises NotFound."""
    if not await tx.run(REMOVE, channel, address):
        raise NotFound("The address is not suppressed")


async def holds(reader: Reader, channel: str, address: str) -> bool:
    """Whether the address is suppressed."""
    return bool(await reader.value(HOLDS, channel, address))


async def find(reader: Reader, channel: str, address: str) -> Suppression | None:
    """Why nothing is sent to the address; None when it is not suppressed."""
    return await reader.find(Suppression, FIND, channel, address)
