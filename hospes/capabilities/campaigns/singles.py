"""Sending to one guest: a campaign of one, whose row is written at once."""

import msgspec

from hospes.base.db import Tx, sql
from hospes.capabilities import messaging
from hospes.capabilities.campaigns import audiences, judging, launching, plans, rules, sources
from hospes.capabilities.campaigns.content import Content
from hospes.capabilities.campaigns.sources import Recipient
from hospes.capabilities.messaging.templates import MARKETING, TRANSACTIONAL


class Sending(msgspec.Struct, frozen=True):
    """Messages that will be sent, and those that will not, with the first one's cause. Audience API 9.1."""

    campaign_id: int
    recipients: int
    skipped: int
    cause: str | None


WRITE = sql("""
    INSERT INTO messages (workspace_id, campaign_id, guest_id, recipient, channel, purpose, address, plain, due_at,
                          queued_at)
    SELECT $1, $2, guest_id, recipient, $5, $6, '', '', $7, $7
      FROM unnest($3::bigint[], $4::bigint[]) AS one (guest_id, recipient)
""")


async def send_one(
    tx: Tx,
    guest_id: int,
    channel: str,
    content: Content,
    *,
    platform: str | None = None,
    registration_id: int | None = None,
    name: str | None = None,
    is_transactional: bool = False,
) -> Sending:
    """Send to one guest, as soon as this commits; by push to each of their registrations, or to one.

    What needs consent is not sent without it; the answer says so, and it is looked at once more when
    the message is sent. Raises Invalid for content, channel and guest.
    """
    plan = plans.Plan(
        channel=channel,
        content=content,
        audience=audiences.named([guest_id]),
        name=name,
        platform=platform,
        is_transactional=is_transactional,
        is_single=True,
    )
    campaign_id = await plans.broadcast(tx, plan)
    campaign = await plans.get(tx, campaign_id)
    page = await sources.page(tx, launching.audience_of(campaign), channel, platform, after=0, most=1)
    chosen = [one for one in page if registration_id in (None, one.recipient)]
    purpose = TRANSACTIONAL if is_transactional else MARKETING
    recipients = [one.guest_id for one in chosen], [one.recipient for one in chosen]
    await tx.run(WRITE, campaign_id, *recipients, channel, purpose, tx.now)
    await tx.run(launching.START, campaign_id, tx.now)
    await tx.run(launching.ADVANCE, campaign_id, guest_id, tx.now)
    tx.wake(messaging.JOB)
    causes = await _causes(tx, chosen, channel, purpose)
    skipped = [cause for cause in causes if cause is not None]
    return Sending(campaign_id, len(causes) - len(skipped), len(skipped), skipped[0] if skipped else None)


async def _causes(tx: Tx, recipients: list[Recipient], channel: str, purpose: str) -> list[str | None]:
    set_rules = await rules.get(tx)
    known = await judging.standing(tx, recipients, channel=channel, rules=set_rules)
    return [judging.judge(one, channel=channel, purpose=purpose, rules=set_rules, now=tx.now).cause for one in known]
