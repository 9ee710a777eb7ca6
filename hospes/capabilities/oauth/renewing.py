"""Tokens become newer ones. Property API 3.4; OAuth 2.1 section 4.3.

Requests that come at one moment share their statements and their COMMIT; each is judged on its own.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hospes.base.batches import Batches
from hospes.base.db import Actor, Database, columns, sql
from hospes.base.errors import Busy
from hospes.base.secrets import Vault, digest
from hospes.capabilities.oauth import core, grants
from hospes.capabilities.oauth.clients import Client
from hospes.capabilities.oauth.core import Rules
from hospes.capabilities.oauth.engine import Refreshing
from hospes.capabilities.oauth.pairs import IDLE, LONGEST, Made, Pair, make
from hospes.capabilities.oauth.parameters import Parameters, Refused
from hospes.capabilities.oauth.tokens import NEVER

GRACE = timedelta(seconds=10)
_ATTEMPTS = 5
_MOST_KEPT = 5_000

FIND = sql(
    """
    SELECT t.hash, g.id AS grant_id, g.workspace_id, g.staff_id, g.client_id, g.scope, g.resource, g.seed,
           g.generation AS current, t.generation, g.created_at, g.rotated_at,
           EXISTS (SELECT FROM live_grants l WHERE l.id = g.id) AS is_live,
           w.sandbox_at IS NOT NULL AS is_sandbox
      FROM oauth_tokens t
      JOIN oauth_grants g ON g.id = t.grant_id
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE t.hash = ANY ($1::bytea[]) AND t.kind = 'refresh'
    """,
    across="the token tells the workspace",
)
STORED = sql("SELECT FROM oauth_tokens WHERE hash = $1", across="the token tells the workspace")
# Turns grants that are alive, at the generation that was seen, and held by nobody: whatever was known of them
# before, this decides. Who waits for one would use up the grace of others (case O90).
ROTATE = sql(
    """
    WITH free AS (
        SELECT g.id, a.generation, a.at
          FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::timestamptz[])
            AS a (grant_id, workspace_id, generation, at)
          JOIN oauth_grants g ON g.id = a.grant_id
         WHERE g.workspace_id = a.workspace_id AND g.generation = a.generation
           AND EXISTS (SELECT FROM live_grants l WHERE l.id = g.id)
           FOR UPDATE OF g SKIP LOCKED
    ), turned AS (
        UPDATE oauth_grants g
           SET generation = free.generation + 1, rotated_at = free.at
          FROM free
         WHERE g.id = free.id
        RETURNING g.id
    ), stored AS (
        INSERT INTO oauth_tokens (hash, grant_id, kind, generation, scope, expires_at)
        SELECT t.hash, t.grant_id, t.kind, t.generation, t.scope, t.expires_at
          FROM unnest($5::bigint[], $6::bytea[], $7::text[], $8::integer[], $9::text[], $10::timestamptz[])
            AS t (grant_id, hash, kind, generation, scope, expires_at)
          JOIN turned ON turned.id = t.grant_id
    )
    SELECT id FROM turned
    """,
    across="each grant is named with its workspace",
)


class _Turn(msgspec.Struct, frozen=True):
    """A grant's next generation, to be stored if nobody was faster."""

    found: Refreshing
    at: datetime
    made: Made


