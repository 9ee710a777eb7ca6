"""Subscriptions of apps: each to one property, three at most. Property API 14."""

from datetime import datetime

import msgspec

from hospes.base import ids
from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.base.secrets import Vault
from hospes.capabilities.events import Recorded
from hospes.capabilities.webhooks import endpoints, outbox
from hospes.capabilities.webhooks.endpoints import Destinations
from hospes.capabilities.webhooks.signing import new_secret

EVENTS = ("booking.created", "booking.updated")
MOST = 3
STATUSES = ("active", "paused", "disabled")
UNSET = msgspec.UNSET


class Subscription(msgspec.Struct, frozen=True):
    """`status` is active, paused by the app, or disabled by the house."""

    id: int
    property_id: int
    url: str
    events: list[str]
    description: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    last_delivery_at: datetime | None
    last_success_at: datetime | None
    failing_since: datetime | None
    disabled_at: datetime | None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What shall change; what is UNSET stays."""

    url: str | msgspec.UnsetType = UNSET
    events: list[str] | msgspec.UnsetType = UNSET
    description: str | None | msgspec.UnsetType = UNSET
    status: str | msgspec.UnsetType = UNSET


_STATUS = "CASE WHEN is_active THEN 'active' WHEN disabled_at IS NULL THEN 'paused' ELSE 'disabled' END"
_COLUMNS = f"""
    id, property_id, url, events, description, {_STATUS} AS status, created_at, updated_at,
    greatest(last_success_at, last_failure_at) AS last_delivery_at, last_success_at, failing_since, disabled_at
"""
_WHERE = f"""
    workspace_id = $1 AND client_id = $2 AND property_id IS NOT NULL
    AND ($3::bigint IS NULL OR property_id = $3)
    AND ($4::text IS NULL OR {_STATUS} = $4)
    AND property_id IN (SELECT p.id FROM properties p WHERE p.workspace_id = $1 AND p.is_entitled)
"""  # noqa: S608
PAGE = sql(f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE {_WHERE} ORDER BY id LIMIT $5 OFFSET $6")  # noqa: S608
COUNT = sql(f"SELECT count(*) FROM webhook_endpoints WHERE {_WHERE}")  # noqa: S608
GET = sql(f"""
    SELECT {_COLUMNS}
      FROM webhook_endpoints
     WHERE workspace_id = $1 AND client_id = $2 AND id = $3 AND property_id IS NOT NULL
""")  # noqa: S608


async def list_page(
    reader: Reader, client_id: str, *, property_id: int | None, status: str | None, limit: int, offset: int
) -> tuple[list[Subscription], int]:
    """A page of an app's subscriptions, by id, and how many there are."""
    which = (client_id, property_id, status)
    return await reader.all(Subscription, PAGE, *which, limit, offset), int(await reader.value(COUNT, *which))


async def get(reader: Reader, client_id: str, subscription_id: int) -> Subscription:
    """Raises NotFound, for another app's too."""
    found = await reader.find(Subscription, GET, client_id, subscription_id)
    if found is None:
        raise NotFound("Webhook not found")
    return found


# Subscriptions to one property take turns, so that three at most holds for requests at once.
TURN = sql("SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints/' || $2::bigint::text, $1))")
OF_PROPERTY = sql("SELECT count(*) FROM webhook_endpoints WHERE workspace_id = $1 AND property_id = $2")
CREATE = sql(f"""
    INSERT INTO webhook_endpoints (workspace_id, id, property_id, client_id, url, events, description, secret,
                                   created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    RETURNING {_COLUMNS}
""")  # noqa: S608


async def create(
    tx: Tx,
    vault: Vault,
    destinations: Destinations,
    client_id: str,
    *,
    property_id: int,
    url: str,
    events: list[str],
    description: str | None,
) -> tuple[Subscription, str]:
    """Subscribe; returns it with its secret, which is not shown again. Raises Invalid, Conflict past three."""
    checked = destinations.check_url(url)
    await tx.value(TURN, property_id)
    if await tx.value(OF_PROPERTY, property_id) >= MOST:
        raise Conflict(f"A property has at most {MOST} webhooks. Delete one first.")
    secret, made = new_secret(), int(await tx.value(endpoints.RESERVE))
    sealed = vault.seal(secret.encode(), endpoints.place(tx.workspace_id, made))
    values = (made, property_id, client_id, checked, _known(events), description, sealed, tx.now)
    subscription = await tx.find(Subscription, CREATE, *values)
    assert subscription is not None
    return subscription, secret


