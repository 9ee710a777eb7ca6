"""What of a guest stands in deliveries: forgotten. And who has to hear that they were erased."""

import msgspec

from hospes.base import ids
from hospes.base.db import Tx, sql
from hospes.capabilities.events import Recorded
from hospes.capabilities.webhooks import outbox

# Bodies for apps tell of a booking as it was, with names. A replay sends the same id, and no person.
FORGET = sql("""
    UPDATE webhook_deliveries d
       SET body = (d.body::jsonb || '{"guestFirstName": null, "guestLastName": null, "guestLanguage": null,
                                      "notes": null, "customParameters": {}}')::text
      FROM webhook_endpoints e
     WHERE d.workspace_id = $1 AND e.workspace_id = $1 AND e.id = d.endpoint_id AND e.property_id IS NOT NULL
       AND d.position = ANY ($2::bigint[]) AND d.body LIKE '%"guestFirstName"%'
""")
# Whoever was told may have told it back.
FORGET_ANSWERS = sql("""
    UPDATE webhook_attempts a
       SET answer = ''
      FROM webhook_deliveries d, webhook_endpoints e
     WHERE a.workspace_id = $1 AND d.workspace_id = $1 AND e.workspace_id = $1
       AND d.id = a.delivery_id AND e.id = d.endpoint_id AND d.position = ANY ($2::bigint[]) AND a.answer <> ''
""")


async def forget(tx: Tx, positions: list[int]) -> None:
    """Of what was sent about these events, the ids and figures stay."""
    await tx.run(FORGET, positions)
    await tx.run(FORGET_ANSWERS, positions)


TELL = sql(f"""
    INSERT INTO webhook_deliveries (workspace_id, id, endpoint_id, position, sequence, event, body, due_at, created_at)
    SELECT $1, $2 || substr('{outbox.DIGITS}', row_number() OVER ()::integer, 1), chosen.id, $3, $4, $5, $6, $7, $7
      FROM (SELECT id
              FROM webhook_endpoints
             WHERE workspace_id = $1 AND is_active AND property_id IS NULL
             ORDER BY id
             LIMIT 32
               FOR KEY SHARE) chosen
""")  # noqa: S608
# An app that lost its grant is told too: what it copied, it still has. The courier sends to those it may.
TELL_APPS = sql("""
    INSERT INTO webhook_deliveries (workspace_id, id, endpoint_id, position, sequence, event, body, due_at, created_at)
    SELECT $1, told.delivery_id, e.id, $2, NULL, $3, told.body, $4, $4
      FROM unnest($5::bigint[], $6::text[], $7::text[]) AS told (endpoint_id, delivery_id, body)
      JOIN webhook_endpoints e ON e.workspace_id = $1 AND e.id = told.endpoint_id
""")
APPS = sql("""
    SELECT id, property_id FROM webhook_endpoints
     WHERE workspace_id = $1 AND is_active AND property_id IS NOT NULL
     ORDER BY id
       FOR KEY SHARE
""")


class _App(msgspec.Struct, frozen=True):
    id: int
    property_id: int


async def tell(tx: Tx, event: Recorded, booking_ids: dict[int, list[int]]) -> None:
    """Every endpoint hears that a guest was erased, whatever it subscribes to, with the id alone.

    Apps know guests by their bookings: they are told which these are, by property.
    """
    body = outbox.body_of(tx.workspace_id, event.type, event.payload, event.occurred_at)
    named = ids.ulid("dlv_", tx.now)[:-1]
    await tx.run(TELL, named, event.position, event.sequence, event.type, body, tx.now)
    apps = await tx.all(_App, APPS)
    bodies = [
        msgspec.json.encode({"guestId": event.payload["guest_id"], "bookingIds": booking_ids.get(app.property_id, [])})
        for app in apps
    ]
    deliveries = [ids.ulid("evt_", tx.now) for _ in apps]
    told = ([app.id for app in apps], deliveries, [body.decode() for body in bodies])
    await tx.run(TELL_APPS, event.position, event.type, tx.now, *told)
    tx.wake(outbox.JOB)
