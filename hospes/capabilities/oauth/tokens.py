"""Codes become tokens, tokens become newer ones. Property API 3.4; OAuth 2.1 sections 4.1.3 and 4.3."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hospes.base import ids
from hospes.base.db import Actor, Database, Tx, sql
from hospes.base.errors import Busy
from hospes.base.secrets import Vault, digest
from hospes.capabilities import staff
from hospes.capabilities.oauth import core, grants
from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.core import Rules
from hospes.capabilities.oauth.engine import Code, Refreshing
from hospes.capabilities.oauth.pairs import IDLE, LONGEST, SEED_BYTES, Made, Pair, make
from hospes.capabilities.oauth.parameters import Parameters, Refused

CODE_LIFE = timedelta(minutes=10)
GRACE = timedelta(seconds=10)
_CODE_LENGTH = 43
_MOST_FAILURES = 5
_ATTEMPTS = 5
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
    columns = made.columns(tx.now, ends_at=tx.now + LONGEST)
    grant_id = await tx.value(USE_CODE, code.hash, seed, tx.now, tx.recorded_at, client.id, *columns)
    await staff.audit.note(tx, "app.connected", client_id=client.id, grant_id=grant_id, staff_id=code.staff_id)
    return made.pair


FIND_REFRESH = sql(
    """
    SELECT g.id AS grant_id, g.workspace_id, g.staff_id, g.client_id, g.scope, g.resource, g.seed,
           g.generation AS current, t.generation,
           (SELECT a.scope FROM oauth_tokens a
             WHERE a.grant_id = g.id AND a.generation = g.generation AND a.kind = 'access') AS last_scope,
           g.created_at, g.rotated_at,
           EXISTS (SELECT FROM live_grants l WHERE l.id = g.id) AS is_live,
           w.sandbox_at IS NOT NULL AS is_sandbox
      FROM oauth_tokens t
      JOIN oauth_grants g ON g.id = t.grant_id
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE t.hash = $1 AND t.kind = 'refresh'
    """,
    across="the token tells the workspace",
)
# Turns a grant that nobody holds; who waits for it would use up the grace of others (case O90).
ROTATE = sql("""
    WITH free AS (
        SELECT id
          FROM oauth_grants
         WHERE workspace_id = $1 AND id = $2 AND generation = $3 AND revoked_at IS NULL
           FOR UPDATE SKIP LOCKED
    ), turned AS (
        UPDATE oauth_grants g
           SET generation = $3 + 1, rotated_at = $4
          FROM free
         WHERE g.id = free.id
        RETURNING g.id
    ), stored AS (
        INSERT INTO oauth_tokens (hash, grant_id, kind, generation, scope, expires_at)
        SELECT t.hash, turned.id, t.kind, t.generation, t.scope, t.expires_at
          FROM turned,
               unnest($5::bytea[], $6::text[], $7::integer[], $8::text[], $9::timestamptz[])
            AS t (hash, kind, generation, scope, expires_at)
    )
    SELECT id FROM turned
""")


async def refresh(
    database: Database, vault: Vault, client: Client, parameters: Parameters, rules: Rules, *, instant: Any
) -> Pair:
    """The next pair. The one before still gives the same answer for ten seconds, unless its successor was used;
    an older one ends the grant, for somebody has a copy (OAuth 2.1 section 4.3.1). Raises Refused.
    """
    given = parameters.get("refresh_token")
    for _ in range(_ATTEMPTS):
        row = await database.fetchrow(FIND_REFRESH, digest(given)) if given else None
        found = Refreshing(*row) if row else None
        now: datetime = await instant(found.workspace_id, found.is_sandbox) if found else NEVER
        if found is not None and not _may_live(found, now):
            found = None
        scope = core.check_refresh(client, found, parameters, rules)
        assert found is not None
        pair = await _turned(database, vault, client, found, scope=scope, now=now)
        if pair is not None:
            return pair
    # Nothing was decided, so nothing is said of the grant.
    raise Busy


def _may_live(found: Refreshing, now: datetime) -> bool:
    return found.is_live and now < min(found.rotated_at + IDLE, found.created_at + LONGEST)


async def _turned(
    database: Database, vault: Vault, client: Client, found: Refreshing, *, scope: str, now: datetime
) -> Pair | None:
    """The pair, or None when somebody else turned at this moment: then look again."""
    actor = Actor("oauth", client.name)
    if found.generation == found.current:
        made = _made(vault, client, found, found.current + 1, scope=scope, at=now)
        columns = made.columns(now, ends_at=found.created_at + LONGEST)
        turn = (found.workspace_id, found.grant_id, found.current, now, *columns)
        if await database.fetchrow(ROTATE, *turn) is not None:
            return made.pair
        # Somebody holds it, or has turned it.
        async with database.begin(found.workspace_id, now=now, actor=actor) as tx:
            await tx.value(grants.LOCK, found.grant_id)
        return None
    is_repeated = found.generation == found.current - 1 and now < found.rotated_at + GRACE
    if is_repeated and scope == found.last_scope:
        return _made(vault, client, found, found.current, scope=scope, at=found.rotated_at).pair
    async with database.begin(found.workspace_id, now=now, actor=actor) as tx:
        await grants.revoke(tx, found.grant_id, why="a refresh token was used twice", is_alarming=True)
    raise Refused("invalid_grant", core.described("invalid_grant"))


def _made(vault: Vault, client: Client, found: Refreshing, generation: int, *, scope: str, at: datetime) -> Made:
    left = found.created_at + LONGEST - at
    return make(vault, client, found.seed, generation, scope=scope, resource=found.resource, left=left)