UPDATE = sql(f"""
    UPDATE webhook_endpoints
       SET url = $4, events = $5, description = $6, is_active = $7, updated_at = $8,
           disabled_at = CASE WHEN $7 THEN NULL ELSE disabled_at END,
           disabled_reason = CASE WHEN $7 THEN NULL ELSE disabled_reason END,
           failing_since = CASE WHEN $7 AND NOT is_active THEN NULL ELSE failing_since END
     WHERE workspace_id = $1 AND client_id = $2 AND id = $3
    RETURNING {_COLUMNS}
""")  # noqa: S608
LOCK = sql("SELECT id FROM webhook_endpoints WHERE workspace_id = $1 AND client_id = $2 AND id = $3 FOR UPDATE")
# What happened while it was off is not sent later.
DROP_WAITING = sql("""
    UPDATE webhook_deliveries
       SET due_at = NULL, status = 'failed'
     WHERE workspace_id = $1 AND endpoint_id = $2 AND due_at IS NOT NULL
""")


async def update(
    tx: Tx, destinations: Destinations, client_id: str, subscription_id: int, changes: Changes
) -> Subscription:
    """Change what is given. Raises NotFound, Invalid."""
    await tx.value(LOCK, client_id, subscription_id)
    before = await get(tx, client_id, subscription_id)
    if changes.status is not UNSET and changes.status not in ("active", "paused"):
        raise Invalid("A status is set to active or paused", field="status")
    status = changes.status if changes.status is not UNSET else before.status
    after = await tx.find(
        Subscription,
        UPDATE,
        client_id,
        subscription_id,
        destinations.check_url(changes.url) if changes.url is not UNSET else before.url,
        _known(changes.events) if changes.events is not UNSET else before.events,
        changes.description if changes.description is not UNSET else before.description,
        status == "active",
        tx.now,
    )
    assert after is not None
    if after.status != before.status:
        await tx.run(DROP_WAITING, subscription_id)
    return after


DELETE = sql("DELETE FROM webhook_endpoints WHERE workspace_id = $1 AND client_id = $2 AND id = $3")


async def delete(tx: Tx, client_id: str, subscription_id: int) -> None:
    """Remove a subscription with its deliveries. Raises NotFound."""
    await get(tx, client_id, subscription_id)
    await tx.run(DELETE, client_id, subscription_id)


_LISTENING = """
    workspace_id = $1 AND property_id = $2 AND is_active AND $3 = ANY (events)
    AND EXISTS (SELECT FROM live_grants g
                 WHERE g.workspace_id = $1 AND g.client_id = webhook_endpoints.client_id AND g.may_read_bookings)
"""
ARE_THERE = sql(f"SELECT EXISTS (SELECT FROM webhook_endpoints WHERE {_LISTENING})")  # noqa: S608
SEND = sql(f"""
    INSERT INTO webhook_deliveries (workspace_id, id, endpoint_id, position, sequence, event, body, due_at, created_at)
    SELECT $1, $4 || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', row_number() OVER ()::integer, 1), chosen.id,
           $5, $6, $3, $7, $8, $8
      FROM (SELECT id FROM webhook_endpoints WHERE {_LISTENING} ORDER BY id FOR KEY SHARE) chosen
""")  # noqa: S608


async def are_there(reader: Reader, property_id: int, name: str) -> bool:
    """Whether anybody is to hear of such an event at a property."""
    return bool(await reader.value(ARE_THERE, property_id, name))


async def send(tx: Tx, event: Recorded, *, property_id: int, name: str, body: str) -> None:
    """One delivery for each subscription to the property."""
    delivery = ids.ulid("evt_", tx.now)[:-1]
    sequence = event.booking_sequence
    if await tx.run(SEND, property_id, name, delivery, event.position, sequence, body, tx.now):
        tx.wake(outbox.JOB)


def _known(events: list[str]) -> list[str]:
    if not events or not set(events) <= set(EVENTS) or len(set(events)) != len(events):
        raise Invalid(f"events lists {' or '.join(EVENTS)}, each once", field="events")
    return events
