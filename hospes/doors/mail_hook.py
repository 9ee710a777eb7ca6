"""What mail servers and providers tell: bounces as mail (RFC 3464), or events as JSON.

The address holds a secret, `hospes mail hook` prints it. Every message names itself by a mark that
only we can make, so a forged notification finds nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Actor, Database
from hospes.base.secrets import Vault
from hospes.capabilities.messaging import feedback, letters
from hospes.capabilities.messaging.feedback import Told, Verdict
from hospes.web.hooks import Hook, Terms, objects

_TERMS = Terms(
    most_bytes=2 * 1024 * 1024,
    wanted="POST a bounce as message/rfc822, or events as JSON.",
    unreadable="The body is not JSON of a known form.",
    catches=(msgspec.DecodeError, UnicodeDecodeError, RecursionError),
)
_ACTOR = Actor("mail", "Mail hook")
_WORDS: dict[str, Verdict] = {
    "delivered": "delivered",
    "bounced": "bounced",
    "bounce": "bounced",
    "failed": "bounced",
    "complained": "complained",
    "spamreport": "complained",
}


def secret(vault: Vault) -> str:
    """The last part of the hook's address."""
    return vault.mark("mail", "hook")


class MailHook:
    """ASGI application for `/hooks/mail/{token}`."""

    def __init__(self, database: Database, vault: Vault, instant: Callable[[int], Awaitable[datetime]]) -> None:
        self._database = database
        self._vault = vault
        self._instant = instant
        self._hook = Hook(lambda given: vault.is_mark(given, "mail", "hook"), _TERMS, self._take)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._hook(scope, receive, send)

    async def _take(self, raw: bytes, content_type: str) -> int:
        return sum([await self.note(one) for one in self.read(raw, content_type)])

    def read(self, raw: bytes, content_type: str) -> Sequence[Told]:
        """What a request says. Raises msgspec.DecodeError."""
        if "json" in content_type:
            return [told for event in objects(raw) if (told := _of_event(event))]
        told = feedback.of_mail(raw, lambda text: letters.marked(self._vault, text) is not None)
        return [told] if told else []

    async def note(self, told: Told) -> bool:
        """Write one thing down; whether it was ours, and news."""
        place = letters.marked(self._vault, told.mark)
        if place is None:
            return False
        workspace_id, message_id = place
        now = await self._instant(workspace_id)
        async with self._database.begin(workspace_id, now=now, actor=_ACTOR) as tx:
            return await feedback.note(tx, message_id, told)


def _of_event(event: dict[str, Any]) -> Told | None:
    """Our own form (`message_id`, `event`, `reason`), SendGrid's and Mailgun's: those that name our Message-ID."""
    inner = event.get("event-data")
    if isinstance(inner, dict):
        message = inner.get("message")
        headers = message.get("headers") if isinstance(message, dict) else None
        found = headers.get("message-id") if isinstance(headers, dict) else None
        if inner.get("severity") == "temporary":
            return None
        event = {**inner, "message_id": found}
    verdict = _WORDS.get(str(event.get("event")))
    name = str(event.get("message_id") or event.get("smtp-id") or "")
    if verdict is None:
        return None
    return Told(name.strip("<> ").partition("@")[0], verdict, str(event.get("reason") or ""))
