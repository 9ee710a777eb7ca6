"""Recording many events at once: what a job finds out about many guests, and what senders track.

Numbers are taken first and written after, in two plain statements: joined in one, a planner that
cannot know how many rows an array holds would compare each with each.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Tx, encode_json, sql
from hospes.capabilities.events.log import TRACKED, Event, Recorded


class Tracked(msgspec.Struct, frozen=True):
    """Something a guest did, as somebody outside told it. `name` is what they call it.

    The payload holds guest and name as well. `occurred_at` is None for the workspace's present.
    """

    guest_id: int
    name: str
    payload: dict[str, Any]
    occurred_at: datetime | None


async def record_tracked(tx: Tx, told: Sequence[Tracked]) -> None:
    """Write many, at most 10,000, a guest's in their order; what follows them is told of all together.

    They take no sequence numbers: no webhook carries them, and a receiver would miss what was never sent.
    """
    if not told:
        return
    payloads = encode_json([one.payload for one in told])
    instants = [one.occurred_at for one in told]
    who = (tx.actor.door, tx.actor.name)
    await tx.run(TRACK, tx.next_ordinal(len(told)), TRACKED, payloads, instants, *who, tx.now, tx.recorded_at)
    for reaction in tx.tracked_reactions:
        await reaction(tx, told)


async def record_all(tx: Tx, told: Sequence[tuple[Event, datetime]]) -> None:
    """Write events with the instants at which they occurred, and run the reactions to each, as `record` does.

    At most 10,000; a guest's events in their order. They have no location.
    """
    if not told:
        return
    payloads: list[dict[str, Any]] = [msgspec.to_builtins(event) for event, _ in told]
    guest_ids = [event.guest_id for event, _ in told]
    sequences = await _numbers(tx, guest_ids)
    positions = await tx.column(
        WRITE,
        tx.next_ordinal(len(told)),
        [event.TYPE for event, _ in told],
        guest_ids,
        sequences,
        [encode_json(payload) for payload in payloads],
        [at for _, at in told],
        tx.actor.door,
        tx.actor.name,
        tx.recorded_at,
    )
    for (event, at), payload, sequence, position in zip(told, payloads, sequences, sorted(positions), strict=True):
        recorded = Recorded(position, sequence, None, event.TYPE, None, payload, at)
        for reaction in tx.reactions:
            await reaction(tx, recorded)


# The lowest guest first, so that two who number many cannot wait crosswise.
NUMBER = sql("""
    INSERT INTO event_sequences AS s (workspace_id, subject, subject_id, last)
    SELECT $1, 'guest', guest_id, step
      FROM unnest($2::bigint[], $3::bigint[]) AS told (guest_id, step)
     ORDER BY guest_id
        ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE SET last = s.last + excluded.last
    RETURNING subject_id AS guest_id, last
""")
_BEGUN = "(SELECT pg_current_xact_id()::text::bigint + log_base AS base FROM installation)"
WRITE = sql(f"""
    INSERT INTO events (workspace_id, position, type, guest_id, sequence, payload, door, actor, occurred_at,
                        recorded_at)
    SELECT $1, (begun.base << 16) | ($2 + place - 1), type, guest_id, sequence, payload::jsonb, $8, $9,
           occurred_at, $10
      FROM {_BEGUN} begun
     CROSS JOIN unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[])
                WITH ORDINALITY AS told (type, guest_id, sequence, payload, occurred_at, place)
    RETURNING position
""")  # noqa: S608 (constants only)
# One text for all payloads: a driver looks at each element of an array.
TRACK = sql(f"""
    INSERT INTO events (workspace_id, position, type, guest_id, name, payload, door, actor, occurred_at, recorded_at)
    SELECT $1, (begun.base << 16) | ($2 + place - 1), $3, (payload -> 'guest_id')::bigint, payload ->> 'name',
           payload, $6, $7, coalesce(occurred_at, $8), $9
      FROM {_BEGUN} begun
     CROSS JOIN ROWS FROM (jsonb_array_elements($4::text::jsonb), unnest($5::timestamptz[])) WITH ORDINALITY
                AS told (payload, occurred_at, place)
""")  # noqa: S608


class _Last(msgspec.Struct, frozen=True):
    guest_id: int
    last: int


async def _numbers(tx: Tx, guest_ids: Sequence[int]) -> list[int]:
    """The number of each event within its guest, for events of these guests in their order."""
    counted = Counter(guest_ids)
    found = await tx.all(_Last, NUMBER, list(counted), list(counted.values()))
    next_of = {one.guest_id: one.last - counted[one.guest_id] + 1 for one in found}
    numbers = []
    for guest_id in guest_ids:
        numbers.append(next_of[guest_id])
        next_of[guest_id] += 1
    return numbers
