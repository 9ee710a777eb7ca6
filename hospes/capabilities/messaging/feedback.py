"""What becomes known of a message after it was sent: it arrived, did not, came back, or was called spam."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Literal

import msgspec
from flufl.bounce import all_failures

from hospes.base.db import Tx, sql
from hospes.capabilities import events, guests
from hospes.capabilities.messaging import suppressions
from hospes.capabilities.messaging.happenings import Complained, MessageDelivered
from hospes.capabilities.messaging.mailroom import note_end
from hospes.capabilities.messaging.outbox import Left

Verdict = Literal["delivered", "failed", "bounced", "complained"]


class Told(msgspec.Struct, frozen=True):
    """What somebody says of the message with this mark."""

    mark: str
    verdict: Verdict
    reason: str = ""


LOCK = sql("""
    SELECT id, guest_id, channel, address, campaign_id
      FROM messages
     WHERE workspace_id = $1 AND id = $2 AND status = ANY ($3::text[])
       -- Of who was erased, nothing becomes known any more; nor of what went to an address of theirs.
       AND (guest_id IS NOT NULL OR address <> '')
       AND NOT EXISTS (SELECT
                         FROM guests g
                        WHERE g.workspace_id = $1 AND g.id = messages.guest_id AND g.erased_at IS NOT NULL)
       FOR UPDATE
""")
NOTE = sql("""
    UPDATE messages
       SET status = $3,
           error = $4,
           due_at = NULL,
           -- Whoever has it in hand still has nothing to write down any more.
           claimed_by = NULL,
           claimed_at = NULL,
           sent_at = coalesce(sent_at, $5),
           delivered_at = CASE WHEN $3 = 'delivered' THEN $5 ELSE delivered_at END,
           failed_at = CASE WHEN $3 IN ('bounced', 'failed') THEN $5 ELSE failed_at END
     WHERE workspace_id = $1 AND id = $2
""")
COMPLAINED = sql("""
    UPDATE messages
       SET complained_at = $3
     WHERE workspace_id = $1 AND id = $2 AND complained_at IS NULL
""")
# What may still become of a message in which state; a thing told twice changes nothing. A receipt may be
# faster than the worker that notes that it sent the message.
_FROM = {
    "delivered": ["sent", "failed", "queued"],
    "failed": ["sent", "queued"],
    "bounced": ["sent", "delivered", "failed", "queued"],
    "complained": ["sent", "delivered", "failed"],
}


async def note(tx: Tx, message_id: int, told: Told) -> bool:
    """Write down what became known; returns whether it was news."""
    message = await tx.find(Left, LOCK, message_id, _FROM[told.verdict])
    if message is None:
        return False
    if told.verdict == "complained":
        return await _complain(tx, message)
    reason = told.reason[:500]
    await tx.run(NOTE, message_id, told.verdict, None if told.verdict == "delivered" else reason, tx.now)
    if told.verdict != "delivered":
        await note_end(tx, message, told.verdict, reason)
    elif message.guest_id is not None:
        await events.record(
            tx,
            MessageDelivered(
                guest_id=message.guest_id,
                request_id=message.id,
                channel=message.channel,
                campaign_id=message.campaign_id,
            ),
        )
    return True


async def _complain(tx: Tx, message: Left) -> bool:
    if not await tx.run(COMPLAINED, message.id, tx.now):
        return False
    await suppressions.add(tx, message.channel, message.address, reason="The guest reported a message as spam.")
    if message.guest_id is not None:
        await events.record(
            tx,
            Complained(
                guest_id=message.guest_id,
                request_id=message.id,
                channel=message.channel,
                campaign_id=message.campaign_id,
            ),
        )
        withdrawn = guests.Changes(marketing_consent=False)
        await guests.update(tx, message.guest_id, withdrawn, evidence="complaint")
    return True


def of_mail(raw: bytes, is_ours: Callable[[str], bool]) -> Told | None:
    """What a delivery status notification says (RFC 3464); None for anything else, and for a mere delay.

    `is_ours` tells a mark from other text: it is looked for in the address the mail came to, and in
    the returned message.
    """
    mail = message_from_bytes(raw, policy=policy.default)
    found = _mark(mail, raw, is_ours)
    if found is None:
        return None
    action, reason = _status(mail)
    if action in ("delivered", "relayed", "expanded"):
        return Told(found, "delivered") if action == "delivered" else None
    if action == "failed":
        return Told(found, "bounced", reason)
    if action is None and all_failures(mail)[1]:
        return Told(found, "bounced", "The mail came back.")
    return None


def _mark(mail: Message, raw: bytes, is_ours: Callable[[str], bool]) -> str | None:
    candidates = []
    for header in ("Delivered-To", "X-Original-To", "To", "References", "In-Reply-To"):
        candidates += [str(value) for value in mail.get_all(header, [])]
    # The returned message: its Message-ID line, wherever it stands.
    candidates += [
        line.decode("ascii", "replace") for line in raw[:200_000].splitlines() if b"essage-id:" in line.lower()
    ]
    for text in candidates:
        for word in text.replace("<", " ").replace(">", " ").replace(",", " ").split():
            local = word.partition("@")[0]
            for part in (local, local.rpartition("+")[2]):
                if is_ours(part):
                    return part
    return None


def _status(mail: Message) -> tuple[str | None, str]:
    """The action and the reason of the first recipient (RFC 3464 section 2.3)."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            for block in blocks if isinstance(blocks, list) else []:
                if isinstance(block, (Message, EmailMessage)) and block["Action"]:
                    reason = str(block["Diagnostic-Code"] or block["Status"] or "").strip()
                    return str(block["Action"]).strip().lower(), reason
    return None, ""
