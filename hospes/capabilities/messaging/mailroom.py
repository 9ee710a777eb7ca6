"""The job that sends: takes a few messages at a time, sends them at once, writes down what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from hospes.base import ids, metrics
from hospes.base.clock import Clock
from hospes.base.db import Actor, Database, Tx, columns, sql
from hospes.base.errors import Busy
from hospes.base.secrets import Vault
from hospes.capabilities import events, guests
from hospes.capabilities.messaging import letters, outbox, sending, suppressions
from hospes.capabilities.messaging.happenings import MessageBounced, MessageDelivered, MessageFailed, MessageSent
from hospes.capabilities.messaging.letters import Carrier, Letter, Receipt
from hospes.capabilities.messaging.outbox import Claimed, Left
from hospes.capabilities.messaging.templates import MARKETING

# What one workspace has in hand: so many lots, each of so many messages.
_LOTS = 2
_LOT = 25
_FIRST_RETRY = timedelta(minutes=1)
_LONGEST_RETRY = timedelta(hours=4)
_GIVE_UP = timedelta(hours=48)
# So many offers are handed over at once, where lines are few: who waits for a line holds no guest's lock.
_LINES = {"email": 8, "sms": 10}
# While nobody answers, one try a workspace each so many seconds.
_DOWN_SECONDS = 5.0

_ACTOR = Actor("worker", "messages")
_STATUSES = {"sent": "sent", "delivered": "delivered", "bounced": "bounced"}

log = structlog.get_logger()


class _Done(msgspec.Struct, frozen=True):
    """A finished attempt, ready to be written down."""

    message: Claimed
    status: str
    error: str | None
    due_at: datetime | None


class Author(Protocol):
    """Who writes messages at the moment they are sent: the rows of campaigns hold no text."""

    async def take(
        self, workspace_id: int, channels: list[str], *, by: str, house_now: datetime, most: int
    ) -> list[Claimed] | None:
        """Take what is due and may be sent, at most so many, in the name `by`; None when nothing is due."""
        ...

    async def goes_on(self, workspace_id: int, campaign_id: int) -> bool:
        """Whether the campaign is being sent at this moment: neither paused nor cancelled."""
        ...

    async def ended(self, tx: Tx, campaign_ids: set[int]) -> None:
        """Hear that messages of these campaigns came to their end."""
        ...

    async def next_due(self, workspace_id: int) -> datetime | None: ...

    async def waiting(self) -> list[int]:
        """Workspaces in which something is to be sent."""
        ...


class Mailroom:
    """The job `messages`: one a worker process."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        carriers: Mapping[str, Carrier],
        *,
        instant: Callable[[int], Awaitable[datetime]],
        name: str,
        public_url: str,
        author: Author | None = None,
    ) -> None:
        """`carriers` by channel; `name` as `Courier`'s: no two that live at once share it."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._carriers = carriers
        self._instant = instant
        self._name = name
        self._public_url = public_url
        self._author = author
        self._reach = guests.reaching.Reach(database)
        self._lines = {channel: asyncio.Semaphore(_LINES.get(channel, _LOTS * _LOT)) for channel in carriers}
        self._down_until: dict[str, float] = {}
        self._is_stopping = False

    async def run(self, workspace_id: int) -> datetime | None:
        """Send everything due in a workspace; returns when the next falls due, None when nothing waits."""
        await self._give_up_left_behind(workspace_id)
        await asyncio.gather(*(self._send_lots(workspace_id) for _ in range(_LOTS)))
        reader = self._database.reader(workspace_id, now=self._clock.now(), actor=_ACTOR)
        of_campaigns = await self._author.next_due(workspace_id) if self._author else None
        return min(filter(None, (await reader.value(outbox.NEXT_DUE), of_campaigns)), default=None)

    async def waiting(self) -> list[int]:
        """As `Job.waiting`."""
        found = await outbox.waiting(self._database, self._clock.now())
        return [*found, *(await self._author.waiting() if self._author else [])]

    def stop(self) -> None:
        """As `Job.stop`: what was not taken yet stays queued, and what was is sent and written down."""
        self._is_stopping = True

    async def settle(self) -> None:
        """As `Job.settle`: nothing outlives `run`."""

    async def take_over(self) -> None:
        """Close what an earlier worker of this name had in hand when it died."""
        for workspace_id in [row[0] for row in await self._database.fetch(HELD_BY, self._name)]:
            await self._give_up_left_behind(workspace_id, by=self._name)

    async def check(self) -> None:
        """Ask the mail server whether it answers, so that callers are told at once when it does not."""
        if "email" in self._carriers:
            receipt = await self._carriers["email"].check()
            await self._note_mail(is_down=receipt.outcome == "down")

    async def _send_lots(self, workspace_id: int) -> None:
        while not self._is_stopping and (channels := self._open_channels()):
            now = await self._instant(workspace_id)
            reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
            lot = await outbox.claim(reader, channels, by=self._name, house_now=self._clock.now(), most=_LOT)
            if not lot:
                taken = await self._written(workspace_id, channels)
                if taken is None:
                    return
                lot = taken
            receipts = await asyncio.gather(*(self._attempt(workspace_id, message, now) for message in lot))
            await self._record(workspace_id, list(zip(lot, receipts, strict=True)))

    async def _written(self, workspace_id: int, channels: list[str]) -> list[Claimed] | None:
        """A lot of a campaign's messages, when nothing else is due."""
        if self._author is None:
            return None
        now = self._clock.now()
        return await self._author.take(workspace_id, channels, by=self._name, house_now=now, most=_LOT)

    def _open_channels(self) -> list[str]:
        now = self._clock.monotonic()
        return [channel for channel in self._carriers if self._down_until.get(channel, 0.0) <= now]

    async def _attempt(self, workspace_id: int, message: Claimed, now: datetime) -> Receipt:
        if message.refusal is not None:
            return Receipt("refused", message.refusal)
        if message.is_suppressed:
            return Receipt("refused", "The address does not take messages.")
        if message.purpose == MARKETING and not message.is_consented:
            return Receipt("refused", "The guest takes no marketing any more.")
        try:
            letter = self._letter(workspace_id, message, now)
            async with self._lines[message.channel]:
                return await self._hand_over(workspace_id, message, letter)
        except Exception as error:  # noqa: BLE001 (one message must not take the others along)
            log.error("messages.attempt_failed", error=type(error).__name__, message=message.id)
            return Receipt("refused", f"It could not be written: {type(error).__name__}.")

    async def _hand_over(self, workspace_id: int, message: Claimed, letter: Letter) -> Receipt:
        """Send it, unless its campaign was stopped or its guest left since the lot was taken, seconds ago."""
        try:
            if not await self._goes_on(workspace_id, message):
                return Receipt("withdrawn")
        except Busy as error:
            return Receipt("later", error.message)
        if message.purpose != MARKETING or message.guest_id is None:
            return await self._carriers[message.channel].send(letter)
        try:
            async with self._reach.held(workspace_id, message.guest_id, message.channel) as answer:
                if answer == "yes":
                    return await self._carriers[message.channel].send(letter)
        except Busy as error:
            return Receipt("later", error.message)
        return Receipt("withdrawn") if answer == "no" else Receipt("later", "The guest is changing.")

    async def _goes_on(self, workspace_id: int, message: Claimed) -> bool:
        if message.campaign_id is None or self._author is None:
            return True
        return await self._author.goes_on(workspace_id, message.campaign_id)

    def _letter(self, workspace_id: int, message: Claimed, now: datetime) -> Letter:
        unsubscribe = message.unsubscribe_url
        if unsubscribe is None and message.purpose == MARKETING and message.guest_id is not None:
            reader = self._database.reader(workspace_id, now=now, actor=_ACTOR)
            unsubscribe = sending.unsubscribe_url(
                reader, message.guest_id, vault=self._vault, public_url=self._public_url
            )
        return Letter(
            letters.mark(self._vault, workspace_id, message.id),
            message.business,
            message.address,
            message.subject,
            message.html,
            message.text,
            unsubscribe,
            now,
            message.reply_to,
            message.origin,
        )

    async def _record(self, workspace_id: int, tried: list[tuple[Claimed, Receipt]]) -> None:
        now = await self._instant(workspace_id)
        done = [_done(message, receipt, now) for message, receipt in tried]
        for message, receipt in tried:
            metrics.MESSAGES.labels(message.channel, receipt.outcome).inc()
        await self._note_down(tried)
        ended = [one for one in done if one.status in ("bounced", "failed")]
        values = columns([(one.message.id, one.status, one.error, one.due_at) for one in done], 4)
        of_campaigns = {one.message.campaign_id for one in done if one.message.campaign_id is not None}
        if not ended and not of_campaigns:
            await self._database.execute(RECORD, workspace_id, *values, now)
            return
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            await tx.run(RECORD, *values, now)
            for one in ended:
                await note_end(tx, one.message, one.status, one.error or "")
            if self._author is not None and of_campaigns:
                await _note_sent(tx, [one for one in done if one.status in ("sent", "delivered")])
                await self._author.ended(tx, of_campaigns)

    async def _note_down(self, tried: list[tuple[Claimed, Receipt]]) -> None:
        for channel in self._carriers:
            outcomes = {receipt.outcome for message, receipt in tried if message.channel == channel}
            if outcomes and outcomes <= {"down"}:
                self._down_until[channel] = self._clock.monotonic() + _DOWN_SECONDS
                if channel == "email":
                    await self._note_mail(is_down=True)

    async def _note_mail(self, *, is_down: bool) -> None:
        if await self._database.execute(NOTE_MAIL, self._clock.now() if is_down else None) != "UPDATE 0":
            log.warning("mail.down" if is_down else "mail.answers_again")

    async def _give_up_left_behind(self, workspace_id: int, *, by: str | None = None) -> None:
        now = await self._instant(workspace_id)
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            for left in await outbox.left_behind(tx, self._clock.now(), by=by):
                says = "The server stopped while sending: the message may have arrived. It is not sent again."
                await tx.run(RECORD, [left.id], ["failed"], [says], [None], now)
                await note_end(tx, left, "failed", says)


