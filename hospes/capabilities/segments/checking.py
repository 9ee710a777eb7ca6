"""Members beside a plain recomputation: what `hospes segments check` prints."""

from datetime import datetime

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities.segments import compiling
from hospes.capabilities.segments.definitions import get
from hospes.capabilities.segments.rules import parse


class Difference(msgspec.Struct, frozen=True):
    """Guests who should be in and are not (`missing`), and who should not and are (`surplus`)."""

    segment_id: int
    members: int
    missing: list[int]
    surplus: list[int]

    @property
    def is_none(self) -> bool:
        return not self.missing and not self.surplus


MEMBERS = sql("SELECT guest_id FROM segment_members WHERE workspace_id = $1 AND segment_id = $2")
# Who is still to be judged: something happened, or the clock came to an instant, within this second.
PENDING = sql("""
    SELECT coalesce(g.merged_into, g.id)
      FROM segment_notes n
      JOIN guests g ON g.workspace_id = $1 AND g.id = n.guest_id
     WHERE n.workspace_id = $1
     UNION
    SELECT guest_id FROM segment_dues WHERE workspace_id = $1 AND segment_id = $2 AND due_at <= $3
""")
PUBLISHED = sql("SELECT id FROM segments WHERE workspace_id = $1 AND status = 'published' ORDER BY id")


async def published(reader: Reader) -> list[int]:
    """The segments that have something to compare."""
    return list(await reader.column(PUBLISHED))


async def check(reader: Reader, segment_id: int, *, at: datetime | None = None) -> Difference:
    """Compare a segment's members with everybody for whom its rules hold. Raises NotFound.

    All that is read has to be of one moment, as a snapshot is. Who is still to be judged in it does not count.
    """
    segment = await get(reader, segment_id)
    compiled = compiling.listing(parse(segment.rules), await compiling.surroundings(reader))
    expected = set(await reader.column(compiled.statement, at or reader.now, *compiled.values))
    actual = set(await reader.column(MEMBERS, segment_id))
    pending = set(await reader.column(PENDING, segment_id, at or reader.now))
    return Difference(segment_id, len(actual), sorted(expected - actual - pending), sorted(actual - expected - pending))
