"""Webhook management. Contract 16; what goes beyond it is marked as an extension in the table."""

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import webhooks
from hospes.capabilities.webhooks import Destinations
from hospes.doors.guest_api.shapes import (
    Deliveries,
    DeliveryOut,
    DeliveryQuery,
    Page,
    ReplayedOut,
    ReplayIn,
    RotateIn,
    SecretOut,
    SentOut,
    TestIn,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    Webhooks,
)


async def list_webhooks(reader: Reader, query: Page) -> Webhooks:
    """List webhooks"""
    found = await webhooks.list_all(reader, limit=query.limit, offset=query.offset)
    total = await webhooks.count(reader)
    items = [WebhookOut.of(endpoint) for endpoint in found]
    return Webhooks(items=items, total=total, limit=query.limit, offset=query.offset)


async def create_webhook(tx: Tx, body: WebhookIn, vault: Vault, destinations: Destinations) -> WebhookOut:
    """Create webhook

    The answer holds the secret that deliveries are signed with. It is not shown again.
    """
    endpoint, secret = await webhooks.create(
        tx,
        vault,
        destinations,
        url=body.url,
        events=body.events,
        description=body.description,
        is_active=body.is_active,
    )
    return WebhookOut.of(endpoint, secret)


async def get_webhook(reader: Reader, webhook_id: int) -> WebhookOut:
    """Get webhook"""
    return WebhookOut.of(await webhooks.get(reader, webhook_id))


async def update_webhook(tx: Tx, webhook_id: int, body: WebhookPatch, destinations: Destinations) -> WebhookOut:
    """Update webhook

    Switching a disabled webhook on clears the reason it was disabled for.
    """
    changes = webhooks.Changes(url=body.url, events=body.events, description=body.description, is_active=body.is_active)
    return WebhookOut.of(await webhooks.update(tx, destinations, webhook_id, changes))


async def delete_webhook(tx: Tx, webhook_id: int) -> None:
    """Delete webhook"""
    await webhooks.delete(tx, webhook_id)


async def rotate_secret(tx: Tx, webhook_id: int, body: RotateIn, vault: Vault) -> SecretOut:
    """Rotate secret

    For 24 hours the `webhook-signature` header carries a signature of each secret, and the
    contract's own header is signed with the old one. `immediate` stops the old secret at once.
    """
    return SecretOut(webhook_id, await webhooks.rotate_secret(tx, vault, webhook_id, at_once=body.immediate))


async def test_webhook(tx: Tx, webhook_id: int, body: TestIn) -> SentOut:
    """Send a test event

    The payload carries `"test": true`. A test is sent once and never counts against the webhook.
    """
    event = body.event or "guest.created"
    if event not in webhooks.EVENTS:
        raise Invalid(f"Unknown event: {event}", field="event", value=event)
    return SentOut(await webhooks.send_test(tx, webhook_id, event))


async def replay_webhook(tx: Tx, webhook_id: int, body: ReplayIn) -> ReplayedOut:
    """Replay events since a time

    Sends every event since then again, under the ids it had; what was never sent, because the
    webhook was off, is sent now.
    """
    return ReplayedOut(await webhooks.replay_since(tx, webhook_id, body.since))


async def list_deliveries(reader: Reader, webhook_id: int, query: DeliveryQuery) -> Deliveries:
    """List deliveries"""
    found, total = await webhooks.list_deliveries(
        reader, webhook_id, status=query.status, limit=query.limit, offset=query.offset
    )
    items = [DeliveryOut.of(delivery) for delivery in found]
    return Deliveries(items=items, total=total, limit=query.limit, offset=query.offset)


async def get_delivery(reader: Reader, webhook_id: int, delivery_ref: str) -> DeliveryOut:
    """Get delivery

    With each attempt: status, latency and the first bytes of the answer.
    """
    delivery, attempts = await webhooks.get_delivery(reader, webhook_id, delivery_ref)
    return DeliveryOut.of(delivery, attempts)


async def replay_delivery(tx: Tx, webhook_id: int, delivery_ref: str) -> SentOut:
    """Replay delivery

    Sends the same bytes again under the same id.
    """
    await webhooks.replay(tx, webhook_id, delivery_ref)
    return SentOut(delivery_ref)
