"""Where events are sent: addresses, what they subscribe to, their secrets."""

from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.base.resealing import sealed
from hospes.base.secrets import Vault
from hospes.capabilities.webhooks.signing import new_secret

MOST = 20
OVERLAP = timedelta(hours=24)
EVERY = "*"

# Guest API 15.3. What else stands in the log stays in the house.
EVENTS = (
    "guest.created",
    "guest.updated",
    "promotion.granted",
    "promotion.redeemed",
    "loyalty.points_added",
    "loyalty.points_redeemed",
    "wallet.redeemed",
    "visit.started",
    "visit.ended",
)

# Goes to everyone who may have been told of the guest, whatever they subscribe to.
ERASED = "guest.erased"

UNSET = msgspec.UNSET


class Destinations(Protocol):
    """Which addresses may be sent to."""

    def check_url(self, url: str) -> str:
        """The address in its normal form; raises Invalid with the reason."""
        ...


class Endpoint(msgspec.Struct, frozen=True):
    id: int
    url: str
    events: list[str]
    description: str | None
    is_active: bool
    disabled_reason: str | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What shall change; what is UNSET stays."""

    url: str | msgspec.UnsetType = UNSET
    events: list[str] | msgspec.UnsetType = UNSET
    description: str | None | msgspec.UnsetType = UNSET
    is_active: bool | msgspec.UnsetType = UNSET


_COLUMNS = (
    "id, url, events, description, is_active, disabled_reason, last_success_at, last_failure_at, created_at, updated_at"
)

LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM webhook_endpoints
     WHERE workspace_id = $1 AND property_id IS NULL
     ORDER BY created_at DESC, id DESC
     LIMIT $2 OFFSET $3
""")  # noqa: S608
COUNT = sql("SELECT count(*) FROM webhook_endpoints WHERE workspace_id = $1 AND property_id IS NULL")
GET = sql(f"""
    SELECT {_COLUMNS} FROM webhook_endpoints WHERE workspace_id = $1 AND id = $2 AND property_id IS NULL
""")  # noqa: S608


async def list_all(reader: Reader, *, limit: int, offset: int) -> list[Endpoint]:
    """Endpoints, newest first."""
    return await reader.all(Endpoint, LIST, limit, offset)


async def count(reader: Reader) -> int:
    return int(await reader.value(COUNT))


async def get(reader: Reader, endpoint_id: int) -> Endpoint:
    """Raises NotFound."""
    endpoint = await reader.find(Endpoint, GET, endpoint_id)
    if endpoint is None:
        raise NotFound("Webhook not found")
    return endpoint


# Registrations of one workspace take turns, so that the limit holds for requests at once.
TURN = sql("SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints', $1))")
CREATE = sql(f"""
    INSERT INTO webhook_endpoints (workspace_id, id, url, events, description, is_active, secret,
                                   created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
    RETURNING {_COLUMNS}
""")  # noqa: S608
RESERVE = sql("SELECT nextval(pg_get_serial_sequence('webhook_endpoints', 'id')) WHERE $1::bigint IS NOT NULL")


async def create(
    tx: Tx,
    vault: Vault,
    destinations: Destinations,
    *,
    url: str,
    events: list[str],
    description: str | None = None,
    is_active: bool = True,
) -> tuple[Endpoint, str]:
    """Register an endpoint; returns it with its secret, which is not shown again.

    Raises Invalid for the address or an unknown event, Conflict past 20 endpoints. Guest API 16.
    """
    checked, known = destinations.check_url(url), _known(events)
    await tx.value(TURN)
    if await count(tx) >= MOST:
        raise Conflict("Webhook limit reached")
    secret, endpoint_id = new_secret(), int(await tx.value(RESERVE))
    sealed = vault.seal(secret.encode(), place(tx.workspace_id, endpoint_id))
    endpoint = await tx.find(Endpoint, CREATE, endpoint_id, checked, known, description, is_active, sealed, tx.now)
    assert endpoint is not None
    return endpoint, secret


