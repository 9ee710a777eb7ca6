"""A guest with points, tier and visits, in one statement for one guest and few for a page of them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities import guests, loyalty, wifi


class Record(guests.Guest, frozen=True):
    """`points` to spend now, the slug of the `tier`, and how often the guest came."""

    points: int
    tier: str | None
    visits: int
    is_alone: bool


# Who was merged with others, or ranked over a window, is asked about once more (`whole`).
GET = sql(f"""
    SELECT {guests.COLUMNS},
           {loyalty.standing.POINTS_OF_GUEST} AS points,
           {loyalty.standing.TIER_OF_GUEST} AS tier,
           {wifi.visits.COUNT_OF_GUEST} AS visits,
           g.absorbed = 0 AND NOT {loyalty.standing.IS_WINDOWED} AS is_alone
      FROM guests g
     WHERE g.workspace_id = $1 AND g.id = $2
""")  # noqa: S608 (constants only)


async def get(reader: Reader, guest_id: int) -> Record:
    """The record that this id answers for. Raises NotFound."""
    record = await reader.find(Record, GET, guest_id, reader.now)
    if record is None or record.merged_into is not None:
        guest = await guests.get(reader, guest_id)
        record = await reader.find(Record, GET, guest.id, reader.now)
        assert record is not None
    if record.is_alone:
        return record
    standing = (await loyalty.standings(reader, [record.id]))[record.id]
    visits = (await wifi.visits.counts(reader, [record.id])).get(record.id, 0)
    return msgspec.structs.replace(record, points=standing.points, tier=standing.tier, visits=visits)


async def whole(reader: Reader, found: Sequence[guests.Guest]) -> list[Record]:
    """The records of guests that a list found, in its order."""
    ids = [guest.id for guest in found]
    standings = await loyalty.standings(reader, ids) if found else {}
    visits = await wifi.visits.counts(reader, ids) if found else {}
    records = []
    for guest in found:
        standing = standings.get(guest.id, loyalty.NOBODYS)
        known = msgspec.structs.asdict(guest)
        more: dict[str, Any] = {"points": standing.points, "tier": standing.tier, "visits": visits.get(guest.id, 0)}
        records.append(Record(**known, **more, is_alone=True))
    return records
