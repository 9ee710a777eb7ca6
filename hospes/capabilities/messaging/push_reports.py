"""What browsers and apps tell of a push: it was shown, followed, or put away."""

from typing import ClassVar, Literal

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities import events
from hospes.capabilities.events import Event
from hospes.capabilities.messaging import feedback
from hospes.capabilities.messaging.feedback import Told
from hospes.capabilities.messaging.happenings import MessageClicked
from hospes.capabilities.messaging.outbox import Left

Report = Literal["delivered", "dismissed"]


# More are counted, but are no more events: whoever has the link may follow it for ever.
_MOST_EVENTS = 20


class PushDismissed(Event, frozen=True):
    """The guest put a push away without following it."""

    TYPE: ClassVar[str] = "push.dismissed"
    TITLE: ClassVar[str] = "Push dismissed"

    request_id: int
    campaign_id: int | None = None


class _Clicked(msgspec.Struct, frozen=True):
    id: int
    guest_id: int | None
    campaign_id: int | None
    clicks: int


CLICKED = sql("""
    UPDATE messages
       SET clicks = clicks + 1, clicked_at = coalesce(clicked_at, $3)
     WHERE workspace_id = $1 AND id = $2 AND channel = 'push'
    RETURNING id, guest_id, campaign_id, clicks
""")
LOCK = sql("""
    SELECT id, guest_id, channel, address, campaign_id
      FROM messages
     WHERE workspace_id = $1 AND id = $2 AND channel = 'push'
       -- Of a guest who was erased, nothing more is written down.
       AND NOT EXISTS (SELECT FROM guests g
                        WHERE g.workspace_id = $1 AND g.id = messages.guest_id AND g.erased_at IS NOT NULL)
       FOR UPDATE
""")
DISMISSED = sql("""
    UPDATE messages
       SET dismissed_at = $3
     WHERE workspace_id = $1 AND id = $2 AND dismissed_at IS NULL
    RETURNING id, guest_id, channel, address, campaign_id
""")


async def clicked(tx: Tx, message_id: int, url: str) -> bool:
    """The guest followed a link of the push; returns whether there is such a push. It has arrived, too."""
    if not await arrived(tx, message_id):
        return False
    message = await tx.find(_Clicked, CLICKED, message_id, tx.now)
    if message is not None and message.guest_id is not None and message.clicks <= _MOST_EVENTS:
        told = MessageClicked(
            guest_id=message.guest_id,
            request_id=message.id,
            channel="push",
            url=url,
            campaign_id=message.campaign_id,
        )
        await events.record(tx, told)
    return True


async def dismissed(tx: Tx, message_id: int) -> bool:
    """The guest put the push away; returns whether there is such a push."""
    if not await arrived(tx, message_id):
        return False
    message = await tx.find(Left, DISMISSED, message_id, tx.now)
    if message is not None and message.guest_id is not None:
        told = PushDismissed(guest_id=message.guest_id, request_id=message.id, campaign_id=message.campaign_id)
        await events.record(tx, told)
    return True


async def arrived(tx: Tx, message_id: int) -> bool:
    """The push was shown; returns whether there is such a push."""
    if await tx.find(Left, LOCK, message_id) is None:
        return False
    await feedback.note(tx, message_id, Told("", "delivered"))
    return True
