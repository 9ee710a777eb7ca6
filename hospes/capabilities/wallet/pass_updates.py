"""What happens to a guest changes the guest's passes, in the same transaction."""

from collections.abc import Sequence
from typing import Any

from hospes.base.db import Tx, sql
from hospes.capabilities import events as log
from hospes.capabilities.wallet.pass_devices import JOB

# What a pass shows of a guest's profile.
_SHOWN = {"name"}

# The first event of a transaction moves the tag; the others find it moved. A later change is a later
# second, however fast they come, so that If-Modified-Since can tell them apart.
MOVE = sql("""
    UPDATE passes
       SET tag = greatest(tag, $3),
           modified_at = greatest(date_trunc('second', $4::timestamptz), modified_at + interval '1 second')
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND tag >> 16 <> $3::bigint >> 16
    RETURNING id
""")
# In one order, so that two guests who share two phones do not wait for each other crosswise.
OWE = sql("""
    WITH told AS (
        SELECT d.device
          FROM pass_devices d
         WHERE d.workspace_id = $1
           AND d.device IN (SELECT r.device
                              FROM pass_registrations r
                             WHERE r.workspace_id = $1 AND r.pass_id = ANY ($2::bigint[]))
         ORDER BY d.device
           FOR UPDATE
    )
    UPDATE pass_devices d
       SET due_at = $3, wanted = wanted + 1, attempts = 0
      FROM told
     WHERE d.workspace_id = $1 AND d.device = told.device
""")


async def refresh(tx: Tx, event: log.Recorded) -> None:
    """A reaction: what a pass shows has changed, so its tag moves and its phones are owed a push."""
    guest_ids = concerned(event.type, event.payload)
    if not guest_ids:
        return
    moved = await tx.column(MOVE, guest_ids, event.position, tx.recorded_at)
    if moved and await tx.run(OWE, moved, tx.now):
        tx.wake(JOB)


def concerned(type_: str, payload: dict[str, Any]) -> Sequence[int]:
    """The guests whose passes an event changes."""
    if type_ in ("guest.merged", "guest.unmerged"):
        return [payload["guest_id"], payload["merged_guest_id"]]
    if type_ == "guest.updated":
        return [payload["guest_id"]] if _SHOWN.intersection(payload["changed"]) else []
    if type_.startswith(("loyalty.", "promotion.")) or type_ == "wallet.redeemed":
        return [payload["guest_id"]]
    return []
