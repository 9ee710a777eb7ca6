"""Writing a campaign's messages at the moment they are sent: who may have one, and what it says."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from hospes.base.db import Actor, Database, Reader, Tx, columns, sql
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities.campaigns import content, judging, launching, links, plans, rules
from hospes.capabilities.campaigns.content import Content
from hospes.capabilities.campaigns.judging import Facts
from hospes.capabilities.campaigns.places import Text
from hospes.capabilities.campaigns.plans import Campaign
from hospes.capabilities.campaigns.rules import Rules
from hospes.capabilities.campaigns.sources import Recipient
from hospes.capabilities.messaging import pushes, senders, short_links
from hospes.capabilities.messaging.outbox import Claimed
from hospes.capabilities.messaging.sending import unsubscribe_url
from hospes.capabilities.messaging.templates import MARKETING

_ACTOR = Actor("worker", "campaigns")

# What was asked for first; the lock holds off whoever pauses or cancels until this lot is taken.
PICK = sql(f"""
    SELECT {plans.COLUMNS}
      FROM campaigns
     WHERE workspace_id = $1 AND is_open AND state = 'running' AND channel = ANY ($2::text[])
       AND EXISTS (SELECT FROM messages m
                    WHERE m.workspace_id = $1 AND m.campaign_id = campaigns.id AND m.due_at <= $3)
     ORDER BY purpose DESC, id
     LIMIT 1
       FOR SHARE SKIP LOCKED
""")  # noqa: S608
TAKE = sql("""
    WITH due AS (
        SELECT id
          FROM messages
         WHERE workspace_id = $1 AND campaign_id = $2 AND due_at <= $3
         ORDER BY due_at, id
         LIMIT $6
           FOR UPDATE SKIP LOCKED
    )
    UPDATE messages m
       SET due_at = NULL, claimed_by = $4, claimed_at = $5, attempts = attempts + 1
      FROM due
     WHERE m.workspace_id = $1 AND m.id = due.id
    RETURNING m.id, m.guest_id, m.recipient, m.attempts, m.queued_at
""")


class _Taken(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    recipient: int
    attempts: int
    queued_at: datetime


class _Lot(msgspec.Struct, frozen=True):
    """Messages of one campaign that may be sent, and what is known of whom they go to."""

    campaign: Campaign
    messages: list[tuple[_Taken, Facts]]


class Author:
    """Writes what the mailroom sends of campaigns. One for a worker process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        instant: Callable[[int], Awaitable[datetime]],
        public_url: str,
    ) -> None:
        self._database = database
        self._vault = vault
        self._instant = instant
        self._public_url = public_url

    async def take(
        self, workspace_id: int, channels: list[str], *, by: str, house_now: datetime, most: int
    ) -> list[Claimed] | None:
        """As `messaging.Author.take`."""
        now = await self._instant(workspace_id)
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            campaign = await tx.find(Campaign, PICK, channels, now)
            if campaign is None:
                return None
            taken = await tx.all(_Taken, TAKE, campaign.id, now, by, house_now, most)
            if not taken:
                return None
            lot = await _sorted_out(tx, campaign, taken)
            if not lot.messages:
                await launching.complete(tx, campaign.id)
            business = str(await tx.value(BUSINESS))
            domains = await senders.domains(tx) if campaign.channel == "email" else []
            writing = _Writing(tx, campaign, script(campaign.id, msgspec.json.encode(campaign.kept)), business, domains)
            written = [self._written(writing, message, known) for message, known in lot.messages]
            # No text leaves before it is stored where its links lead.
            return await self._with_short_links(tx, campaign, written)

    async def goes_on(self, workspace_id: int, campaign_id: int) -> bool:
        """As `messaging.Author.goes_on`."""
        return await self._database.fetchrow(GOES_ON, workspace_id, campaign_id) is not None

    async def ended(self, tx: Tx, campaign_ids: set[int]) -> None:
        """As `messaging.Author.ended`."""
        for campaign_id in sorted(campaign_ids):
            await launching.complete(tx, campaign_id)

    async def next_due(self, workspace_id: int) -> datetime | None:
        """As `messaging.Author.next_due`."""
        reader = self._database.reader(workspace_id, now=await self._instant(workspace_id), actor=_ACTOR)
        running = set(await reader.column(RUNNING))
        if not running:
            return None
        # Of two lots that end at the same moment, each may take the other for still in hand.
        async with self._database.begin(workspace_id, now=reader.now, actor=_ACTOR) as tx:
            await self.ended(tx, running)
        return await reader.value(NEXT_DUE)  # type: ignore[no-any-return]

    async def waiting(self) -> list[int]:
        """As `messaging.Author.waiting`."""
        return [row[0] for row in await self._database.fetch(WAITING)]

    def _written(self, writing: "_Writing", message: _Taken, known: Facts) -> Claimed:
        """The message with its text. One that cannot be written says so, and takes no other along."""
        reader, campaign, business, unsubscribe = writing.reader, writing.campaign, writing.business, None
        if campaign.purpose == MARKETING:
            unsubscribe = unsubscribe_url(
                reader, known.guest_id, vault=self._vault, public_url=self._public_url, message_id=message.id
            )
        claimed = Claimed(
            id=message.id,
            guest_id=message.guest_id,
            channel=campaign.channel,
            purpose=campaign.purpose,
            address=known.address or "",
            subject=None,
            html=None,
            text="",
            attempts=message.attempts,
            queued_at=message.queued_at,
            business=business,
            is_suppressed=False,
            is_consented=True,
            campaign_id=campaign.id,
            unsubscribe_url=unsubscribe,
        )
        try:
            said = writing.script.filled(known, business, unsubscribe or "")
        except Invalid as error:
            return msgspec.structs.replace(claimed, refusal=error.message)
        html, text = said.html, said.text or ""
        if campaign.channel == "push":
            html = _details(said)
        elif html is not None:
            if unsubscribe is not None:
                html, text = links.way_out(html, text, unsubscribe)
            marker = links.Marker(self._vault, self._public_url, reader.workspace_id, message.id)
            html = marker.marked(html, opens=campaign.tracks_opens, clicks=campaign.tracks_clicks)
        return msgspec.structs.replace(
            claimed,
            business=said.from_name or business,
            subject=said.subject or said.title,
            html=html,
            text=text,
            **_origin(said, writing.domains),
        )

    async def _with_short_links(self, tx: Tx, campaign: Campaign, written: list[Claimed]) -> list[Claimed]:
        if campaign.channel != "sms" or not campaign.tracks_clicks:
            return written
        texts = [(message.id, message.text) for message in written]
        short = await short_links.shorten(tx, texts, vault=self._vault, public_url=self._public_url)
        return [msgspec.structs.replace(message, text=text) for message, text in zip(written, short, strict=True)]


