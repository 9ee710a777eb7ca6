"""Codes become tokens, tokens become newer ones. Property API 3.4; OAuth 2.1 sections 4.1.3 and 4.3.

A token follows from the grant's seed, the server's key, its generation and its scope, and stands in
the database as SHA-256 only. So a repeated refresh can be given the same answer, byte for byte,
though nobody stored it: that is what lets two tabs refresh at once (case C4).
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hospes.base import ids
from hospes.base.db import Actor, Database, Tx, sql
from hospes.base.secrets import Vault, digest
from hospes.capabilities import staff
from hospes.capabilities.oauth import core, grants
from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.core import Code, Parameters, Refreshing, Refused, Rules

PREFIX = "nis_"
ACCESS_SECONDS = 3600
CODE_LIFE = timedelta(minutes=10)
GRACE = timedelta(seconds=10)
IDLE = timedelta(days=30)
LONGEST = timedelta(days=180)
SEED_BYTES = 16
_CODE_LENGTH = 43
_MOST_FAILURES = 5
_ATTEMPTS = 5
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Pair(msgspec.Struct, frozen=True):
    """What a client is answered. RFC 6749 section 5.1; `refresh_token` only for clients that registered for it."""

    access_token: str
    scope: str
    resource: str
    refresh_token: str | None

    def body(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
        }
        if self.refresh_token:
            told["refresh_token"] = self.refresh_token
        return told | {"scope": self.scope, "resource": self.resource}


class _Made(msgspec.Struct, frozen=True):
    """A generation of a grant's tokens."""

    generation: int
    pair: Pair

    def rows(self, now: datetime, *, ends_at: datetime) -> list[tuple[Any, ...]]:
        """As they are stored: hash, kind, generation, scope, end."""
        access_end = min(now + timedelta(seconds=ACCESS_SECONDS), ends_at)
        rows: list[tuple[Any, ...]] = [
            (digest(self.pair.access_token), "access", self.generation, self.pair.scope, access_end)
        ]
        if self.pair.refresh_token:
            end = min(now + IDLE, ends_at)
            rows.append((digest(self.pair.refresh_token), "refresh", self.generation, self.pair.scope, end))
        return rows


def _make(vault: Vault, client: Client, seed: bytes, generation: int, *, scope: str, resource: str) -> _Made:
    refreshes = "refresh_token" in client.grant_types
    return _Made(
        generation,
        Pair(
            access_token=_derived(vault, "at", seed, f"{generation}/{scope}"),
            scope=scope,
            resource=resource,
            refresh_token=_derived(vault, "rt", seed, str(generation)) if refreshes else None,
        ),
    )


def _derived(vault: Vault, kind: str, seed: bytes, what: str) -> str:
    made = vault.derive(f"{seed.hex()}/{what}", f"oauth {kind}")
    return f"{PREFIX}{kind}_" + base64.urlsafe_b64encode(made).rstrip(b"=").decode()


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
    made = _make(vault, client, seed, 1, scope=code.scope, resource=code.resource)
    rows = made.rows(tx.now, ends_at=tx.now + LONGEST)
    grant_id = await tx.value(USE_CODE, code.hash, seed, tx.now, tx.recorded_at, client.id, *_columns(rows))
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
    raise Refused("invalid_grant", core.described("invalid_grant"))


def _may_live(found: Refreshing, now: datetime) -> bool:
    return found.is_live and now < min(found.rotated_at + IDLE, found.created_at + LONGEST)


async def _turned(
    database: Database, vault: Vault, client: Client, found: Refreshing, *, scope: str, now: datetime
) -> Pair | None:
    """The pair, or None when somebody else turned at this moment: then look again."""
    actor = Actor("oauth", client.name)
    if found.generation == found.current:
        made = _make(vault, client, found.seed, found.current + 1, scope=scope, resource=found.resource)
        rows = _columns(made.rows(now, ends_at=found.created_at + LONGEST))
        turn = (found.workspace_id, found.grant_id, found.current, now, *rows)
        if await database.fetchrow(ROTATE, *turn) is not None:
            return made.pair
        # Somebody holds it, or has turned it.
        async with database.begin(found.workspace_id, now=now, actor=actor) as tx:
            await tx.value(grants.LOCK, found.grant_id)
        return None
    is_repeated = found.generation == found.current - 1 and now < found.rotated_at + GRACE
    if is_repeated and scope == found.last_scope:
        return _make(vault, client, found.seed, found.current, scope=scope, resource=found.resource).pair
    async with database.begin(found.workspace_id, now=now, actor=actor) as tx:
        await grants.revoke(tx, found.grant_id, why="a refresh token was used twice", is_alarming=True)
    raise Refused("invalid_grant", core.described("invalid_grant"))


