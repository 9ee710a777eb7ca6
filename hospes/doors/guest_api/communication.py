"""Communication: sending a template, and how it fared. Contract 12."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import messaging
from hospes.doors.guest_api.shapes import Body, Id, Instant, Slug
from hospes.web.routes import Route

_MOST_VARIABLES = 50


Variables = dict[
    Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=10_000)] | int | float | bool | None
]


class EmailIn(Body, frozen=True, kw_only=True):
    guest_id: Id
    template_slug: Slug
    variables: Variables = msgspec.field(default_factory=dict)


class QueuedOut(msgspec.Struct, frozen=True):
    request_id: int
    status: str


class MessageOut(msgspec.Struct, frozen=True):
    request_id: int
    guest_id: int | None
    channel: str
    template_slug: str | None
    status: Literal["queued", "sent", "delivered", "bounced", "failed"]
    error: str | None
    queued_at: Instant
    sent_at: Instant | None
    delivered_at: Instant | None


async def send_email(tx: Tx, body: EmailIn, vault: Vault, public_url: str) -> QueuedOut:
    """Send transactional email

    The email leaves after the answer; ask for the delivery to learn how it fared. Answers 502 while the
    mail server is known to be down, and sends nothing then.
    """
    if len(body.variables) > _MOST_VARIABLES:
        raise Invalid(f"At most {_MOST_VARIABLES} variables.", field="variables")
    request_id = await messaging.send(
        tx, body.guest_id, body.template_slug, body.variables, vault=vault, public_url=public_url
    )
    return QueuedOut(request_id, "queued")


async def show_delivery(reader: Reader, request_id: int) -> MessageOut:
    """Get delivery status"""
    message = await messaging.outbox.get(reader, request_id)
    return MessageOut(
        message.id,
        message.guest_id,
        message.channel,
        message.template_slug,
        message.status,  # type: ignore[arg-type]
        message.error,
        message.queued_at.isoformat(),
        message.sent_at.isoformat() if message.sent_at else None,
        message.delivered_at.isoformat() if message.delivered_at else None,
    )


ROUTES = [
    Route(
        method="POST",
        path="/communication/email/send",
        handler=send_email,
        scope="communication.send",
        printed_scope="communication:write",
        module="communication",
        group="Communication",
        body=EmailIn,
        answer=QueuedOut,
        status=202,
        errors=(404, 409, 502),
        example={"guest_id": 42, "template_slug": "welcome_email", "variables": {"guest_name": "Alex"}},
    ),
    Route(
        method="GET",
        path="/communication/deliveries/{request_id}",
        handler=show_delivery,
        scope="communication:read",
        printed_scope="communication:read",
        module="communication",
        group="Communication",
        answer=MessageOut,
        errors=(404,),
    ),
]
