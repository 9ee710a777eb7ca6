"""What of a guest stands in sessions and devices: handed out, forgotten, and shortened when it grows old."""

from datetime import datetime

from hospes.base import rows
from hospes.base.db import Tx, sql

TABLES = {
    "devices": rows.whole("devices"),
    "wifi_sessions": rows.whole("wifi_sessions"),
    "visits": rows.whole("visits"),
}

MACS = sql("""
    SELECT mac FROM devices WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
     UNION
    SELECT mac FROM wifi_sessions WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND mac IS NOT NULL
""")
# The network's own number of a session stays: by it, what is told of the session later finds that it is over.
FORGET = sql("""
    WITH signed_in AS (
        DELETE FROM devices WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), before AS (
        UPDATE wifi_sessions SET mac = NULL, framed_ip = NULL
         WHERE workspace_id = $1 AND guest_id IS NULL AND mac = ANY ($3::text[])
    )
    UPDATE wifi_sessions
       SET mac = NULL, framed_ip = NULL,
           end_cause = CASE WHEN ended_at IS NULL THEN 'erased' ELSE end_cause END,
           ended_at = coalesce(ended_at, greatest(started_at, $4))
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
""")


async def forget(tx: Tx, family: list[int]) -> None:
    """Sessions and visits stay without their device; nobody goes online with it until they sign in anew."""
    macs = await tx.column(MACS, family)
    await tx.run(FORGET, family, macs, tx.now)


# A device's maker may be known for ever; which one it was may not.
SHORTEN = sql("""
    WITH old AS (
        DELETE FROM devices WHERE workspace_id = $1 AND signed_in_at < $2 AND access_until < $2
    )
    UPDATE wifi_sessions
       SET mac = left(mac, 6) || '000000', framed_ip = NULL
     WHERE workspace_id = $1
       AND id IN (SELECT id
                    FROM wifi_sessions
                   WHERE workspace_id = $1 AND last_seen_at < $2 AND ended_at IS NOT NULL
                     AND (framed_ip IS NOT NULL OR mac NOT LIKE '%000000')
                   LIMIT $3
                     FOR UPDATE SKIP LOCKED)
""")


async def shorten(tx: Tx, before: datetime, *, most: int) -> int:
    """Leave of devices' addresses their maker, and nothing of IP addresses, in at most so many sessions that are older.

    Returns how many. Devices that signed in before then have to sign in anew.
    """
    return await tx.run(SHORTEN, before, most)
