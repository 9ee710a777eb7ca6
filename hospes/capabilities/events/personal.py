"""What of a guest stands in the log: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Tx, sql

TABLES = {
    "events": rows.whole("events"),
    "event_sequences": rows.whole("event_sequences", "t.subject = 'guest' AND t.subject_id = ANY ($2::bigint[])"),
}

# Texts of payloads that are words of the house or of the operator. All others may be the guest's own.
_KEPT = (
    *("changed", "channel", "status", "arrival", "departure", "message", "lock_brand", "name", "platform"),
    *("previous", "tag", "template", "tier"),
)

# Numbers, yes and no stay as well: they are ids and figures.
FORGET = sql("""
    UPDATE events e
       SET payload = cleaned.payload
      FROM (SELECT o.position, o.recorded_at,
                   (SELECT coalesce(jsonb_object_agg(key, value), '{}')
                      FROM jsonb_each(o.payload)
                     WHERE jsonb_typeof(value) IN ('number', 'boolean', 'null') OR key = ANY ($3::text[])) AS payload
              FROM events o
             WHERE o.workspace_id = $1 AND o.guest_id = ANY ($2::bigint[])) cleaned
     WHERE e.workspace_id = $1 AND e.guest_id = ANY ($2::bigint[])
       AND e.position = cleaned.position AND e.recorded_at = cleaned.recorded_at AND e.payload <> cleaned.payload
""")


async def forget(tx: Tx, family: list[int]) -> None:
    """What happened stays, with ids and figures; what was said of these guests goes."""
    await tx.run(FORGET, family, list(_KEPT))


POSITIONS = sql("SELECT position FROM events WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])")


async def positions(tx: Tx, family: list[int]) -> list[int]:
    """Where in the log these guests' events stand."""
    return await tx.column(POSITIONS, family)
