"""Messages: templates, and each message with its delivery life."""

from hospes.capabilities.messaging import (
    codes,
    feedback,
    letters,
    outbox,
    parts,
    personal,
    provider_ids,
    pushes,
    registrations,
    rendering,
    senders,
    short_links,
    suppressions,
    templates,
    texts,
    vapid,
)
from hospes.capabilities.messaging.letters import Carrier, Letter, Receipt
from hospes.capabilities.messaging.mailroom import Mailroom
from hospes.capabilities.messaging.outbox import JOB
from hospes.capabilities.messaging.sending import preview, send, unsubscribed, write
from hospes.capabilities.messaging.sms_desk import SmsDesk

__all__ = [
    "JOB",
    "Carrier",
    "Letter",
    "Mailroom",
    "Receipt",
    "SmsDesk",
    "codes",
    "feedback",
    "letters",
    "outbox",
    "parts",
    "personal",
    "preview",
    "provider_ids",
    "pushes",
    "registrations",
    "rendering",
    "send",
    "senders",
    "short_links",
    "suppressions",
    "templates",
    "texts",
    "unsubscribed",
    "vapid",
    "write",
]
