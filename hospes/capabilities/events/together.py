"""Recording many events at once: what a job finds out about many guests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Tx, encode_json, sql
from hospes.capabilities.events.log import Event, Recorded


class _Row(msgspec.Struct, frozen=True):
    place: int
    position: int
    sequence: int


# Numbers are taken guest by guest, the lowest first, so that two who number many cannot wait crosswise.
RECORD_ALL = sql("""
    WITH given AS (
        SELECT place, type, guest_id, payload, occurred_at,
               row_number() OVER (PARTITION BY guest_id ORDER BY place) AS turn,
               count(*) OVER (PARTITION BY guest_id) AS turns
          FROM unnest($3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
               WITH ORDINALITY AS told (type, guest_id, payload, occurred_at, place)
    ), numbered AS (
        INSERT INTO event_sequences AS s (workspace_id, subject, subject_id, last)
        SELECT $1, 'guest', guest_id, count(*)
          FROM given
         GROUP BY guest_id
         ORDER BY guest_id
            ON CONFLICT (workspace_id, subject, subject_id) DO UPDATE SET last = s.last + excluded.last
        RETURNING subject_id, last
    ), written AS (
        INSERT INTO events (workspace_id, position, type, guest_id, sequence, payload, door, actor, occurred_at,
                            recorded_at)
        SELECT $1,
               ((pg_current_xact_id()::text::bigint + (SELECT log_base FROM installation)) << 16) | ($2 + place - 1),
               type, guest_id, last - turns + turn, payload::jsonb, $7, $8, occurred_at, $9
          FROM given
          JOIN numbered ON subject_id = guest_id
        RETURNING position, sequence
    )
    SELECT (position & 65535) - $2 AS place, position, sequence FROM written ORDER BY position
""")


async def record_all(tx: Tx, told: Sequence[tuple[Event, datetime]]) -> None:
    """Write events with the instants at which they occurred, and run the reactions to each, as `record` does.

    At most 10,000; a guest's events in their order. They have no location.
    """
    if not told:
        return
    payloads: list[dict[str, Any]] = [msgspec.to_builtins(event) for event, _ in told]
    rows = await tx.all(
        _Row,
        RECORD_ALL,
        tx.next_ordinal(len(told)),
        [event.TYPE for event, _ in told],
        [event.guest_id for event, _ in told],
        [encode_json(payload) for payload in payloads],
        [at for _, at in told],
        tx.actor.door,
        tx.actor.name,
        tx.recorded_at,
    )
    for row in rows:
        event, at = told[row.place]
        recorded = Recorded(row.position, row.sequence, None, event.TYPE, None, payloads[row.place], at)
        for reaction in tx.reactions:
            await reaction(tx, recorded)
