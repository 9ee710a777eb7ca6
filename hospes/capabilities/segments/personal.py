"""What of a guest stands in lists and segments: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Tx, sql

TABLES = {name: rows.whole(name) for name in ("list_members", "segment_members", "segment_dues", "segment_notes")}

FORGET = sql("""
    WITH listed AS (
        DELETE FROM list_members WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), due AS (
        DELETE FROM segment_dues WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    )
    DELETE FROM segment_members WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
""")


async def forget(tx: Tx, family: list[int]) -> None:
    """The guest is on no list and in no segment any more."""
    await tx.run(FORGET, family)
