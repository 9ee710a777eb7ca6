"""The audit log: who did what that others will ask about. Entries are only added."""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, sql


class Entry(msgspec.Struct, frozen=True):
    """`action` is a fact in the past tense, such as `staff.signed_in`; `facts` hold ids and names, no secrets."""

    id: int
    actor: str
    action: str
    facts: dict[str, Any]
    acted_at: datetime


WRITE = sql("""
    INSERT INTO audit_entries (workspace_id, actor, action, facts, acted_at)
    VALUES ($1, $2, $3, $4, $5)
""")
LIST = sql("""
    SELECT id, actor, action, facts, acted_at
      FROM audit_entries
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")


async def note(tx: Tx, action: str, **facts: Any) -> None:
    """Write one entry, in the transaction of what it tells of."""
    await tx.run(WRITE, tx.actor.name, action, facts, tx.now)


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Entry]:
    """A page of entries, the newest first, behind the id `after`."""
    return await reader.all(Entry, LIST, after, limit)
