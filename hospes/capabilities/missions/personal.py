"""What of a guest stands in the work for their stays: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Tx, sql

_OF_STAYS = """t.booking_id IN (SELECT b.id
                            FROM bookings b
                           WHERE b.workspace_id = $1 AND b.guest_id = ANY ($2::bigint[]))"""
TABLES = {"missions": rows.whole("missions", _OF_STAYS)}

FORGET = sql("""
    UPDATE missions
       SET title = CASE WHEN is_automatic THEN title ELSE initcap(replace(mission_type, '_', ' ')) END,
           description = NULL, report = NULL
     WHERE workspace_id = $1 AND booking_id = ANY ($2::bigint[])
""")


async def forget(tx: Tx, booking_ids: list[int]) -> None:
    """What was done for a stay remains, without what somebody wrote about it."""
    await tx.run(FORGET, booking_ids)
