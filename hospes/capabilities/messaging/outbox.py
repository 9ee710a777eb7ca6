"""Messages: one row each, which is the queue as well.

A worker takes a few at a time and marks them as its own before it sends them. What a worker that
died had in hand may have been sent or not: nobody sends it again, it fails and says why. So a
message is sent once at most, and none is lost without a word.
"""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Database, Reader, Tx, sql
from hospes.base.errors import NotFound

JOB = "messages"
# Longer than any attempt takes: who is in hand for longer than that has nobody who sends it.
LEASE = timedelta(minutes=5)


class Message(msgspec.Struct, frozen=True):
    id: int
    guest_id: int | None
    channel: str
    template_slug: str | None
    purpose: str
    status: str
    error: str | None
    queued_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None


class Claimed(msgspec.Struct, frozen=True):
    """A message in hand, and whether it may still be sent."""

    id: int
    guest_id: int | None
    channel: str
    purpose: str
    address: str
    subject: str | None
    html: str | None
    text: str
    attempts: int
    queued_at: datetime
    business: str
    is_suppressed: bool
    is_consented: bool
    # Of a campaign's message: whose it is, and what its author made of it.
    campaign_id: int | None = None
    unsubscribe_url: str | None = None
    refusal: str | None = None
    reply_to: str | None = None
    origin: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be."""

    channel: str
    purpose: str
    address: str
    text: str
    subject: str | None = None
    html: str | None = None
    guest_id: int | None = None
    template_slug: str | None = None


_COLUMNS = """
    id, guest_id, channel, template_slug, purpose, status, error, queued_at, sent_at, delivered_at
"""
GET = sql(f"SELECT {_COLUMNS} FROM messages WHERE workspace_id = $1 AND id = $2")  # noqa: S608
LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM messages
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")  # noqa: S608


async def get(reader: Reader, message_id: int) -> Message:
    """Raises NotFound."""
    message = await reader.find(Message, GET, message_id)
    if message is None:
        raise NotFound("Delivery not found")
    return message


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[Message]:
    """A page of messages, the newest first, behind the id `after`."""
    return await reader.all(Message, LIST, after, limit)


PUT = sql("""
    INSERT INTO messages (workspace_id, id, guest_id, channel, template_slug, purpose, address, subject, html, plain,
                          due_at, queued_at)
    VALUES ($1, coalesce($2, nextval('messages_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
    RETURNING id
""")


async def put(tx: Tx, draft: Draft, *, message_id: int | None = None) -> int:
    """Send a message after COMMIT; returns its id."""
    tx.wake(JOB)
    return int(
        await tx.value(
            PUT,
            message_id,
            draft.guest_id,
            draft.channel,
            draft.template_slug,
            draft.purpose,
            draft.address,
            draft.subject,
            draft.html,
            draft.text,
            tx.now,
        )
    )


DELIVERED = sql("""
    UPDATE messages
       SET status = 'delivered', due_at = NULL, sent_at = $3, delivered_at = $3
     WHERE workspace_id = $1 AND id = $2
""")


async def mark_delivered(tx: Tx, message_id: int) -> None:
    """Take a message as delivered without sending it: for what was sent elsewhere, and for the demo."""
    await tx.run(DELIVERED, message_id, tx.now)


CLAIM = sql("""
    WITH due AS (
        SELECT m.id
          FROM messages m
         WHERE m.workspace_id = $1 AND m.due_at <= $2 AND m.channel = ANY ($6::text[]) AND m.campaign_id IS NULL
         ORDER BY m.due_at
         LIMIT $5
           FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE messages m
           SET due_at = NULL, claimed_by = $3, claimed_at = $4, attempts = attempts + 1
          FROM due
         WHERE m.workspace_id = $1 AND m.id = due.id
        RETURNING m.*
    )
    SELECT c.id, c.guest_id, c.channel, c.purpose, c.address, c.subject, c.html, c.plain AS text, c.attempts,
           c.queued_at, w.name AS business, s.address IS NOT NULL AS is_suppressed,
           g.id IS NULL
           OR coalesce(CASE c.channel WHEN 'email' THEN g.email_consent
                                      WHEN 'sms' THEN g.sms_consent
                                      ELSE g.push_consent END, false) AS is_consented
      FROM claimed c
      JOIN workspaces w ON w.id = c.workspace_id
      LEFT JOIN suppressions s ON s.workspace_id = $1 AND s.channel = c.channel AND s.address = lower(c.address)
      LEFT JOIN guests old ON old.workspace_id = $1 AND old.id = c.guest_id
      LEFT JOIN guests g ON g.workspace_id = $1 AND g.id = coalesce(old.merged_into, old.id)
     ORDER BY c.queued_at, c.id
""")


async def claim(reader: Reader, channels: list[str], *, by: str, house_now: datetime, most: int) -> list[Claimed]:
    """Take what is due, oldest first, at most so many. What campaigns say, their author takes."""
    return await reader.all(Claimed, CLAIM, reader.now, by, house_now, most, channels)


NEXT_DUE = sql("""
    SELECT min(due_at)
      FROM messages
     WHERE workspace_id = $1 AND due_at IS NOT NULL AND campaign_id IS NULL
""")
WAITING = sql(
    """
    SELECT DISTINCT workspace_id
      FROM messages
     WHERE due_at IS NOT NULL AND campaign_id IS NULL OR claimed_at < $1
    """,
    across="asks which workspaces have something to send",
)


async def waiting(database: Database, house_now: datetime) -> list[int]:
    """Workspaces in which something is to be sent, or was left behind."""
    return [row[0] for row in await database.fetch(WAITING, house_now - LEASE)]


LEFT_BEHIND = sql("""
    SELECT id, guest_id, channel, address, campaign_id
      FROM messages
     WHERE workspace_id = $1 AND claimed_by IS NOT NULL AND (claimed_at < $2 OR claimed_by = $3)
       FOR UPDATE SKIP LOCKED
""")


class Left(msgspec.Struct, frozen=True):
    id: int
    guest_id: int | None
    channel: str
    address: str
    campaign_id: int | None = None


async def left_behind(tx: Tx, house_now: datetime, *, by: str | None = None) -> list[Left]:
    """What a worker that died had in hand; `by` names one that is known to be dead."""
    return await tx.all(Left, LEFT_BEHIND, house_now - LEASE, by)
