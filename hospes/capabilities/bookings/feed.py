"""What apps are told of bookings: a webhook for each change, without anything sensitive. Property API 15."""

import msgspec

from hospes.base.db import Tx
from hospes.capabilities import events, webhooks
from hospes.capabilities.bookings import happenings, showing, stays


async def fan_out(tx: Tx, event: events.Recorded) -> None:
    """A reaction: whoever subscribed to the property hears of the booking as it is now. A cancellation is a change."""
    if event.type not in happenings.TYPES:
        return
    told = happenings.BookingCreated.TYPE if event.type == happenings.BookingCreated.TYPE else "booking.updated"
    property_id = event.payload["property_id"]
    if not await webhooks.subscriptions.are_there(tx, property_id, told):
        return
    booking = await stays.get(tx, event.payload["booking_id"])
    if booking.is_entitled:
        body = msgspec.json.encode(showing.plain(booking)).decode()
        await webhooks.subscriptions.send(tx, event, property_id=property_id, name=told, body=body)