def _details(said: Content) -> str:
    """What a push has besides title and text; it stands where other channels have their HTML."""
    buttons = [pushes.Button(button.title, button.url) for button in said.buttons]
    return pushes.Details(url=said.url, icon=said.icon, image=said.image, buttons=buttons).packed()


def _origin(said: Content, domains: list[str]) -> dict[str, str | None]:
    """Where a message comes from, and where answers go. Who may not send from an address is answered there."""
    own = said.from_email or None
    if own is not None and not senders.may_come_from(own, domains):
        return {"origin": None, "reply_to": said.reply_to or own}
    return {"origin": own or said.sender_id, "reply_to": said.reply_to or None}


BUSINESS = sql("SELECT name FROM workspaces WHERE id = $1", across="reads the workspace's own row")
GOES_ON = sql("SELECT FROM campaigns WHERE workspace_id = $1 AND id = $2 AND state = 'running'")
RUNNING = sql("SELECT id FROM campaigns WHERE workspace_id = $1 AND is_open AND state = 'running'")
NEXT_DUE = sql("""
    SELECT min((SELECT min(m.due_at) FROM messages m WHERE m.workspace_id = $1 AND m.campaign_id = c.id
                   AND m.due_at IS NOT NULL))
      FROM campaigns c
     WHERE c.workspace_id = $1 AND c.is_open AND c.state = 'running'
""")
WAITING = sql(
    "SELECT DISTINCT workspace_id FROM campaigns WHERE is_open AND state = 'running'",
    across="asks in which workspaces a campaign is being sent",
)
# Who sends to the same guests at the same time takes turns, so that a cap is exact.
HOLD = sql("""
    SELECT id
      FROM guests
     WHERE workspace_id = $1 AND id = ANY ($2::bigint[])
     ORDER BY id
       FOR NO KEY UPDATE
""")
# What may be sent learns its address, what may not its cause, and what has to wait until when.
SORT_OUT = sql("""
    UPDATE messages m
       SET address = coalesce(o.address, m.address),
           status = CASE WHEN o.cause IS NULL THEN m.status ELSE 'excluded' END,
           cause = o.cause,
           due_at = o.due_at,
           attempts = CASE WHEN o.due_at IS NULL THEN m.attempts ELSE m.attempts - 1 END,
           claimed_by = CASE WHEN o.cause IS NULL AND o.due_at IS NULL THEN m.claimed_by END,
           claimed_at = CASE WHEN o.cause IS NULL AND o.due_at IS NULL THEN m.claimed_at END
      FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[]) AS o (id, address, cause, due_at)
     WHERE m.workspace_id = $1 AND m.id = o.id
""")


