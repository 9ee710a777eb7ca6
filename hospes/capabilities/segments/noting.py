"""Noting to whom something happened, in the transaction in which it happens.

A note is one row and looks at nothing else, so it costs the writer little; what it means for which
segment is found out after COMMIT (`keeping`).
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities import events
from hospes.capabilities.segments.definitions import JOB

# What segments do themselves; who looks at other segments is judged together with them.
_OWN = "segment."

# Without a segment that has members, there is nothing to keep current. `publish` waits for transactions
# that may have looked here before it was committed.
NOTE = sql("""
    INSERT INTO segment_notes (workspace_id, transaction, guest_id, topic, noted_at)
    SELECT $1, pg_current_xact_id()::text::bigint, guest_id, topic, $4
      FROM unnest($2::bigint[], $3::text[]) AS noted (guest_id, topic)
     WHERE EXISTS (SELECT FROM segments WHERE workspace_id = $1 AND status IN ('processing', 'published'))
        ON CONFLICT (workspace_id, transaction, guest_id, topic) DO NOTHING
""")


async def note(tx: Tx, event: events.Recorded) -> None:
    """A reaction to every event: its guest has to be judged anew by the segments that it concerns."""
    if event.type.startswith(_OWN):
        return
    named = (event.payload.get("guest_id"), event.payload.get("merged_guest_id"))
    topic = f"{events.TRACKED}:{event.payload.get('name')}" if event.type == events.TRACKED else event.type
    await note_all(tx, [(guest_id, topic) for guest_id in named if guest_id is not None])


async def note_all(tx: Tx, noted: Sequence[tuple[int, str]]) -> None:
    """As `note`, for guests and topics: a topic is an event's type, or `event.tracked:` and the event's name."""
    if not noted:
        return
    written = await tx.run(NOTE, [guest for guest, _ in noted], [topic for _, topic in noted], tx.now)
    if written:
        tx.wake(JOB)


# Asked after the events were written: from then on `publish` waits for this transaction.
IS_LIVE = sql("SELECT EXISTS (SELECT FROM segments WHERE workspace_id = $1 AND status IN ('processing', 'published'))")


async def note_tracked(tx: Tx, told: Sequence[events.Tracked]) -> None:
    """As `note`, for events that were tracked together."""
    if await tx.value(IS_LIVE):
        await note_all(tx, sorted({(one.guest_id, f"{events.TRACKED}:{one.name}") for one in told}))


class Noted(msgspec.Struct, frozen=True):
    """A guest to whom something happened, and the one that answers for it; None when it is gone."""

    guest_id: int
    head: int | None
    topic: str
    noted_at: datetime


# The oldest transactions first. A merged guest leads to the one that answers for it; it is to leave, too.
TAKE = sql("""
    WITH oldest AS (
        SELECT transaction, guest_id, topic
          FROM segment_notes
         WHERE workspace_id = $1
         ORDER BY transaction, guest_id, topic
         LIMIT $2
    ), taken AS (
        DELETE FROM segment_notes n
         USING oldest o
         WHERE n.workspace_id = $1 AND n.transaction = o.transaction AND n.guest_id = o.guest_id AND n.topic = o.topic
        RETURNING n.guest_id, n.topic, n.noted_at
    )
    SELECT t.guest_id, coalesce(g.merged_into, g.id) AS head, t.topic, t.noted_at
      FROM taken t
      LEFT JOIN guests g ON g.workspace_id = $1 AND g.id = t.guest_id AND g.merged_into IS DISTINCT FROM g.id
""")


async def take(tx: Tx, *, most: int) -> list[Noted]:
    """Take the oldest notes off, to act on them in this transaction."""
    return await tx.all(Noted, TAKE, most)
