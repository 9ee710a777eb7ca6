"""What staff wrote about a guest."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.capabilities import events
from hospes.capabilities.guests import merging, profile
from hospes.capabilities.guests.happenings import NoteAdded


class Note(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    text: str
    author: str
    created_at: datetime


LIST = sql("""
    SELECT id, guest_id, text, author, created_at
      FROM notes
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
     ORDER BY created_at DESC, id DESC
     LIMIT $3 OFFSET $4
""")
COUNT = sql("SELECT count(*) FROM notes WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])")


async def list_of(reader: Reader, guest_id: int, *, limit: int, offset: int) -> tuple[list[Note], int]:
    """A page of notes, newest first, and how many there are. Raises NotFound."""
    family = await merging.family(reader, guest_id)
    return await reader.all(Note, LIST, family, limit, offset), int(await reader.value(COUNT, family))


ADD = sql("""
    INSERT INTO notes (workspace_id, guest_id, text, author, created_at)
    VALUES ($1, $2, $3, $4, $5)
    RETURNING id, guest_id, text, author, created_at
""")


async def add(tx: Tx, guest_id: int, text: str) -> Note:
    """Add a note of 1 to 5,000 characters, signed by who acts. Raises NotFound. Guest API 8.9."""
    guest = await profile.get(tx, guest_id)
    note = await tx.find(Note, ADD, guest.id, text, tx.actor.name, tx.now)
    assert note is not None
    await events.record(tx, NoteAdded(guest_id=guest.id, note_id=note.id), location_id=guest.location_id)
    return note
