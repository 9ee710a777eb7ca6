"""What guests answer to text messages: STOP ends them, START takes that back, HELP is answered."""

from datetime import datetime, timedelta

from hospes.base.db import Reader, Tx, sql
from hospes.capabilities import guests
from hospes.capabilities.messaging import outbox, suppressions
from hospes.capabilities.messaging.stop import Wish
from hospes.capabilities.messaging.templates import TRANSACTIONAL

STOPPED = "The guest wrote STOP."
HELP = "sms-help"
_LONGEST_EVIDENCE = 100
# Two machines must not answer each other for ever.
_HELP_AGAIN = timedelta(hours=1)

BUSINESS = sql("SELECT name FROM workspaces WHERE id = $1", across="reads the workspace's own row")
LAST_TEXT = sql("""
    SELECT max(queued_at)
      FROM messages
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND channel = 'sms'
""")
HELPED = sql("""
    SELECT EXISTS (
        SELECT FROM messages
         WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND template_slug = $3 AND queued_at > $4)
""")


async def last_text(reader: Reader, guest_id: int) -> datetime | None:
    """When the guest was last written to."""
    at: datetime | None = await reader.value(LAST_TEXT, await guests.family(reader, guest_id))
    return at


async def follow(tx: Tx, guest_id: int, number: str, wish: Wish, *, text: str) -> bool:
    """Do what the guest asks for in these words; returns whether there was anything to do."""
    if wish == "help":
        return await _help(tx, guest_id, number)
    held = await suppressions.find(tx, "sms", number)
    is_stopped = held is not None and held.reason == STOPPED
    if (wish == "stop") is is_stopped:
        return False
    if wish == "stop":
        await suppressions.add(tx, "sms", number, reason=STOPPED)
    else:
        await suppressions.remove(tx, "sms", number)
    answer = guests.Changes(consents={"sms": wish == "start"})
    await guests.update(tx, guest_id, answer, evidence=text[:_LONGEST_EVIDENCE])
    return True


async def _help(tx: Tx, guest_id: int, number: str) -> bool:
    family = await guests.family(tx, guest_id)
    if await tx.value(HELPED, family, HELP, tx.now - _HELP_AGAIN):
        return False
    business = await tx.value(BUSINESS)
    draft = outbox.Draft(
        channel="sms",
        purpose=TRANSACTIONAL,
        address=number,
        text=f"{business}: text messages about your stays and our offers. Reply STOP to get no more.",
        guest_id=guest_id,
        template_slug=HELP,
    )
    await outbox.put(tx, draft)
    return True
