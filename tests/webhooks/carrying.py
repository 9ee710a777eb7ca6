"""Couriers of several workers at once, what they have to carry, and a way out that notes what it is given."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg

from hospes.base import db
from hospes.base.secrets import Vault
from hospes.capabilities.webhooks import Courier, Sender
from hospes.capabilities.webhooks.outbox import body_of
from hospes.providers.outbound import Answer
from tests.living import Api, Home

PUT = """
    INSERT INTO webhook_deliveries (workspace_id, id, endpoint_id, position, event, body, due_at, created_at)
    SELECT $1, 'dlv_' || endpoint_id || '_' || lpad(n::text, 6, '0'), endpoint_id, n, 'guest.created', $4, at, at
      FROM generate_series($6::integer + 1, $6 + $3::integer) n
     CROSS JOIN unnest($2::bigint[]) endpoint_id
     CROSS JOIN LATERAL (SELECT $5::timestamptz + (n - $6) * interval '1 ms' AS at) due
"""
WELL, FAILED = Answer(200, None, 1, "ok", None), Answer(500, None, 1, "no", None)


async def put(
    api: Api, endpoints: list[int], each: int, *, after: int = 0, payload: dict[str, Any] | None = None
) -> str:
    """So many deliveries for each endpoint, due a millisecond apart, the last one now; returns their body.

    `after` is how many there were before.
    """
    now = api.home.clock.now()
    body = body_of(api.workspace_id, "guest.created", payload or {}, now)
    connection = await asyncpg.connect(api.home.dsn)
    try:
        first = now - timedelta(milliseconds=each)
        await connection.execute(PUT, api.workspace_id, endpoints, each, body, first, after)
        if each > 1000:
            # As autovacuum does within a minute: a planner that takes the workspace for small may choose a
            # join that looks at all of it for each row.
            await connection.execute("ANALYZE webhook_deliveries, webhook_endpoints")
    finally:
        await connection.close()
    return body


async def new_webhooks(api: Api, count: int, *events: str) -> dict[int, str]:
    """So many endpoints at which nobody listens: addresses by id."""
    made = {}
    for number in range(count):
        url = f"https://93.184.215.14/{api.workspace_id}/{number}"
        answer = await api.post("/webhooks", {"url": url, "events": list(events) or ["*"]})
        assert answer.status == 201, answer
        made[answer.json()["id"]] = url
    return made


class Noting:
    """A way out without a network: it notes who is sent what and when, and asks `answer` what came of it."""

    def __init__(self, answer: Callable[[str, str], Awaitable[Answer]]) -> None:
        """`answer` is given the address and the delivery's id."""
        self._answer = answer
        self.under_way: dict[str, set[str]] = {}
        self.most_at_once: dict[str, int] = {}
        self.begun: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.twice_at_once: list[str] = []

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 10.0) -> Answer:
        sent = headers["webhook-id"]
        under_way = self.under_way.setdefault(url, set())
        if sent in under_way:
            self.twice_at_once.append(sent)
        self.begun.append((url, sent))
        self.bodies.append(body)
        under_way.add(sent)
        self.most_at_once[url] = max(self.most_at_once.get(url, 0), len(under_way))
        try:
            return await self._answer(url, sent)
        finally:
            under_way.discard(sent)


@asynccontextmanager
async def couriers(
    home: Home, vault: Vault, *senders: Sender, names: list[str] | None = None
) -> AsyncIterator[list[Courier]]:
    """A courier for each sender, with a pool of connections of its own, as worker processes have."""
    async with AsyncExitStack() as stack:
        made = []
        for number, sender in enumerate(senders):
            database = await db.connect(
                home.dsn, clock=home.clock, size=4, statement_timeout_ms=60_000, is_patient=False
            )
            stack.push_async_callback(database.close)
            name = names[number] if names else f"courier-{number}"
            made.append(Courier(database, vault, home.clock, sender, instant=home.server.instant, name=name))
        yield made


async def carry(courier: Courier, *apis: Api) -> None:
    """Send all that is due in these workspaces."""
    for api in apis:
        await courier.run(api.workspace_id)
    await courier.settle()
