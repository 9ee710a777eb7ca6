"""What guests do with a message: open it, follow a link, take back their consent.

Machines open mail too: Apple fetches every picture when the mail arrives, mail services fetch
pictures for their readers, and scanners follow links to see where they lead. What one of them did
is counted apart and is no event, for it says nothing of the guest. A machine is told by its name,
and by its haste: nobody reads a mail within ten seconds of its being sent.
"""

import re
from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities import events
from hospes.capabilities.messaging.happenings import MessageClicked, MessageOpened, MessageUnsubscribed

HASTE = timedelta(seconds=10)
# More clicks on one message are counted, but are no more events: whoever has the link may follow it for ever.
_MOST_EVENTS = 20
_LONGEST_AGENT = 1000

_MACHINES = re.compile(
    r"GoogleImageProxy|ggpht|YahooMailProxy|YahooCacheSystem|Outlook-iOS-Proxy"
    r"|bot\b|crawl|spider|scan|preview|barracuda|proofpoint|mimecast|symantec|trendmicro|safelinks|bingpreview"
    r"|curl/|wget/|python-|go-http-client|java/|okhttp|libwww|headless|phantomjs|axios|node-fetch",
    re.IGNORECASE,
)


def is_machine(agent: str | None, *, since_sent: timedelta | None) -> bool:
    """Whether a request with this User-Agent, so long after the message was sent, is no person's.

    Apple's privacy proxy calls itself `Mozilla/5.0` and nothing more. None is not sent yet.
    """
    if since_sent is None or since_sent < HASTE:
        return True
    name = (agent or "")[:_LONGEST_AGENT].strip()
    return name in ("", "Mozilla/5.0") or _MACHINES.search(name) is not None


class _Message(msgspec.Struct, frozen=True):
    guest_id: int | None
    channel: str
    campaign_id: int | None
    sent_at: datetime | None
    opens: int
    clicks: int


LOCK = sql("""
    SELECT guest_id, channel, campaign_id, sent_at, opens, clicks
      FROM messages
     WHERE workspace_id = $1 AND id = $2
       FOR UPDATE
""")
OPENED = sql(
    "UPDATE messages SET opens = opens + 1, opened_at = coalesce(opened_at, $3) WHERE workspace_id = $1 AND id = $2"
)
CLICKED = sql(
    "UPDATE messages SET clicks = clicks + 1, clicked_at = coalesce(clicked_at, $3) WHERE workspace_id = $1 AND id = $2"
)
OPENED_BY_MACHINE = sql("UPDATE messages SET machine_opens = machine_opens + 1 WHERE workspace_id = $1 AND id = $2")
CLICKED_BY_MACHINE = sql("UPDATE messages SET machine_clicks = machine_clicks + 1 WHERE workspace_id = $1 AND id = $2")


async def opened(tx: Tx, message_id: int, *, agent: str | None) -> None:
    """Note that a message's pixel was fetched; a person's first time is an event."""
    message = await tx.find(_Message, LOCK, message_id)
    if message is None:
        return
    if is_machine(agent, since_sent=_since(message, tx.now)):
        await tx.run(OPENED_BY_MACHINE, message_id)
        return
    await tx.run(OPENED, message_id, tx.now)
    if message.opens == 0 and message.guest_id is not None:
        fact = MessageOpened(
            guest_id=message.guest_id,
            request_id=message_id,
            channel=message.channel,
            campaign_id=message.campaign_id,
        )
        await events.record(tx, fact)


async def clicked(tx: Tx, message_id: int, url: str, *, agent: str | None) -> None:
    """Note that a message's link was followed; each time a person does is an event, twenty at most."""
    message = await tx.find(_Message, LOCK, message_id)
    if message is None:
        return
    if is_machine(agent, since_sent=_since(message, tx.now)):
        await tx.run(CLICKED_BY_MACHINE, message_id)
        return
    await tx.run(CLICKED, message_id, tx.now)
    if message.clicks < _MOST_EVENTS and message.guest_id is not None:
        fact = MessageClicked(
            guest_id=message.guest_id,
            request_id=message_id,
            channel=message.channel,
            url=url,
            campaign_id=message.campaign_id,
        )
        await events.record(tx, fact)


def _since(message: _Message, now: datetime) -> timedelta | None:
    return now - message.sent_at if message.sent_at is not None else None


UNSUBSCRIBED = sql("""
    UPDATE messages
       SET unsubscribed_at = $3
     WHERE workspace_id = $1 AND id = $2 AND unsubscribed_at IS NULL
    RETURNING guest_id, channel, campaign_id, sent_at, opens, clicks
""")


async def unsubscribed(tx: Tx, message_id: int) -> None:
    """Note that a link of this message led the guest to take back consent."""
    message = await tx.find(_Message, UNSUBSCRIBED, message_id, tx.now)
    if message is None or message.guest_id is None:
        return
    fact = MessageUnsubscribed(
        guest_id=message.guest_id,
        request_id=message_id,
        channel=message.channel,
        campaign_id=message.campaign_id,
    )
    await events.record(tx, fact)
