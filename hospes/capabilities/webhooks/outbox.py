"""The outbox: a delivery is a row committed with the change that caused it.

The row is also the queue. A worker claims due rows of one workspace under a lease on the house's
clock; what a worker that died had claimed is free again when the lease ends. When a row falls due
is on the workspace's clock.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from hospes.base import ids
from hospes.base.db import Database, Reader, Tx, sql
from hospes.base.errors import NotFound
from hospes.capabilities import events as log
from hospes.capabilities import staff
from hospes.capabilities.webhooks import endpoints

JOB = "webhooks"
LEASE = timedelta(seconds=90)

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REPLAY_BATCH = 500


class Delivery(msgspec.Struct, frozen=True):
    id: str
    endpoint_id: int
    event: str
    status: str
    attempts: int
    response_status: int | None
    due_at: datetime | None
    created_at: datetime


class Attempt(msgspec.Struct, frozen=True):
    """One request of a delivery: `error` is one word, `answer` its first bytes."""

    number: int
    is_manual: bool
    response_status: int | None
    error: str | None
    latency_ms: int
    answer: str
    attempted_at: datetime


# One ULID is made for the event; its last digit tells its endpoints apart (there are 20 at most).
FAN_OUT = sql(f"""
    INSERT INTO webhook_deliveries (workspace_id, id, endpoint_id, position, sequence, event, body, due_at, created_at)
    SELECT $1, $2 || substr('{DIGITS}', row_number() OVER ()::integer, 1), chosen.id, $3, $4, $5, $6, $7, $7
      FROM (SELECT e.id
              FROM webhook_endpoints e
             WHERE e.workspace_id = $1 AND e.is_active AND e.events && ARRAY[$5, '*'] AND e.property_id IS NULL
             ORDER BY e.id
             LIMIT 32
               FOR KEY SHARE) chosen
""")  # noqa: S608


async def fan_out(tx: Tx, event: log.Recorded) -> None:
    """A reaction to every event: one delivery for each endpoint that subscribes to it."""
    if event.type not in endpoints.EVENTS:
        return
    body = body_of(tx.workspace_id, event.type, event.payload, event.occurred_at)
    written = await tx.run(
        FAN_OUT, ids.ulid("dlv_", tx.now)[:-1], event.position, event.sequence, event.type, body, tx.now
    )
    if written:
        tx.wake(JOB)


def body_of(workspace_id: int, type_: str, payload: dict[str, Any], occurred_at: datetime) -> str:
    """The text that is signed and sent, on every attempt the same. Guest API 15.2."""
    body = {"event": type_, "tenant_id": workspace_id, "payload": payload, "timestamp": occurred_at.isoformat()}
    return msgspec.json.encode(body).decode()


_COLUMNS = "id, endpoint_id, event, status, attempts, response_status, due_at, created_at"

LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM webhook_deliveries
     WHERE workspace_id = $1 AND endpoint_id = $2 AND ($3::text IS NULL OR status = $3)
     ORDER BY created_at DESC, id DESC
     LIMIT $4 OFFSET $5
""")  # noqa: S608
COUNT = sql("""
    SELECT count(*)
      FROM webhook_deliveries
     WHERE workspace_id = $1 AND endpoint_id = $2 AND ($3::text IS NULL OR status = $3)
""")
GET = sql(f"""
    SELECT {_COLUMNS}
      FROM webhook_deliveries
     WHERE workspace_id = $1 AND endpoint_id = $2 AND id = $3
""")  # noqa: S608
ATTEMPTS = sql("""
    SELECT number, is_manual, response_status, error, latency_ms, answer, attempted_at
      FROM webhook_attempts
     WHERE workspace_id = $1 AND delivery_id = $2
     ORDER BY number
""")


async def list_of(
    reader: Reader, endpoint_id: int, *, status: str | None, limit: int, offset: int
) -> tuple[list[Delivery], int]:
    """A page of an endpoint's deliveries, newest first, and how many there are. Raises NotFound."""
    await endpoints.get(reader, endpoint_id)
    deliveries = await reader.all(Delivery, LIST, endpoint_id, status, limit, offset)
    return deliveries, int(await reader.value(COUNT, endpoint_id, status))