class Renewals:
    """One a process. `instant(workspace_id, is_sandbox)` tells a workspace's present."""

    def __init__(self, database: Database, vault: Vault, rules: Rules, *, instant: Any) -> None:
        self._database = database
        self._vault = vault
        self._rules = rules
        self._instant = instant
        # What a grant is after its last turn here, by the hash of its refresh token.
        self._turned_here: OrderedDict[bytes, Refreshing] = OrderedDict()
        self._looking: Batches[bytes, Refreshing | None] = Batches(self._look)
        self._turning: Batches[_Turn, bool] = Batches(self._turn)

    async def renew(self, client: Client, parameters: Parameters) -> Pair:
        """The next pair. The one before still gives the same answer for ten seconds, unless its successor was used;
        an older one ends the grant, for somebody has a copy (OAuth 2.1 section 4.3.1). Raises Refused.
        """
        given = parameters.get("refresh_token")
        for _ in range(_ATTEMPTS):
            found = await self._found(digest(given)) if given else None
            now: datetime = await self._instant(found.workspace_id, found.is_sandbox) if found else NEVER
            if found is not None and not _may_live(found, now):
                found = None
            scope = core.check_refresh(client, found, parameters, self._rules)
            assert found is not None
            pair = await self._turned(client, found, scope=scope, now=now)
            if pair is not None:
                return pair
        # Nothing was decided, so nothing is said of the grant.
        raise Busy

    async def _turned(self, client: Client, found: Refreshing, *, scope: str, now: datetime) -> Pair | None:
        """The pair, or None when somebody else turned at this moment: then look again."""
        actor = Actor("oauth", client.name)
        if found.generation == found.current:
            made = self._made(client, found, found.current + 1, scope=scope, at=now)
            if await self._turning.answer(_Turn(found, now, made)):
                self._keep(found, made, now)
                return made.pair
            # Somebody holds it, or has turned it.
            async with self._database.begin(found.workspace_id, now=now, actor=actor) as tx:
                await tx.value(grants.LOCK, found.grant_id)
            return None
        if found.generation == found.current - 1 and now < found.rotated_at + GRACE:
            pair = self._made(client, found, found.current, scope=scope, at=found.rotated_at).pair
            # Made for another scope, the access token would be another: then it is no repetition.
            if await self._database.fetchrow(STORED, digest(pair.access_token)) is not None:
                return pair
        async with self._database.begin(found.workspace_id, now=now, actor=actor) as tx:
            await grants.revoke(tx, found.grant_id, why="a refresh token was used twice", is_alarming=True)
        raise Refused("invalid_grant", core.described("invalid_grant"))

    async def _found(self, hashed: bytes) -> Refreshing | None:
        """The token's grant; of one that was turned here, as it was then. Turning it asks the database anyway."""
        return self._turned_here.pop(hashed, None) or await self._looking.answer(hashed)

    def _keep(self, found: Refreshing, made: Made, at: datetime) -> None:
        if made.pair.refresh_token is None:
            return
        after = msgspec.structs.replace(found, current=made.generation, generation=made.generation, rotated_at=at)
        self._turned_here[digest(made.pair.refresh_token)] = after
        if len(self._turned_here) > _MOST_KEPT:
            self._turned_here.popitem(last=False)

    def _made(self, client: Client, found: Refreshing, generation: int, *, scope: str, at: datetime) -> Made:
        left = found.created_at + LONGEST - at
        return make(self._vault, client, found.seed, generation, scope=scope, resource=found.resource, left=left)

    async def _look(self, hashes: list[bytes]) -> list[Refreshing | None]:
        rows = await self._database.fetch(FIND, hashes)
        found = {hashed: Refreshing(*row) for hashed, *row in rows}
        return [found.get(hashed) for hashed in hashes]

    async def _turn(self, turns: list[_Turn]) -> list[bool]:
        """Whether each was stored. Of two for one grant the first is, and the other looks again."""
        first: dict[int, _Turn] = {}
        for turn in turns:
            first.setdefault(turn.found.grant_id, turn)
        asked = [(grant_id, turn.found.workspace_id, turn.found.current, turn.at) for grant_id, turn in first.items()]
        tokens = [
            (grant_id, *token)
            for grant_id, turn in first.items()
            for token in turn.made.rows(turn.at, ends_at=turn.found.created_at + LONGEST)
        ]
        rows = await self._database.fetch(ROTATE, *columns(asked, 4), *columns(tokens, 6))
        turned = {row[0] for row in rows}
        return [turn is first[turn.found.grant_id] and turn.found.grant_id in turned for turn in turns]


def _may_live(found: Refreshing, now: datetime) -> bool:
    return found.is_live and now < min(found.rotated_at + IDLE, found.created_at + LONGEST)