def _columns(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


FIND_ANY = sql(
    """
    SELECT t.kind, t.generation, t.scope, t.expires_at, g.id, g.workspace_id, g.staff_id, g.client_id, g.resource,
           g.generation AS current, g.created_at, EXISTS (SELECT FROM live_grants l WHERE l.id = g.id) AS is_live,
           w.sandbox_at IS NOT NULL AS is_sandbox
      FROM oauth_tokens t
      JOIN oauth_grants g ON g.id = t.grant_id
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE t.hash = $1
    """,
    across="the token tells the workspace",
)
DROP_TOKEN = sql(
    """
    WITH gone AS (
        DELETE FROM oauth_tokens WHERE hash = $1 RETURNING grant_id
    )
    SELECT grant_id, pg_notify('hospes_changes', 'token') FROM gone
    """,
    across="the token tells the workspace",
)


class _Any(msgspec.Struct, frozen=True):
    kind: str
    generation: int
    scope: str
    expires_at: datetime
    grant_id: int
    workspace_id: int
    staff_id: int
    client_id: str
    resource: str
    current: int
    created_at: datetime
    is_live: bool
    is_sandbox: bool


async def revoke(database: Database, client: Client, token: str | None, *, instant: Any) -> None:
    """End a token of the client's own: a refresh token with all its grant gave, an access token alone. RFC 7009.

    An unknown token is no error. Raises Refused for another client's, unless anybody could ask so.
    """
    row = await database.fetchrow(FIND_ANY, digest(token)) if token else None
    found = _Any(*row) if row else None
    if found is None:
        return
    if found.client_id != client.id:
        if client.auth_method == "none":
            return
        raise Refused("unauthorized_client", "The token belongs to another client.")
    if found.kind == "access":
        await database.fetchrow(DROP_TOKEN, digest(token or ""))
        return
    now = await instant(found.workspace_id, found.is_sandbox)
    async with database.begin(found.workspace_id, now=now, actor=Actor("oauth", client.name)) as tx:
        await grants.revoke(tx, found.grant_id, why="the app gave it back")


async def introspect(
    database: Database, client: Client, token: str | None, rules: Rules, *, instant: Any
) -> Mapping[str, Any]:
    """What a token of the client's own may do; of any other nothing is told. RFC 7662 section 2.2."""
    row = await database.fetchrow(FIND_ANY, digest(token)) if token else None
    found = _Any(*row) if row else None
    if found is None or found.client_id != client.id or not found.is_live:
        return {"active": False}
    now = await instant(found.workspace_id, found.is_sandbox)
    if found.expires_at <= now or (found.kind == "refresh" and found.generation != found.current):
        return {"active": False}
    return {
        "active": True,
        "scope": found.scope,
        "client_id": found.client_id,
        "token_type": "Bearer" if found.kind == "access" else "refresh_token",
        "exp": int(found.expires_at.timestamp()),
        "iat": int(found.created_at.timestamp()),
        "sub": str(found.staff_id),
        "aud": found.resource,
        "iss": rules.issuer,
    }


SWEEP_TOKENS = sql(
    """
    DELETE FROM oauth_tokens
     WHERE hash IN (
           SELECT t.hash
             FROM oauth_tokens t
             JOIN oauth_grants g ON g.id = t.grant_id
             JOIN workspaces w ON w.id = g.workspace_id
            WHERE t.expires_at <= $1
              -- A sandbox may be far behind: there the token still lives.
              AND (w.sandbox_at IS NULL OR t.expires_at <= w.sandbox_at)
            ORDER BY t.expires_at
            LIMIT 10000)
    """,
    across="sweeps what has ended",
)
SWEEP_CODES = sql(
    """
    DELETE FROM oauth_codes c
     USING workspaces w
     WHERE c.created_at <= $1
       AND w.id = c.workspace_id
       AND (w.sandbox_at IS NULL OR c.created_at <= w.sandbox_at - $2::interval)
    """,
    across="sweeps what has ended",
)
_KEPT = timedelta(days=1)


async def sweep(database: Database, now: datetime) -> None:
    """Drop tokens and codes a day after their end."""
    while await database.execute(SWEEP_TOKENS, now - _KEPT) == "DELETE 10000":
        pass
    await database.execute(SWEEP_CODES, now - _KEPT, CODE_LIFE)
