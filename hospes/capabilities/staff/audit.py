"""The audit log: who did what that others will ask about. Entries are only added.

Each carries a hash over itself and the hash before it, and the workspace remembers the last one: an entry that is
changed, taken out or put in shows. Who may write to the database can of course make a whole new chain.
"""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, sql


class Entry(msgspec.Struct, frozen=True):
    """`action` is a fact in the past tense, such as `staff.signed_in`; `facts` hold ids and names, no secrets."""

    id: int
    actor: str
    action: str
    facts: dict[str, Any]
    acted_at: datetime


# Until this transaction ends, nobody else adds to the chain.
HOLD = sql("""
    INSERT INTO audit_chains AS c (workspace_id, entries, hash)
    VALUES ($1, 0, '')
        ON CONFLICT (workspace_id) DO UPDATE SET entries = c.entries
    RETURNING hash
""")
_HASH = """sha256({before} || convert_to(concat_ws(chr(10), {of}actor, {of}action, {of}facts::text,
                                                  extract(epoch FROM {of}acted_at)::text), 'UTF8'))"""
WRITE = sql(f"""
    WITH given AS (
        SELECT $3::text AS actor, $4::text AS action, $5::jsonb AS facts, $6::timestamptz AS acted_at
    ), written AS (
        INSERT INTO audit_entries (workspace_id, actor, action, facts, acted_at, hash)
        SELECT $1, g.actor, g.action, g.facts, g.acted_at, {_HASH.format(before="$2::bytea", of="g.")}
          FROM given g
        RETURNING hash
    )
    UPDATE audit_chains c
       SET entries = c.entries + 1, hash = written.hash
      FROM written
     WHERE c.workspace_id = $1
""")  # noqa: S608 (constants only)
CHECKS = {
    "audit log": sql(
        f"""
        WITH entries AS (
            SELECT e.workspace_id, e.id, e.hash, e.actor, e.action, e.facts, e.acted_at,
                   coalesce(lag(e.hash) OVER chain, '') AS before,
                   -- From before there was a chain, and nothing can be said of them.
                   count(e.hash) OVER chain = 0 AS is_older
              FROM audit_entries e
            WINDOW chain AS (PARTITION BY e.workspace_id ORDER BY e.id)
        ), ends AS (
            SELECT c.workspace_id, c.entries, c.hash,
                   (SELECT count(*) FROM audit_entries e
                     WHERE e.workspace_id = c.workspace_id AND e.hash IS NOT NULL) AS there,
                   (SELECT e.hash FROM audit_entries e
                     WHERE e.workspace_id = c.workspace_id AND e.hash IS NOT NULL
                     ORDER BY e.id DESC
                     LIMIT 1) AS last
              FROM audit_chains c
        )
        SELECT (SELECT count(*) FROM entries e
                 WHERE NOT e.is_older AND e.hash IS DISTINCT FROM {_HASH.format(before="e.before", of="e.")})
             + (SELECT count(*) FROM ends WHERE there <> entries OR coalesce(last, '') <> hash)
        """,  # noqa: S608 (constants only)
        across="examines every workspace",
    )
}
LIST = sql("""
    SELECT id, actor, action, facts, acted_at
      FROM audit_entries
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")


async def note(tx: Tx, action: str, **facts: Any) -> None:
    """Write one entry, in the transaction of what it tells of; through which door, and from where, is added."""
    whence = {"door": tx.actor.door} | ({"address": tx.actor.address} if tx.actor.address else {})
    before = await tx.value(HOLD)
    await tx.run(WRITE, before, tx.actor.name, action, whence | facts, tx.now)


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Entry]:
    """A page of entries, the newest first, behind the id `after`."""
    return await reader.all(Entry, LIST, after, limit)