async def get(reader: Reader, endpoint_id: int, delivery_id: str) -> tuple[Delivery, list[Attempt]]:
    """A delivery and each of its attempts, oldest first. Raises NotFound."""
    delivery = await reader.find(Delivery, GET, endpoint_id, delivery_id)
    if delivery is None:
        raise NotFound("Delivery not found")
    return delivery, await reader.all(Attempt, ATTEMPTS, delivery_id)


SEND_TEST = sql("""
    INSERT INTO webhook_deliveries (workspace_id, id, endpoint_id, event, body, due_at, is_manual, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, true, $6)
""")


async def send_test(tx: Tx, endpoint_id: int, event: str) -> str:
    """Send a made-up event, marked as a test, once; returns the delivery's id. Raises NotFound."""
    await endpoints.get(tx, endpoint_id)
    delivery_id = ids.ulid("dlv_", tx.now)
    body = body_of(tx.workspace_id, event, {"guest_id": 0, "test": True}, tx.now)
    await tx.run(SEND_TEST, delivery_id, endpoint_id, event, body, tx.now)
    tx.wake(JOB)
    return delivery_id


# A replay is one more attempt beside the plan: `planned` and the plan's own next instant stay.
REPLAY = sql("""
    UPDATE webhook_deliveries
       SET is_manual = true, due_at = $4,
           resumes_at = CASE WHEN is_manual THEN resumes_at ELSE due_at END
     WHERE workspace_id = $1 AND endpoint_id = $2 AND id = $3
""")


async def replay(tx: Tx, endpoint_id: int, delivery_id: str) -> None:
    """Send one delivery again: same id, same bytes, marked as sent by hand. Raises NotFound."""
    if not await tx.run(REPLAY, endpoint_id, delivery_id, tx.now):
        raise NotFound("Delivery not found")
    await staff.audit.note(tx, "webhook.replayed", webhook_id=endpoint_id, delivery_id=delivery_id)
    tx.wake(JOB)


AGAIN = sql("""
    INSERT INTO webhook_deliveries AS d
           (workspace_id, id, endpoint_id, position, sequence, event, body, due_at, is_manual, created_at)
    SELECT $1, id, $2, position, sequence, event, body, $8, true, $8
      FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
        AS given (id, position, sequence, event, body)
        ON CONFLICT (workspace_id, endpoint_id, position) DO UPDATE
       SET is_manual = true, due_at = $8,
           resumes_at = CASE WHEN d.is_manual THEN d.resumes_at ELSE d.due_at END
""")


async def replay_since(tx: Tx, endpoint_id: int, since: datetime) -> int:
    """Send again every event since an instant that the endpoint subscribes to; returns how many.

    Events that were never sent, because the endpoint was off, are sent for the first time. Raises
    NotFound.
    """
    endpoint = await endpoints.get(tx, endpoint_id)
    types, after, sent = [*endpoints.wanted_events(endpoint.events), endpoints.ERASED], 0, 0
    while batch := await log.since(tx, since, types, after=after, limit=_REPLAY_BATCH):
        after, sent = batch[-1].position, sent + len(batch)
        await tx.run(
            AGAIN,
            endpoint_id,
            [ids.ulid("dlv_", tx.now) for _ in batch],
            [entry.position for entry in batch],
            [entry.sequence for entry in batch],
            [entry.type for entry in batch],
            [body_of(tx.workspace_id, entry.type, entry.payload, entry.occurred_at) for entry in batch],
            tx.now,
        )
    await staff.audit.note(tx, "webhook.replayed", webhook_id=endpoint_id, since=since.isoformat(), deliveries=sent)
    tx.wake(JOB)
    return sent