UPDATE = sql(f"""
    UPDATE webhook_endpoints
       SET url = $3, events = $4, description = $5, is_active = $6, updated_at = $8,
           disabled_reason = CASE WHEN $7 THEN NULL ELSE disabled_reason END,
           failing_since = CASE WHEN $7 THEN NULL ELSE failing_since END
     WHERE workspace_id = $1 AND id = $2 AND property_id IS NULL
    RETURNING {_COLUMNS}
""")  # noqa: S608
LOCKED = sql(f"""
    SELECT {_COLUMNS} FROM webhook_endpoints WHERE workspace_id = $1 AND id = $2 AND property_id IS NULL FOR UPDATE
""")  # noqa: S608


async def update(tx: Tx, destinations: Destinations, endpoint_id: int, changes: Changes) -> Endpoint:
    """Change what is given. Switching a stopped endpoint on clears the reason and the count of failures.

    Raises NotFound, Invalid.
    """
    before = await tx.find(Endpoint, LOCKED, endpoint_id)
    if before is None:
        raise NotFound("Webhook not found")
    url = destinations.check_url(changes.url) if changes.url is not UNSET else before.url
    events = _known(changes.events) if changes.events is not UNSET else before.events
    description = changes.description if changes.description is not UNSET else before.description
    is_active = changes.is_active if changes.is_active is not UNSET else before.is_active
    revived = is_active and not before.is_active
    after = await tx.find(Endpoint, UPDATE, endpoint_id, url, events, description, is_active, revived, tx.now)
    assert after is not None
    if revived:
        tx.wake("webhooks")
    return after


DELETE = sql("DELETE FROM webhook_endpoints WHERE workspace_id = $1 AND id = $2 AND property_id IS NULL")


async def delete(tx: Tx, endpoint_id: int) -> None:
    """Remove an endpoint with its deliveries. Raises NotFound."""
    if not await tx.run(DELETE, endpoint_id):
        raise NotFound("Webhook not found")


ROTATE = sql("""
    UPDATE webhook_endpoints
       SET old_secret = CASE WHEN $4::timestamptz IS NULL THEN NULL ELSE secret END,
           old_secret_until = $4, secret = $3, updated_at = $5
     WHERE workspace_id = $1 AND id = $2 AND property_id IS NULL
""")


async def rotate_secret(tx: Tx, vault: Vault, endpoint_id: int, *, at_once: bool) -> str:
    """Give an endpoint a new secret, which is not shown again.

    For 24 hours deliveries are signed with both; `at_once` drops the old one now, for a leak. A
    rotation inside the overlap drops the oldest. Raises NotFound.
    """
    secret = new_secret()
    sealed = vault.seal(secret.encode(), place(tx.workspace_id, endpoint_id))
    until = None if at_once else tx.now + OVERLAP
    if not await tx.run(ROTATE, endpoint_id, sealed, until, tx.now):
        raise NotFound("Webhook not found")
    return secret


def place(workspace_id: int, endpoint_id: int) -> str:
    """What an endpoint's sealed secrets are bound to."""
    return f"{workspace_id}/webhook_endpoints/secret/{endpoint_id}"


_KEY = {"workspace_id": "bigint", "id": "bigint"}
SEALED = tuple(sealed("webhook_endpoints", column, _KEY, place) for column in ("secret", "old_secret"))


def wanted_events(events: list[str]) -> list[str]:
    """The events a subscription names, `*` spelled out."""
    return list(EVENTS) if EVERY in events else events


def _known(events: list[str]) -> list[str]:
    for event in events:
        if event not in EVENTS and event != EVERY:
            raise Invalid(
                f"Unknown event: {event}. Known events: {', '.join(EVENTS)}, or *.", field="events", value=event
            )
    if not events:
        raise Invalid("Name at least one event, or *.", field="events")
    return list(dict.fromkeys(events))
