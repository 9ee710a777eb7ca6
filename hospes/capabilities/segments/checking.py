"""Members beside a plain recomputation: what `hospes segments check` prints."""

from datetime import datetime

import msgspec

from hospes.base.db import Tx, sql
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
PUBLISHED = sql("SELECT id FROM segments WHERE workspace_id = $1 AND status = 'published' ORDER BY id")


async def published(tx: Tx) -> list[int]:
    """The segments that have something to compare."""
    return list(await tx.column(PUBLISHED))


async def check(tx: Tx, segment_id: int, *, at: datetime | None = None) -> Difference:
    """Compare a segment's members with everybody for whom its rules hold. Raises NotFound.

    What happened in the last second may not be judged yet, and is no difference a moment later.
    """
    segment = await get(tx, segment_id)
    compiled = compiling.listing(parse(segment.rules), await compiling.surroundings(tx))
    expected = set(await tx.column(compiled.statement, at or tx.now, *compiled.values))
    actual = set(await tx.column(MEMBERS, segment_id))
    return Difference(segment_id, len(actual), sorted(expected - actual), sorted(actual - expected))
