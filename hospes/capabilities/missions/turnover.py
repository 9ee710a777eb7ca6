"""Cleaning after each stay: planned, moved and cancelled with its booking."""

from hospes.base.db import Tx
from hospes.capabilities import bookings, events
from hospes.capabilities.bookings import happenings
from hospes.capabilities.missions import work

TITLE = "Checkout cleaning"
MINUTES = 120


async def follow(tx: Tx, event: events.Recorded) -> None:
    """A reaction: a confirmed booking has a cleaning at its check-out; another has none. Work under way stays."""
    if event.type not in happenings.TYPES:
        return
    booking = await bookings.get(tx, event.payload["booking_id"])
    planned = await work.find_automatic(tx, booking.id, "cleaning")
    if planned is None:
        if booking.status == "confirmed" and booking.ends_at > tx.now:
            await work.create(
                tx,
                work.NewMission(
                    property_id=booking.property_id,
                    booking_id=booking.id,
                    mission_type="cleaning",
                    title=TITLE,
                    scheduled_at=booking.ends_at,
                    duration_minutes=MINUTES,
                    is_automatic=True,
                ),
            )
    elif planned.status not in ("in_progress", "completed"):
        wanted = (
            work.Changes(scheduled_at=booking.ends_at)
            if booking.status == "confirmed"
            else work.Changes(status="cancelled")
        )
        await work.alter(tx, planned, wanted)
