"""Pushes to browsers and phones: the carrier of the channel `push`, and what one push says.

A push's title is the message's subject, its body the text; everything else is `Details`, which stand as
JSON where other channels have their HTML.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from hospes.base.db import Actor, Database
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities.messaging import letters, registrations
from hospes.capabilities.messaging.letters import Letter, Receipt
from hospes.capabilities.messaging.registrations import Target

# How long a push service keeps what it cannot deliver yet.
DAY_SECONDS = 86_400
_ACTOR = Actor("worker", "pushes")
_GO = "push link"


class Button(msgspec.Struct, frozen=True):
    title: str
    url: str


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a push has besides title and text. A later push of the same `topic` takes the place of this one."""

    url: str | None = None
    icon: str | None = None
    image: str | None = None
    buttons: list[Button] = []
    ttl_seconds: int = DAY_SECONDS
    urgency: Literal["very-low", "low", "normal", "high"] = "normal"
    topic: str | None = None

    def packed(self) -> str:
        """For `html` of a message."""
        return msgspec.json.encode(self).decode()


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One push, ready for any service.

    `mark` names the message, `url` and the buttons' lead through us to where `details` say, and `told_url`
    takes what became of it. Nothing of it can be guessed.
    """

    mark: str
    title: str
    body: str
    url: str | None
    buttons: tuple[Button, ...]
    told_url: str
    details: Details
    written_at: datetime


class PushService(Protocol):
    """The way to one platform's devices. `bounced` says that the registration is no more. Never raises."""

    async def push(self, target: Target, notification: Notification) -> Receipt: ...


class Pushes:
    """A `Carrier` for pushes: finds the registration, and hands over to its platform's service."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        services: Mapping[str, PushService],
        *,
        instant: Callable[[int], Awaitable[datetime]],
        public_url: str,
    ) -> None:
        self._database = database
        self._vault = vault
        self._services = services
        self._instant = instant
        self._public_url = public_url

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`; `letter.to` is a registration's id."""
        place = letters.marked(self._vault, letter.mark)
        if place is None or not letter.to.isdecimal():
            return Receipt("refused", "This is no message to a registration.")
        workspace_id, message_id = place
        reader = self._database.reader(workspace_id, now=await self._instant(workspace_id), actor=_ACTOR)
        target = await registrations.find_target(reader, self._vault, int(letter.to))
        if target is None:
            return Receipt("refused", "The registration has ended.")
        return await self._services[target.platform].push(target, self._notification(letter, workspace_id, message_id))

    async def check(self) -> Receipt:
        """As `Carrier.check`: there are as many services as browsers, so only sending tells."""
        return Receipt("sent")

    def _notification(self, letter: Letter, workspace_id: int, message_id: int) -> Notification:
        details = msgspec.json.decode(letter.html, type=Details) if letter.html else Details()

        def led(url: str | None) -> str | None:
            if not _is_web(url):
                return None
            claims = {"w": workspace_id, "m": message_id, "u": url}
            return f"{self._public_url}/push/go/{self._vault.sign(claims, _GO)}"

        return Notification(
            mark=letter.mark,
            title=letter.subject or letter.sender,
            body=letter.text,
            url=led(details.url),
            buttons=tuple(Button(button.title, url) for button in details.buttons if (url := led(button.url))),
            told_url=f"{self._public_url}/push/on/{letter.mark}",
            details=msgspec.structs.replace(
                details,
                icon=details.icon if _is_web(details.icon) else None,
                image=details.image if _is_web(details.image) else None,
            ),
            written_at=letter.written_at,
        )


class Going(msgspec.Struct, frozen=True):
    """Where a link of a push leads, and whose message it was."""

    workspace_id: int
    message_id: int
    url: str


def going(vault: Vault, token: str) -> Going:
    """What a link says that we made. Raises Unreadable."""
    claims: dict[str, Any] = vault.signed(token, _GO)
    url = str(claims.get("u"))
    if not _is_web(url):
        raise Unreadable
    return Going(int(claims["w"]), int(claims["m"]), url)


def _is_web(url: str | None) -> bool:
    """Whether it may be opened; a guest's own attribute could stand where a link should."""
    return url is not None and url.startswith(("https://", "http://"))
