"""Marks along the list of guests, so that a page far back costs little more than the first.

New guests come in at the front, so a guest's rank counted from the oldest stays what it is. Every
STRIDE guests a mark remembers a rank; a page at any offset starts at the nearest mark.
"""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Database, Reader, Tx, sql
from hospes.capabilities import workspaces

STRIDE = 1000
# A transaction may commit a guest that is older than the newest; marks keep away from the front.
_SETTLED = timedelta(minutes=5)

EXTEND = sql("""
    WITH last AS (
        SELECT rank, created_at, guest_id
          FROM guest_marks
         WHERE workspace_id = $1
         ORDER BY rank DESC
         LIMIT 1
    ), following AS (
        SELECT created_at, id, row_number() OVER (ORDER BY created_at, id) AS step
          FROM guests
         WHERE workspace_id = $1 AND merged_into IS NULL AND created_at < $2
           AND (created_at, id) > (coalesce((SELECT created_at FROM last), '-infinity'::timestamptz),
                                   coalesce((SELECT guest_id FROM last), 0))
    )
    INSERT INTO guest_marks (workspace_id, rank, created_at, guest_id)
    SELECT $1, coalesce((SELECT rank FROM last), 0) + step, created_at, id
      FROM following
     WHERE step % $3 = 0
        ON CONFLICT DO NOTHING
""")


async def extend(database: Database, workspace: workspaces.Workspace, now: datetime) -> None:
    """Set marks over guests that came since the last one. Sandboxes go without: their clock jumps."""
    if not workspace.is_sandbox:
        await database.execute(EXTEND, workspace.id, now - _SETTLED, STRIDE)


class Mark(msgspec.Struct, frozen=True):
    """The guest whose rank, counted from the oldest, is `rank`."""

    rank: int
    created_at: datetime
    guest_id: int


NEAREST = sql("""
    SELECT rank, created_at, guest_id
      FROM guest_marks
     WHERE workspace_id = $1 AND rank >= $2
     ORDER BY rank
     LIMIT 1
""")


async def nearest(reader: Reader, rank: int) -> Mark | None:
    """The first mark at or before (in the list) the guest of this rank."""
    return await reader.find(Mark, NEAREST, rank)


FORGET = sql("DELETE FROM guest_marks WHERE workspace_id = $1 AND (created_at, guest_id) >= ($2, $3)")


async def forget(tx: Tx, created_at: datetime, guest_id: int) -> None:
    """A guest left the list, or came back to it: ranks behind it are no longer true."""
    await tx.run(FORGET, created_at, guest_id)
