"""What of a guest stands in messages: handed out, and forgotten. And texts that grow old."""

from datetime import datetime

from hospes.base import rows
from hospes.base.db import Tx, sql

TABLES = {
    "messages": rows.whole("messages", without=("claimed_by", "claimed_at")),
    "short_links": rows.whole(
        "short_links",
        "t.message_id IN (SELECT m.id FROM messages m WHERE m.workspace_id = $1 AND m.guest_id = ANY ($2::bigint[]))",
    ),
    # Where a push goes is sealed, and of no use to anybody else.
    "push_registrations": rows.whole("push_registrations", without=("mark", "target", "keys")),
}

# What waits is not sent, and who has one in hand has nothing to write down any more.
FORGET = sql("""
    WITH registered AS (
        DELETE FROM push_registrations WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    ), led AS (
        DELETE FROM short_links
         WHERE workspace_id = $1
           AND message_id IN (SELECT id FROM messages WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]))
    )
    UPDATE messages
       SET address = '', subject = NULL, html = NULL, plain = '', error = NULL,
           status = CASE WHEN status <> 'queued' THEN status WHEN campaign_id IS NULL THEN 'failed' ELSE 'excluded' END,
           cause = CASE WHEN status = 'queued' AND campaign_id IS NOT NULL THEN 'erased' ELSE cause END,
           failed_at = CASE WHEN status = 'queued' AND campaign_id IS NULL THEN $3 ELSE failed_at END,
           due_at = NULL, claimed_by = NULL, claimed_at = NULL
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
    RETURNING campaign_id
""")
# Codes to sign in with, and what else went to these addresses before it was known whose they are.
FORGET_ADDRESSES = sql("""
    WITH coded AS (
        DELETE FROM address_codes
         WHERE workspace_id = $1 AND lower(address) = ANY ($2::text[])
    ), suppressed AS (
        DELETE FROM suppressions
         WHERE workspace_id = $1 AND channel IN ('email', 'sms') AND address = ANY ($2::text[])
    )
    UPDATE messages
       SET address = '', subject = NULL, html = NULL, plain = '', error = NULL,
           status = CASE WHEN status = 'queued' THEN 'failed' ELSE status END,
           due_at = NULL, claimed_by = NULL, claimed_at = NULL
     WHERE workspace_id = $1 AND guest_id IS NULL AND address <> '' AND lower(address) = ANY ($2::text[])
""")


async def forget(tx: Tx, family: list[int], addresses: list[str]) -> set[int]:
    """Empty what was written to these guests and addresses, and send nothing that waits.

    Returns the campaigns whose messages these were. That an address was suppressed is forgotten with it.
    """
    campaigns = await tx.column(FORGET, family, tx.now)
    if addresses:
        await tx.run(FORGET_ADDRESSES, addresses)
    return {campaign_id for campaign_id in campaigns if campaign_id is not None}


SHORTEN = sql("""
    UPDATE messages
       SET subject = NULL, html = NULL, plain = ''
     WHERE workspace_id = $1
       AND id IN (SELECT id
                    FROM messages
                   WHERE workspace_id = $1 AND queued_at < $2 AND plain <> ''
                     AND due_at IS NULL AND claimed_by IS NULL
                   LIMIT $3
                     FOR UPDATE SKIP LOCKED)
""")


# A link may say whose it is, and is of no use without its text.
UNLINK = sql("""
    DELETE FROM short_links
     WHERE workspace_id = $1
       AND id IN (SELECT id FROM short_links WHERE workspace_id = $1 AND created_at < $2 LIMIT $3)
""")


async def shorten(tx: Tx, before: datetime, *, most: int) -> int:
    """Delete at most so many texts and links of messages that are older; returns how many. What went out stays."""
    return max(await tx.run(SHORTEN, before, most), await tx.run(UNLINK, before, most))
