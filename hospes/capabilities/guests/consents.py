"""What guests agreed to, answer after answer: nothing is changed, only answered anew."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.capabilities.guests import merging


class Consent(msgspec.Struct, frozen=True):
    """One answer: for which channel, which way, in which words, through which door, on what evidence."""

    channel: str
    is_granted: bool
    words: str | None
    door: str
    evidence: str
    position: int
    recorded_at: datetime


CONFIRM = sql("""
    INSERT INTO consents (workspace_id, guest_id, channel, is_granted, words, door, evidence, position, recorded_at)
    VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8)
""")


async def confirm(tx: Tx, guest_id: int, channel: str, *, words: str, evidence: str, position: int) -> None:
    """A guest who had agreed agrees once more, to these words; `position` is the event's with which it came."""
    await tx.run(CONFIRM, guest_id, channel, words, tx.actor.door, evidence, position, tx.now)


HISTORY = sql("""
    SELECT channel, is_granted, words, door, evidence, position, recorded_at
      FROM consents
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
     ORDER BY id
""")


async def history(reader: Reader, guest_id: int) -> list[Consent]:
    """Every answer, oldest first. Raises NotFound."""
    return await reader.all(Consent, HISTORY, await merging.family(reader, guest_id))