class Claimed(msgspec.Struct, frozen=True):
    """A delivery in a worker's hands, with all that sending it takes."""

    id: str
    endpoint_id: int
    event: str
    sequence: int | None
    body: str
    attempts: int
    planned: int
    is_manual: bool
    is_test: bool
    created_at: datetime
    due_at: datetime
    property_id: int | None
    url: str
    secret: bytes
    old_secret: bytes | None
    old_secret_until: datetime | None


# Fair: endpoints share what may be taken, each its oldest first; one that is dead cannot hold up the
# others. An app's endpoint gets nothing when its grant has ended. A replay by hand also reaches an
# endpoint that is switched off. The rows are locked by then, so they are found again where they lie: in a
# workspace newer than the statistics any index would look as good as the key, and go through all deliveries.
CLAIM = sql("""
    WITH due AS (
        SELECT d.workspace_id, d.place
          FROM (SELECT id, is_active AND (client_id IS NULL OR EXISTS (
                               SELECT FROM live_grants g
                                WHERE g.workspace_id = $1 AND g.client_id = webhook_endpoints.client_id
                                  AND g.may_read_bookings)) AS is_active,
                       count(*) OVER () AS sharers
                  FROM webhook_endpoints
                 WHERE workspace_id = $1 AND NOT id = ANY ($5::bigint[])) e
         CROSS JOIN LATERAL (
               SELECT workspace_id, ctid AS place
                 FROM webhook_deliveries
                WHERE workspace_id = $1 AND endpoint_id = e.id AND due_at <= $2
                  AND (claimed_until IS NULL OR claimed_until <= $3)
                  AND (e.is_active OR is_manual)
                ORDER BY due_at
                LIMIT least(greatest($6::bigint / e.sharers, $7::bigint), $8::bigint)
                  FOR UPDATE SKIP LOCKED) d
         LIMIT $9
    )
    UPDATE webhook_deliveries d
       SET claimed_until = $4, claimed_by = $10
      FROM due, webhook_endpoints e
     WHERE d.workspace_id = due.workspace_id AND d.ctid = due.place
       AND e.workspace_id = $1 AND e.id = d.endpoint_id
    RETURNING d.id, d.endpoint_id, d.event, d.sequence, d.body, d.attempts, d.planned, d.is_manual,
              d.position IS NULL AS is_test, d.created_at, d.due_at, e.property_id, e.url, e.secret, e.old_secret,
              e.old_secret_until
""")


async def claim(
    reader: Reader,
    *,
    by: str,
    house_now: datetime,
    full: list[int],
    shared: int,
    each: tuple[int, int],
    most: int,
) -> list[Claimed]:
    """Take what is due, oldest first: none of the `full` endpoints, and at most `most`.

    The others share `shared` evenly; but none gets less than the smaller of `each`, or more than the larger.
    """
    claimed = await reader.all(Claimed, CLAIM, reader.now, house_now, house_now + LEASE, full, shared, *each, most, by)
    return sorted(claimed, key=_due_at)  # an UPDATE returns its rows in any order


def _due_at(delivery: Claimed) -> datetime:
    return delivery.due_at


RELEASE = sql(
    """
    UPDATE webhook_deliveries
       SET claimed_until = NULL
     WHERE due_at IS NOT NULL AND claimed_until IS NOT NULL AND claimed_by = $1
    """,
    across="a worker works for every workspace",
)


async def release(database: Database, by: str) -> None:
    """What this claimant had claimed may be claimed again."""
    await database.execute(RELEASE, by)


NEXT_DUE = sql("""
    SELECT min(due_at)
      FROM webhook_deliveries d
      JOIN webhook_endpoints e ON e.workspace_id = d.workspace_id AND e.id = d.endpoint_id
     WHERE d.workspace_id = $1 AND d.due_at IS NOT NULL AND (e.is_active OR d.is_manual)
""")

WAITING = sql(
    "SELECT DISTINCT workspace_id FROM webhook_deliveries WHERE due_at IS NOT NULL",
    across="the sweep looks for workspaces that have something waiting",
)


async def waiting(database: Database) -> list[int]:
    """Workspaces that have deliveries waiting, due or not."""
    return [row[0] for row in await database.fetch(WAITING)]
