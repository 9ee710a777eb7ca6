"""What leaves the house, and what comes of it: the interface that every way out implements."""

from datetime import datetime
from typing import Literal, Protocol

import msgspec

from hospes.base.secrets import Vault

Outcome = Literal["sent", "delivered", "bounced", "refused", "later", "down", "unknown", "withdrawn"]

_MARK = "message"


class Letter(msgspec.Struct, frozen=True):
    """One message for one address. `mark` names it to the world and cannot be guessed.

    `origin` is where it comes from, when not from what the settings say: the address of a mail, or the
    name or number of a text message.
    """

    mark: str
    sender: str
    to: str
    subject: str | None
    html: str | None
    text: str
    unsubscribe_url: str | None
    written_at: datetime
    reply_to: str | None = None
    origin: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What came of an attempt, and what the other side said.

    `bounced`: the address does not exist. `refused`: the message will never be taken. `later`: not
    now. `down`: nobody answers, for no message. `unknown`: the line was cut after the message was
    handed over, so it may have been taken. `withdrawn`: it was not handed over, for its campaign was stopped
    or the guest agrees no more.
    """

    outcome: Outcome
    says: str = ""


class Carrier(Protocol):
    """A way out for one channel. Never raises for what the network does."""

    async def send(self, letter: Letter) -> Receipt: ...

    async def check(self) -> Receipt:
        """Whether the other side answers: `sent` or `down`."""
        ...


def mark(vault: Vault, workspace_id: int, message_id: int) -> str:
    """What the world calls a message: in its Message-ID, and in the address that bounces come to."""
    name = f"{workspace_id}.{message_id}"
    return f"{name}.{vault.mark(name, _MARK)}"


def marked(vault: Vault, text: str) -> tuple[int, int] | None:
    """The workspace and the message that a mark names; None for one that is not ours."""
    name, _, given = text.lower().rpartition(".")
    workspace_id, _, message_id = name.partition(".")
    if not (workspace_id.isdecimal() and message_id.isdecimal() and text.isascii() and len(text) < 64):
        return None
    if not vault.is_mark(given, name, _MARK):
        return None
    return int(workspace_id), int(message_id)
