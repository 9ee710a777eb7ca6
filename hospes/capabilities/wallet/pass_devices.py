"""Phones that want to hear when a pass changes.

A phone's name for itself is the only proof it gives when it asks what changed, so it is kept hashed.
Whoever changes a pass and its phones locks the pass first.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from hospes.base.db import Actor, Database, Reader, Tx, sql
from hospes.base.errors import Exhausted
from hospes.base.secrets import digest
from hospes.capabilities.wallet.passes import Pass

JOB = "passes"
# A pass is on a phone, a watch and a tablet, and on what came before them.
MOST_DEVICES = 50
_MOST_LISTED = 1000


class Changed(msgspec.Struct, frozen=True):
    """The serial numbers that changed, and the tag from which to ask the next time."""

    tag: int
    serials: Sequence[str]


LOCK_PASS = sql("SELECT id FROM passes WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE")
DEVICES = sql("SELECT count(*) FROM pass_registrations WHERE workspace_id = $1 AND pass_id = $2")
IS_REGISTERED = sql("""
    SELECT EXISTS (SELECT FROM pass_registrations WHERE workspace_id = $1 AND pass_id = $2 AND device = $3)
""")
# A token that changed while a push is under way is pushed to anew: what came of the old one says nothing.
KNOW = sql("""
    INSERT INTO pass_devices AS d (workspace_id, device, push_token, registered_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT (workspace_id, device) DO UPDATE
       SET push_token = $3, registered_at = $4,
           claimed_until = CASE WHEN d.push_token = $3 THEN d.claimed_until END,
           attempts = CASE WHEN d.push_token = $3 THEN d.attempts ELSE 0 END
""")
REGISTER = sql("""
    INSERT INTO pass_registrations (workspace_id, pass_id, device, created_at)
    VALUES ($1, $2, $3, $4)
""")
KNOW_PHONE = sql(
    "INSERT INTO pass_phones (device, workspace_id) VALUES ($2, $1) ON CONFLICT DO NOTHING",
)
# What changed between the download and the registration: the phone has heard nothing of it.
CATCH_UP = sql("""
    WITH missed AS (
        UPDATE passes
           SET tag = greatest(tag, ((pg_current_xact_id()::text::bigint
                                     + (SELECT log_base FROM installation)) << 16))
         WHERE workspace_id = $1 AND id = $2 AND tag > 0
           AND modified_at > $4::timestamptz - interval '1 hour'
        RETURNING id
    )
    UPDATE pass_devices d
       SET due_at = $5, wanted = wanted + 1
      FROM missed
     WHERE d.workspace_id = $1 AND d.device = $3
""")


async def register(tx: Tx, pass_: Pass, *, device: str, push_token: str) -> bool:
    """Let a phone hear of changes; returns whether that is new. Raises Exhausted at the 51st phone of a pass.

    Apple, Register a Pass for Update Notifications.
    """
    hashed = digest(device)
    await tx.value(LOCK_PASS, pass_.id)
    is_known = bool(await tx.value(IS_REGISTERED, pass_.id, hashed))
    if not is_known and await tx.value(DEVICES, pass_.id) >= MOST_DEVICES:
        raise Exhausted("This pass is on too many phones.")
    await tx.run(KNOW, hashed, push_token.lower(), tx.recorded_at)
    if is_known:
        return False
    await tx.run(REGISTER, pass_.id, hashed, tx.now)
    await tx.run(KNOW_PHONE, hashed)
    if await tx.run(CATCH_UP, pass_.id, hashed, tx.recorded_at, tx.now):
        tx.wake(JOB)
    return True


UNREGISTER = sql("DELETE FROM pass_registrations WHERE workspace_id = $1 AND pass_id = $2 AND device = $3")
LOCK_DEVICE = sql("SELECT device FROM pass_devices WHERE workspace_id = $1 AND device = $2 FOR UPDATE")
FORGET = sql("""
    DELETE FROM pass_devices
     WHERE workspace_id = $1 AND device = $2
       AND NOT EXISTS (SELECT FROM pass_registrations WHERE workspace_id = $1 AND device = $2)
""")
FORGET_PHONE = sql("DELETE FROM pass_phones WHERE device = $2 AND workspace_id = $1")


async def unregister(tx: Tx, pass_: Pass, *, device: str) -> None:
    """A phone no longer has the pass. Says nothing when it never did. Apple, Unregister a Pass."""
    hashed = digest(device)
    await tx.value(LOCK_PASS, pass_.id)
    await tx.run(UNREGISTER, pass_.id, hashed)
    await tx.value(LOCK_DEVICE, hashed)
    if await tx.run(FORGET, hashed):
        await tx.run(FORGET_PHONE, hashed)


LOCK_GONE = sql("""
    SELECT device
      FROM pass_devices
     WHERE workspace_id = $1 AND device = $2 AND push_token = $3 AND registered_at <= $4
       FOR UPDATE
""")
UNREGISTER_ALL = sql("DELETE FROM pass_registrations WHERE workspace_id = $1 AND device = $2")


async def drop(tx: Tx, hashed: bytes, *, push_token: str, gone_at: datetime) -> None:
    """Forget a phone whose token has been no good since an instant, unless it registered again since."""
    if await tx.value(LOCK_GONE, hashed, push_token, gone_at) is None:
        return
    await tx.run(UNREGISTER_ALL, hashed)
    await tx.run(FORGET, hashed)
    await tx.run(FORGET_PHONE, hashed)


WORKSPACES = sql(
    "SELECT workspace_id FROM pass_phones WHERE device = $1 ORDER BY workspace_id",
    across="a phone does not know of workspaces",
)
# Below it nothing more can become visible: tags are positions, and positions follow transaction ids.
HORIZON = sql(
    """
    SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (SELECT log_base FROM installation)) << 16
    """,
    across="belongs to the installation",
)
CHANGED = sql("""
    SELECT p.serial, p.tag
      FROM pass_registrations r
      JOIN passes p ON p.workspace_id = r.workspace_id AND p.id = r.pass_id
     WHERE r.workspace_id = $1 AND r.device = $2 AND ($3::bigint IS NULL OR p.tag > $3)
     ORDER BY p.tag, p.id
     LIMIT $4
""")


class _Changed(msgspec.Struct, frozen=True):
    serial: str
    tag: int


async def changed_since(
    database: Database, device: str, tag: int | None, *, now: datetime, actor: Actor
) -> Changed | None:
    """The phone's passes, of all workspaces, that changed since a tag; None when none did.

    The new tag stays below what a running transaction may still bring, so nothing is missed; a pass
    may be named twice. Apple, Get the List of Updatable Passes.
    """
    hashed = digest(device)
    row = await database.fetchrow(HORIZON)
    assert row is not None
    found: list[_Changed] = []
    for (workspace_id,) in await database.fetch(WORKSPACES, hashed):
        reader: Reader = database.reader(workspace_id, now=now, actor=actor)
        found += await reader.all(_Changed, CHANGED, hashed, tag, _MOST_LISTED)
    if not found:
        return None
    newest = max(one.tag for one in found)
    return Changed(max(tag or 0, min(newest, row[0] - 1)), [one.serial for one in found])
