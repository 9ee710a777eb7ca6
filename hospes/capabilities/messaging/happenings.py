"""What can happen to a message."""

from typing import ClassVar

from hospes.capabilities.events import Event


class MessageQueued(Event, frozen=True):
    """A message will be sent; `channel` is email or sms, `template` the slug of its template."""

    TYPE: ClassVar[str] = "message.queued"
    TITLE: ClassVar[str] = "Message queued"

    request_id: int
    channel: str
    template: str | None


class MessageDelivered(Event, frozen=True):
    """The provider told that the message reached the guest's mailbox or phone."""

    TYPE: ClassVar[str] = "message.delivered"
    TITLE: ClassVar[str] = "Message delivered"

    request_id: int
    channel: str


class MessageBounced(Event, frozen=True):
    """The guest's address does not take messages; `reason` is what its server said."""

    TYPE: ClassVar[str] = "message.bounced"
    TITLE: ClassVar[str] = "Message bounced"

    request_id: int
    channel: str
    reason: str


class MessageFailed(Event, frozen=True):
    """The message was not sent, and will not be; `reason` says why."""

    TYPE: ClassVar[str] = "message.failed"
    TITLE: ClassVar[str] = "Message failed"

    request_id: int
    channel: str
    reason: str


class Complained(Event, frozen=True):
    """The guest called the message spam; nothing more is sent to this address."""

    TYPE: ClassVar[str] = "message.complained"
    TITLE: ClassVar[str] = "Message reported as spam"

    request_id: int
    channel: str
