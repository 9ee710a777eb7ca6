"""Where text messages come back to: receipts of what we sent, and what guests write.

One sender's name or number serves the whole house, so a guest's STOP counts in every workspace that
knows the number, and so does START.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from hospes.base import metrics
from hospes.base.clock import Clock
from hospes.base.db import Actor, Database
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import guests, workspaces
from hospes.capabilities.messaging import feedback, letters, parts, provider_ids, replies
from hospes.capabilities.messaging.feedback import Told
from hospes.capabilities.messaging.parts import Part
from hospes.capabilities.messaging.provider_ids import Place
from hospes.capabilities.messaging.stop import Wish, wish

# What the providers' ids of messages are kept under, by way out.
HTTP, SMPP = "http", "smpp"

_ACTOR = Actor("sms", "Text message")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Known(msgspec.Struct, frozen=True):
    """A guest who has the number."""

    workspace_id: int
    guest_id: int
    last_text_at: datetime | None


class SmsDesk:
    """What carriers and their hooks tell."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, *, instant: Callable[[int], Awaitable[datetime]]
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._instant = instant

    async def keep_id(self, carrier: str, provider_id: str, mark: str) -> None:
        """The carrier's provider calls the message with this mark so."""
        place = letters.marked(self._vault, mark)
        if place is not None:
            now = self._clock.now()
            await provider_ids.note(self._database, carrier, provider_id, Place(*place), now=now)

    async def note(self, told: Told) -> bool:
        """Write down a receipt for the message with this mark; returns whether it was ours, and news."""
        found = letters.marked(self._vault, told.mark)
        return await self._note(Place(*found) if found else None, told)

    async def note_by_id(self, carrier: str, provider_id: str, told: Told) -> bool | None:
        """As `note`, for what a provider calls the message; None when no message is called so."""
        place = await provider_ids.find(self._database, carrier, provider_id)
        was_news = await self._note(place, told)
        return was_news if place else None

    async def came(self, sender: str, text: str, part: Part | None = None) -> int:
        """A guest wrote from this number; returns in how many workspaces it changed something.

        Of a message in several parts, `text` is one of them, and all are read together.
        """
        if part is None or part.is_whole:
            return await self._came(sender, text)
        whole = await parts.joined(self._database, sender, text, part, now=self._clock.now())
        if whole is None:
            return 0
        changed = await self._came(sender, whole)
        await parts.forget(self._database, sender, part)
        return changed

    async def _came(self, sender: str, text: str) -> int:
        asked = wish(text)
        if asked is None:
            return 0
        try:
            number = guests.checked_phone("+" + sender.strip().removeprefix("+").removeprefix("00"))
        except Invalid:
            return 0
        known = await self._known(number)
        if asked == "help":
            # One answer, from whoever wrote last.
            known = sorted(known, key=lambda one: one.last_text_at or _LONG_AGO)[-1:]
        return sum([await self._follow(one, number, asked, text) for one in known])

    async def _note(self, place: Place | None, told: Told) -> bool:
        if place is None:
            metrics.RECEIPTS.labels("sms", "unknown").inc()
            return False
        now = await self._instant(place.workspace_id)
        async with self._database.begin(place.workspace_id, now=now, actor=_ACTOR) as tx:
            was_news = await feedback.note(tx, place.message_id, told)
        metrics.RECEIPTS.labels("sms", told.verdict if was_news else "repeated").inc()
        return was_news

    async def _known(self, number: str) -> list[Known]:
        found = []
        for workspace in await workspaces.list_all(self._database):
            now = await self._instant(workspace.id)
            reader = self._database.reader(workspace.id, now=now, actor=_ACTOR)
            guest_id = await guests.known_by(reader, phone=number)
            if guest_id is not None:
                found.append(Known(workspace.id, guest_id, await replies.last_text(reader, guest_id)))
        return found

    async def _follow(self, known: Known, number: str, asked: Wish, text: str) -> bool:
        now = await self._instant(known.workspace_id)
        async with self._database.begin(known.workspace_id, now=now, actor=_ACTOR) as tx:
            return await replies.follow(tx, known.guest_id, number, asked, text=text)
