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


class MessageSent(Event, frozen=True):
    """A message of a campaign was given to the provider."""

    TYPE: ClassVar[str] = "message.sent"
    TITLE: ClassVar[str] = "Message sent"

    request_id: int
    channel: str
    campaign_id: int


class MessageDelivered(Event, frozen=True):
    """The provider told that the message reached the guest's mailbox or phone."""

    TYPE: ClassVar[str] = "message.delivered"
    TITLE: ClassVar[str] = "Message delivered"

    request_id: int
    channel: str
    campaign_id: int | None = None


class MessageBounced(Event, frozen=True):
    """The guest's address does not take messages; `reason` is what its server said."""

    TYPE: ClassVar[str] = "message.bounced"
    TITLE: ClassVar[str] = "Message bounced"

    request_id: int
    channel: str
    reason: str
    campaign_id: int | None = None


class MessageFailed(Event, frozen=True):
    """The message was not sent, and will not be; `reason` says why."""

    TYPE: ClassVar[str] = "message.failed"
    TITLE: ClassVar[str] = "Message failed"

    request_id: int
    channel: str
    reason: str
    campaign_id: int | None = None


class Complained(Event, frozen=True):
    """The guest called the message spam; nothing more is sent to this address."""

    TYPE: ClassVar[str] = "message.complained"
    TITLE: ClassVar[str] = "Message reported as spam"

    request_id: int
    channel: str
    campaign_id: int | None = None


class MessageOpened(Event, frozen=True):
    """A person, not a machine, opened a campaign's email."""

    TYPE: ClassVar[str] = "message.opened"
    TITLE: ClassVar[str] = "Message opened"

    request_id: int
    channel: str
    campaign_id: int | None = None


class MessageClicked(Event, frozen=True):
    """A person followed a link of a message to `url`."""

    TYPE: ClassVar[str] = "message.clicked"
    TITLE: ClassVar[str] = "Link clicked"

    request_id: int
    channel: str
    url: str
    campaign_id: int | None = None


class MessageUnsubscribed(Event, frozen=True):
    """The guest took back consent through a link of this message."""

    TYPE: ClassVar[str] = "message.unsubscribed"
    TITLE: ClassVar[str] = "Unsubscribed"

    request_id: int
    channel: str
    campaign_id: int | None = None
