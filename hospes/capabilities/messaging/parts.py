"""Text messages that come in several parts, kept until they are whole. 3GPP TS 23.040, 9.2.3.24.1.

Read one by one, the last part of a long message could be taken for a STOP, and a STOP with enough pictures
behind it for none.
"""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Database, sql

# Whoever asks for something does so in 60 characters, which are two parts where each takes four bytes.
MOST = 5
# A phone counts its messages from 0 to 255, so that one comes back after a while.
_KEPT = timedelta(hours=24)
_LONGEST = 2000


class Part(msgspec.Struct, frozen=True):
    """Which part of which message: parts with one `reference` are `number` 1 to `total`."""

    reference: int
    number: int
    total: int

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the message, or says what cannot be."""
        return self.total < 2 or not (1 <= self.number <= self.total and 0 <= self.reference < 2**31)


KEEP = sql(
    """
    INSERT INTO sms_parts (sender, reference, parts, part, text, came_at)
    VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (sender, reference, parts, part) DO UPDATE
       SET text = excluded.text, came_at = excluded.came_at
    """,
    across="comes before a workspace is known",
)
HERE = sql(
    """
    SELECT text
      FROM sms_parts
     WHERE sender = $1 AND reference = $2 AND parts = $3 AND came_at > $4
     ORDER BY part
    """,
    across="comes before a workspace is known",
)


async def joined(database: Database, sender: str, text: str, part: Part, *, now: datetime) -> str | None:
    """The message, once all of its parts are here; None before that, and for one too long to ask for anything."""
    if part.total > MOST:
        return None
    which = sender, part.reference, part.total
    # Half a character, where a phone tore one apart, cannot be stored.
    clean = text[:_LONGEST].replace("\0", "").encode(errors="replace").decode()
    await database.execute(KEEP, *which, part.number, clean, now)
    found = await database.fetch(HERE, *which, now - _KEPT)
    return "".join(row[0] for row in found) if len(found) == part.total else None


FORGET = sql(
    "DELETE FROM sms_parts WHERE sender = $1 AND reference = $2 AND parts = $3",
    across="comes before a workspace is known",
)
SWEEP = sql("DELETE FROM sms_parts WHERE came_at < $1", across="sweeps the whole house")


async def forget(database: Database, sender: str, part: Part) -> None:
    """Let go of a message that was followed; until then, whoever dies over it can be told it again."""
    await database.execute(FORGET, sender, part.reference, part.total)


async def sweep(database: Database, now: datetime) -> None:
    """Forget parts whose others did not come within a day."""
    await database.execute(SWEEP, now - _KEPT)
