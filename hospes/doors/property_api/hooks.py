"""Webhooks of one property, for the app that asks. Contract 14."""

from msgspec import UNSET

from hospes.base.db import Reader, Tx
from hospes.base.errors import Forbidden, Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import properties
from hospes.capabilities.oauth import App
from hospes.capabilities.webhooks import Destinations, subscriptions
from hospes.doors.property_api import shapes
from hospes.doors.property_api.shapes import paged


async def list_webhooks(reader: Reader, query: shapes.WebhookQuery, caller: App) -> shapes.Webhooks:
    """List webhooks

    Those that this app made.
    """
    if query.status is not None and query.status not in subscriptions.STATUSES:
        raise Invalid(f"A status is one of: {', '.join(subscriptions.STATUSES)}", field="status")
    if query.property_id is not None:
        await properties.check(reader, query.property_id)
    found, total = await subscriptions.list_page(
        reader,
        caller.client_id,
        property_id=query.property_id,
        status=query.status,
        limit=query.limit,
        offset=query.start,
    )
    return shapes.Page([shapes.WebhookOut.of(one) for one in found], paged(query, total))


async def get_webhook(reader: Reader, webhook_id: int, caller: App) -> shapes.WebhookOut:
    """Get webhook"""
    return shapes.WebhookOut.of(await _own(reader, webhook_id, caller))


async def create_webhook(
    tx: Tx, body: shapes.WebhookIn, caller: App, vault: Vault, destinations: Destinations
) -> shapes.WebhookOut:
    """Create webhook

    Every change of a booking of the property is then sent there, signed, without contact details. The answer
    holds the secret that deliveries are signed with; it is not shown again.
    """
    await properties.check(tx, body.property_id)
    made, secret = await subscriptions.create(
        tx,
        vault,
        destinations,
        caller.client_id,
        property_id=body.property_id,
        url=body.url,
        events=body.events,
        description=body.description,
    )
    return shapes.WebhookOut.of(made, secret)


async def update_webhook(
    tx: Tx, webhook_id: int, body: shapes.WebhookPatch, caller: App, destinations: Destinations
) -> shapes.WebhookOut:
    """Update webhook

    `status` pauses a webhook, or starts it again, also one that was disabled. What happens meanwhile is not
    sent later.
    """
    if body.property_id is not UNSET or body.signing_secret is not UNSET:
        raise Invalid("A webhook keeps its property and its secret: delete it and make a new one", field="propertyId")
    before = await _own(tx, webhook_id, caller)
    added = set(body.events or ()) - set(before.events)
    if added and not caller.may("bookings.read"):
        raise Forbidden("The token lacks the scope bookings.read")
    changes = subscriptions.Changes(url=body.url, events=body.events, description=body.description, status=body.status)
    return shapes.WebhookOut.of(await subscriptions.update(tx, destinations, caller.client_id, webhook_id, changes))


async def delete_webhook(tx: Tx, webhook_id: int, caller: App) -> None:
    """Delete webhook"""
    await _own(tx, webhook_id, caller)
    await subscriptions.delete(tx, caller.client_id, webhook_id)


async def _own(reader: Reader, webhook_id: int, caller: App) -> subscriptions.Subscription:
    found = await subscriptions.get(reader, caller.client_id, webhook_id)
    await properties.check(reader, found.property_id)
    return found