async def _sorted_out(tx: Tx, campaign: Campaign, taken: list[_Taken]) -> _Lot:
    """Judge each message; what may not be sent now is written down, and the rest given back."""
    set_rules = await rules.get(tx)
    if campaign.purpose == MARKETING and set_rules.cap(campaign.channel) is not None:
        await tx.run(HOLD, [message.guest_id for message in taken])
    known = await _facts(tx, campaign, taken, set_rules)
    rows, messages = [], []
    for message in taken:
        fact = known[message.guest_id, message.recipient]
        verdict = judging.judge(fact, channel=campaign.channel, purpose=campaign.purpose, rules=set_rules, now=tx.now)
        if verdict == judging.SEND and fact.guest_id != message.guest_id and await _is_twin(tx, campaign, fact):
            verdict = judging.Verdict("duplicate")
        rows.append((message.id, fact.address, verdict.cause, verdict.wait_until))
        if verdict == judging.SEND:
            messages.append((message, fact))
    await tx.run(SORT_OUT, *columns(rows, 4))
    return _Lot(campaign, messages)


async def _facts(tx: Tx, campaign: Campaign, taken: list[_Taken], set_rules: Rules) -> dict[tuple[int, int], Facts]:
    recipients = [Recipient(message.guest_id, message.recipient) for message in taken]
    found = await judging.facts(tx, recipients, channel=campaign.channel, rules=set_rules, campaign_id=campaign.id)
    return {(one.asked_id, one.recipient): one for one in found}


# A guest who became another after the launch: the other may have a message of its own.
TWIN = sql("""
    SELECT EXISTS (SELECT
                     FROM messages
                    WHERE workspace_id = $1 AND campaign_id = $2 AND recipient = $4
                      AND (guest_id = $3 OR guest_id < $5
                           AND guest_id IN (SELECT f.id
                                              FROM guests f
                                             WHERE f.workspace_id = $1 AND f.merged_into = $3)))
""")


async def _is_twin(tx: Tx, campaign: Campaign, fact: Facts) -> bool:
    return bool(await tx.value(TWIN, campaign.id, fact.guest_id, fact.recipient, fact.asked_id))


class Script:
    """A campaign's texts, made ready once."""

    def __init__(self, said: Content) -> None:
        self._said = said
        self._texts = {
            field: Text(getattr(said, field), is_html=field == "html", field=field)
            for field in Content.__struct_fields__
            if field != "buttons" and getattr(said, field) is not None
        }

    def filled(self, known: Facts, business: str, unsubscribe: str) -> Content:
        """What one guest is told. Raises Invalid when a text runs past a bound."""
        values, facts = _values(known), _liquid_facts(known, business, unsubscribe)
        put: dict[str, Any] = {field: text.filled(values, facts) for field, text in self._texts.items()}
        for field in ("subject", "title", "from_name", "from_email", "reply_to", "sender_id"):
            if field in put:
                put[field] = _one_line(put[field])
        return msgspec.structs.replace(self._said, **put)


class _Writing(msgspec.Struct, frozen=True):
    """What all messages of a lot have in common."""

    reader: Reader
    campaign: Campaign
    script: Script
    business: str
    domains: list[str]


@lru_cache(maxsize=64)
def script(_campaign_id: int, kept: bytes) -> Script:
    """A campaign's script; one that was read already is not read again."""
    return Script(content.decoded(msgspec.json.decode(kept)))


def _values(known: Facts) -> dict[str, Any]:
    """What `@{…}@` may name: the contract's own words, then whatever attributes the guest has."""
    name = known.name or ""
    return {
        "first_name": name.partition(" ")[0],
        "last_name": name.partition(" ")[2],
        **known.attributes,
        "name": name,
        "email": known.email,
        "mobile": known.phone,
        "phone": known.phone,
    }


def _liquid_facts(known: Facts, business: str, unsubscribe: str) -> dict[str, Any]:
    """What Liquid sees, as in templates."""
    return {
        "guest": {
            "name": known.name or "",
            "first_name": _values(known)["first_name"],
            "email": known.email or "",
            "phone": known.phone or "",
            "is_vip": known.is_vip,
            "tags": list(known.tags),
            "attributes": dict(known.attributes),
        },
        "business": {"name": business},
        "unsubscribe_url": unsubscribe,
    }


def _one_line(text: str) -> str:
    # Whatever a value holds, a header cannot be added (RFC 5322 section 2.2).
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:500]
