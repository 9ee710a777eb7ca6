"""Messages: templates, and each message with its delivery life."""

from hospes.capabilities.messaging import codes, feedback, letters, outbox, rendering, suppressions, templates
from hospes.capabilities.messaging.letters import Carrier, Letter, Receipt
from hospes.capabilities.messaging.mailroom import Mailroom
from hospes.capabilities.messaging.outbox import JOB
from hospes.capabilities.messaging.sending import preview, send, unsubscribed, write

__all__ = [
    "JOB",
    "Carrier",
    "Letter",
    "Mailroom",
    "Receipt",
    "codes",
    "feedback",
    "letters",
    "outbox",
    "preview",
    "rendering",
    "send",
    "suppressions",
    "templates",
    "unsubscribed",
    "write",
]
