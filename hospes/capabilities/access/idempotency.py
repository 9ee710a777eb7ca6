"""The idempotency store of every door, written in the transaction of the effect. Guest API 7.

Same key and same request: the first answer, byte for byte. Same key and another request: Conflict.
Two at once: the second waits for the first. A key belongs to one credential of one workspace, and
is kept for a week. Answers are sealed: they hold what guests and secrets hold.
"""

import hashlib
from datetime import timedelta
from typing import Any

import msgspec

from hospes.base.db import Database, Tx, WaitedTooLong, sql
from hospes.base.errors import Conflict
from hospes.base.resealing import sealed
from hospes.base.secrets import Vault, same

KEPT = timedelta(days=7)


def _place(workspace_id: int, credential: str, key: str) -> str:
    return f"{workspace_id}/idempotency_keys/answer/{credential}/{key}"


_KEY = {"workspace_id": "bigint", "credential": "text", "key": "text"}
SEALED = (sealed("idempotency_keys", "answer", _KEY, _place),)


class Answer(msgspec.Struct, frozen=True):
    """An answer as it went out."""

    status: int
    body: bytes


class _Row(msgspec.Struct, frozen=True):
    fingerprint: bytes
    status: int | None
    answer: bytes | None
    is_ours: bool


# The update takes over an expired key and otherwise writes nothing new; either way the row is
# locked, so that a second request with the same key waits here until the first has ended.
CLAIM = sql("""
    INSERT INTO idempotency_keys AS k (workspace_id, credential, key, fingerprint, expires_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id, credential, key) DO UPDATE
       SET fingerprint = CASE WHEN k.expires_at <= $6 THEN excluded.fingerprint ELSE k.fingerprint END,
           status = CASE WHEN k.expires_at <= $6 THEN NULL ELSE k.status END,
           answer = CASE WHEN k.expires_at <= $6 THEN NULL ELSE k.answer END,
           expires_at = CASE WHEN k.expires_at <= $6 THEN excluded.expires_at ELSE k.expires_at END
    RETURNING fingerprint, status, answer, status IS NULL AS is_ours
""")


async def claim(tx: Tx, vault: Vault, *, credential: str, key: str, fingerprint: bytes) -> Answer | None:
    """The answer already given under this key, or None: then the caller does the work and calls `keep`.

    Raises Conflict when the key was used for another request, or is in use right now for longer
    than the statement time limit.
    """
    try:
        row = await tx.find(_Row, CLAIM, credential, key, fingerprint, tx.now + KEPT, tx.now)
    except WaitedTooLong:
        raise Conflict("A request with this idempotency key is still running.") from None
    assert row is not None
    if row.is_ours:
        return None
    if not same(row.fingerprint, fingerprint):
        raise Conflict("Idempotency key already used with a different request")
    assert row.status is not None
    assert row.answer is not None
    return Answer(row.status, vault.open(row.answer, _place(tx.workspace_id, credential, key)))


KEEP = sql("""
    UPDATE idempotency_keys
       SET status = $4, answer = $5
     WHERE workspace_id = $1 AND credential = $2 AND key = $3
""")


async def keep(tx: Tx, vault: Vault, answer: Answer, *, credential: str, key: str) -> None:
    """Keep the answer with the effect it tells of."""
    await tx.run(
        KEEP, credential, key, answer.status, vault.seal(answer.body, _place(tx.workspace_id, credential, key))
    )


def fingerprint(method: str, path: str, body: Any) -> bytes:
    """SHA-256 of the request's meaning: order of members, blanks and `1.0` for `1` do not count."""
    canonical = msgspec.json.encode([method, path, _plain(body)], order="deterministic")
    return hashlib.sha256(canonical).digest()


SWEEP = sql("""
    DELETE FROM idempotency_keys
     WHERE workspace_id = $1
       AND (credential, key) IN (
           SELECT credential, key
             FROM idempotency_keys
            WHERE workspace_id = $1 AND expires_at <= $2
            LIMIT 10000
       )
""")


async def sweep(database: Database, workspace_id: int, instant: Any) -> None:
    """Drop expired keys, 10,000 at a time."""
    await database.execute(SWEEP, workspace_id, instant)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(element) for element in value]
    return value
