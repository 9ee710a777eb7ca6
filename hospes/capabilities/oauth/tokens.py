"""Codes become tokens. Property API 3.4; OAuth 2.1 section 4.1.3."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hospes.base import ids
from hospes.base.db import Actor, Database, Tx, columns, sql
from hospes.base.secrets import Vault, digest
from hospes.capabilities import staff
from hospes.capabilities.oauth import core, grants
from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.core import Rules
from hospes.capabilities.oauth.engine import Code
from hospes.capabilities.oauth.pairs import LONGEST, SEED_BYTES, Pair, make
from hospes.capabilities.oauth.parameters import Parameters, Refused

CODE_LIFE = timedelta(minutes=10)
_CODE_LENGTH = 43
_MOST_FAILURES = 5
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

SAVE_CODE = sql("""
    INSERT INTO oauth_codes (workspace_id, hash, consent_hash, staff_id, client_id, redirect_uri, scope, resource,
                             code_challenge, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (consent_hash) DO NOTHING
""")


async def give_code(tx: Tx, asked: core.Asked, *, staff_id: int, consent: str) -> str | None:
    """A code for what a person approved; None when this consent was given before (case O62)."""
    code = ids.token("", _CODE_LENGTH)
    written = await tx.run(
        SAVE_CODE,
        digest(code),
        digest(consent),
        staff_id,
        asked.client.id,
        asked.redirect_uri,
        asked.scope,
        asked.resource,
        asked.code_challenge,
        tx.now,
    )
    return code if written else None


FIND_CODE = sql(
    """
    SELECT c.hash, c.workspace_id, c.staff_id, c.client_id, c.redirect_uri, c.scope, c.resource, c.code_challenge,
           c.failures, c.created_at, c.grant_id, w.sandbox_at IS NOT NULL AS is_sandbox
      FROM oauth_codes c
      JOIN workspaces w ON w.id = c.workspace_id
      JOIN staff s ON s.id = c.staff_id AND s.is_active
      JOIN memberships m ON m.staff_id = c.staff_id AND m.workspace_id = c.workspace_id
     WHERE c.hash = $1
    """,
    across="the code tells the workspace",
)
FAIL_CODE = sql("UPDATE oauth_codes SET failures = failures + 1 WHERE hash = $1", across="the code tells the workspace")
LOCK_CODE = sql("SELECT grant_id FROM oauth_codes WHERE workspace_id = $1 AND hash = $2 FOR UPDATE")
USE_CODE = sql("""
    WITH given AS (
        INSERT INTO oauth_grants (workspace_id, staff_id, client_id, scope, resource, seed, created_at, recorded_at,
                                  rotated_at)
        SELECT workspace_id, staff_id, client_id, scope, resource, $3, $4, $5, $4
          FROM oauth_codes
         WHERE workspace_id = $1 AND hash = $2
        RETURNING id
    ), used AS (
        UPDATE oauth_codes SET grant_id = given.id FROM given WHERE workspace_id = $1 AND hash = $2
    ), known AS (
        UPDATE oauth_clients SET granted_at = coalesce(granted_at, $4) WHERE id = $6 AND granted_at IS NULL
    ), stored AS (
        INSERT INTO oauth_tokens (hash, grant_id, kind, generation, scope, expires_at)
        SELECT t.hash, given.id, t.kind, t.generation, t.scope, t.expires_at
          FROM given,
               unnest($7::bytea[], $8::text[], $9::integer[], $10::text[], $11::timestamptz[])
            AS t (hash, kind, generation, scope, expires_at)
    )
    SELECT id FROM given
""")


async def exchange(
    database: Database, vault: Vault, client: Client, parameters: Parameters, rules: Rules, *, instant: Any
) -> Pair:
    """A code's tokens, once. A valid second use ends what the first was given (case O78).

    Raises Refused. `instant(workspace_id, is_sandbox)` tells a workspace's present.
    """
    given = parameters.get("code")
    row = await database.fetchrow(FIND_CODE, digest(given)) if given else None
    code = Code(*row) if row else None
    now: datetime = await instant(code.workspace_id, code.is_sandbox) if code else NEVER
    if code is not None and (now >= code.created_at + CODE_LIFE or code.failures >= _MOST_FAILURES):
        code = None
    try:
        core.check_exchange(client, code, parameters, rules)
    except Refused:
        if code is not None and code.client_id == client.id:
            await database.execute(FAIL_CODE, code.hash)
        raise
    assert code is not None
    actor = Actor("oauth", client.name)
    async with database.begin(code.workspace_id, now=now, actor=actor) as tx:
        used = await tx.value(LOCK_CODE, code.hash)
        if used is None:
            return await _use(tx, vault, client, code)
    async with database.begin(code.workspace_id, now=now, actor=actor) as tx:
        await grants.revoke(tx, used, why="a code was used twice")
    raise Refused("invalid_grant", core.described("invalid_grant"))


async def _use(tx: Tx, vault: Vault, client: Client, code: Code) -> Pair:
    seed = ids.random_bytes(SEED_BYTES)
    made = make(vault, client, seed, 1, scope=code.scope, resource=code.resource)
    tokens = columns(made.rows(tx.now, ends_at=tx.now + LONGEST), 5)
    grant_id = await tx.value(USE_CODE, code.hash, seed, tx.now, tx.recorded_at, client.id, *tokens)
    await staff.audit.note(tx, "app.connected", client_id=client.id, grant_id=grant_id, staff_id=code.staff_id)
    return made.pair
