"""What tests of segments say shortly."""

from typing import Any

from hospes.capabilities import segments
from tests.living import Api


def all_of(*rules: Any) -> dict[str, Any]:
    return {"version": 1, "combinator": "and", "rules": list(rules)}


async def published(api: Api, rules: Any) -> int:
    """A segment, published and settled."""
    async with api.begin() as tx:
        count = len(await segments.list_after(tx, None, limit=200))
        segment_id = await segments.create(tx, name=f"Segment {count + 1}", rules=rules)
        await segments.publish(tx, segment_id)
    await api.deliver()
    return segment_id


async def members_of(api: Api, segment_id: int) -> list[int]:
    return [member.guest_id for member in await segments.members(api.reader(), segment_id, None, limit=1000)]