HELD_BY = sql(
    "SELECT DISTINCT workspace_id FROM messages WHERE claimed_by = $1",
    across="asks which workspaces a worker that died worked for",
)
NOTE_MAIL = sql(
    "UPDATE installation SET mail_down_since = $1 WHERE (mail_down_since IS NULL) <> ($1::timestamptz IS NULL)",
    across="one mail server serves the house",
)
RECORD = sql("""
    UPDATE messages m
       SET status = o.status,
           error = o.error,
           due_at = o.due_at,
           sent_at = CASE WHEN o.status IN ('sent', 'delivered') THEN $6::timestamptz END,
           delivered_at = CASE WHEN o.status = 'delivered' THEN $6::timestamptz END,
           failed_at = CASE WHEN o.status IN ('bounced', 'failed') THEN $6::timestamptz END,
           claimed_by = NULL,
           claimed_at = NULL
      FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[]) AS o (id, status, error, due_at)
     -- A receipt that was faster has taken it out of our hand.
     WHERE m.workspace_id = $1 AND m.id = o.id AND m.claimed_by IS NOT NULL
""")


def _done(message: Claimed, receipt: Receipt, now: datetime) -> _Done:
    status, says = _STATUSES.get(receipt.outcome), receipt.says[:500] or None
    if status is not None:
        return _Done(message, status, says if status == "bounced" else None, None)
    if receipt.outcome == "withdrawn":
        return _Done(message, "queued", None, now)  # whoever takes it next finds out why not
    if receipt.outcome in ("later", "down") and now - message.queued_at < _GIVE_UP:
        wait = min(_FIRST_RETRY * 2 ** min(message.attempts - 1, 10), _LONGEST_RETRY)
        return _Done(message, "queued", says, now + wait * (0.75 + ids.fraction() / 2))
    return _Done(message, "failed", says, None)


async def note_end(tx: Tx, message: Claimed | Left, status: str, reason: str) -> None:
    """Tell the log that a message bounced or failed; an address that bounced gets nothing more."""
    if message.guest_id is not None and await guests.personal.is_erased(tx, message.guest_id):
        return
    if status == "bounced":
        await suppressions.add(tx, message.channel, message.address, reason=reason)
    if message.guest_id is None:
        return
    kind = MessageBounced if status == "bounced" else MessageFailed
    fact = kind(
        guest_id=message.guest_id,
        request_id=message.id,
        channel=message.channel,
        reason=reason,
        campaign_id=message.campaign_id,
    )
    await events.record(tx, fact)


async def _note_sent(tx: Tx, done: list[_Done]) -> None:
    """Tell the log which messages of campaigns went out."""
    for one in done:
        told = one.message
        if told.guest_id is None or told.campaign_id is None:
            continue
        who = {"guest_id": told.guest_id, "request_id": told.id, "campaign_id": told.campaign_id}
        await events.record(tx, MessageSent(channel=told.channel, **who))
        if one.status == "delivered":
            await events.record(tx, MessageDelivered(channel=told.channel, **who))
