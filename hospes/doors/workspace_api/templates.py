"""Email templates, the messages made from them, and addresses that take none."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.secrets import Vault
from hospes.capabilities import guests, messaging
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]
Text = Annotated[str, Meta(min_length=1, max_length=200_000)]
Names = Annotated[list[Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,63}$")]], Meta(max_length=50)]
Value = Annotated[str, Meta(max_length=10_000)] | int | float | bool | None


class ContentIn(Body, frozen=True, kw_only=True):
    subject: Annotated[str, Meta(min_length=1, max_length=998)]
    html: Text
    text: Text
    variables: Names = msgspec.field(default_factory=list)

    def content(self) -> messaging.templates.Content:
        return messaging.templates.Content(
            subject=self.subject, html=self.html, text=self.text, variables=self.variables
        )


class TemplateIn(ContentIn, frozen=True, kw_only=True):
    slug: Slug
    purpose: Literal["transactional", "marketing"] = "transactional"


class PreviewIn(Body, frozen=True, kw_only=True):
    guest_id: Id | None = None
    variables: dict[str, Value] = msgspec.field(default_factory=dict)


class TemplateOut(msgspec.Struct, frozen=True):
    id: int
    slug: str
    purpose: str
    version: int
    subject: str
    html: str
    text: str
    variables: list[str]
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, template: messaging.templates.Template) -> "TemplateOut":
        return cls(
            template.id,
            template.slug,
            template.purpose,
            template.version,
            template.subject,
            template.html,
            template.text,
            template.variables,
            template.created_at.isoformat(),
            template.updated_at.isoformat(),
        )


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    items: list[TemplateOut]
    next_after: Id | None


class VersionOut(msgspec.Struct, frozen=True):
    version: int
    subject: str
    html: str
    text: str
    variables: list[str]
    created_at: Instant


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    items: list[VersionOut]


class PreviewOut(msgspec.Struct, frozen=True):
    subject: str
    html: str
    text: str


class MessageOut(msgspec.Struct, frozen=True):
    id: int
    guest_id: int | None
    channel: str
    template_slug: str | None
    purpose: str
    status: str
    error: str | None
    queued_at: Instant
    sent_at: Instant | None
    delivered_at: Instant | None

    @classmethod
    def of(cls, message: messaging.outbox.Message) -> "MessageOut":
        return cls(
            message.id,
            message.guest_id,
            message.channel,
            message.template_slug,
            message.purpose,
            message.status,
            message.error,
            message.queued_at.isoformat(),
            message.sent_at.isoformat() if message.sent_at else None,
            message.delivered_at.isoformat() if message.delivered_at else None,
        )


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    items: list[MessageOut]
    next_after: Id | None


class AddressPaging(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    after: Annotated[str, Meta(max_length=320)] | None = None


class SuppressionOut(msgspec.Struct, frozen=True):
    channel: str
    address: str
    reason: str
    created_at: Instant


class Suppressions(msgspec.Struct, frozen=True, kw_only=True):
    items: list[SuppressionOut]
    next_after: str | None


class LiftIn(Body, frozen=True, kw_only=True):
    channel: Literal["email", "sms"]
    address: Annotated[str, Meta(min_length=1, max_length=320)]


class Lifted(msgspec.Struct, frozen=True):
    channel: str
    address: str


async def list_templates(reader: Reader, query: Paging) -> Templates:
    """List templates

    Each as it is sent now.
    """
    found = await messaging.templates.list_after(reader, query.after, limit=query.limit)
    return Templates(items=[TemplateOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def create_template(tx: Tx, body: TemplateIn) -> TemplateOut:
    """Create template

    Subject, HTML and text are Liquid. They see `guest`, `business`, `unsubscribe_url` and the declared variables.
    """
    template_id = await messaging.templates.create(tx, slug=body.slug, purpose=body.purpose, content=body.content())
    return TemplateOut.of(await messaging.templates.get(tx, template_id))


async def get_template(reader: Reader, template_id: int) -> TemplateOut:
    """Get template"""
    return TemplateOut.of(await messaging.templates.get(reader, template_id))


async def replace_template(tx: Tx, template_id: int, body: ContentIn) -> TemplateOut:
    """Replace template

    Makes a new version, which is sent from now on. Messages that are queued already stay as they are.
    """
    await messaging.templates.change(tx, template_id, body.content())
    return TemplateOut.of(await messaging.templates.get(tx, template_id))


async def list_versions(reader: Reader, template_id: int) -> Versions:
    """List versions of a template"""
    found = await messaging.templates.versions(reader, template_id)
    return Versions(
        items=[
            VersionOut(one.version, one.subject, one.html, one.text, one.variables, one.created_at.isoformat())
            for one in found
        ]
    )


async def preview_template(tx: Tx, template_id: int, body: PreviewIn, vault: Vault, public_url: str) -> PreviewOut:
    """Preview template

    What a guest would get; nothing is sent.
    """
    template = await messaging.templates.get(tx, template_id)
    guest = await guests.get(tx, body.guest_id) if body.guest_id is not None else None
    shown = await messaging.preview(tx, template, guest, body.variables, vault=vault, public_url=public_url)
    return PreviewOut(shown.subject, shown.html, shown.text)


async def list_messages(reader: Reader, query: Paging) -> Messages:
    """List messages"""
    found = await messaging.outbox.list_after(reader, query.after, limit=query.limit)
    return Messages(items=[MessageOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def list_suppressions(reader: Reader, query: AddressPaging) -> Suppressions:
    """List suppressed addresses

    Their mail bounced for good, or their owner reported spam: nothing is sent there.
    """
    found = await messaging.suppressions.list_after(reader, query.after, limit=query.limit)
    items = [SuppressionOut(one.channel, one.address, one.reason, one.created_at.isoformat()) for one in found]
    return Suppressions(items=items, next_after=items[-1].address if len(items) == query.limit else None)


async def lift_suppression(tx: Tx, body: LiftIn) -> Lifted:
    """Lift suppression

    Messages are sent to the address again.
    """
    await messaging.suppressions.remove(tx, body.channel, body.address)
    return Lifted(body.channel, body.address)


def _route(method: str, path: str, handler: Any, **more: Any) -> Route:
    role = "staff" if method == "GET" or path.endswith("/preview") else "manager"
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=role,
        printed_scope=role,
        module="communication",
        group="Messages",
        **more,
    )


_CONTENT = {
    "subject": "Welcome, {{ guest_name }}",
    "html": "<p>Good to have you, {{ guest_name }}.</p>",
    "text": "Good to have you, {{ guest_name }}.",
    "variables": ["guest_name"],
}

ROUTES = [
    _route("GET", "/templates", list_templates, query=Paging, answer=Templates),
    _route(
        "POST",
        "/templates",
        create_template,
        body=TemplateIn,
        answer=TemplateOut,
        status=201,
        errors=(409,),
        example={"slug": "welcome_email", "purpose": "transactional", **_CONTENT},
    ),
    _route("GET", "/templates/{template_id}", get_template, answer=TemplateOut, errors=(404,)),
    _route(
        "PUT",
        "/templates/{template_id}",
        replace_template,
        body=ContentIn,
        answer=TemplateOut,
        errors=(404,),
        example=_CONTENT,
    ),
    _route("GET", "/templates/{template_id}/versions", list_versions, answer=Versions, errors=(404,)),
    _route(
        "POST",
        "/templates/{template_id}/preview",
        preview_template,
        body=PreviewIn,
        answer=PreviewOut,
        errors=(404,),
        example={"variables": {"guest_name": "Alex"}},
    ),
    _route("GET", "/messages", list_messages, query=Paging, answer=Messages),
    _route("GET", "/suppressions", list_suppressions, query=AddressPaging, answer=Suppressions),
    _route(
        "POST",
        "/suppressions/lift",
        lift_suppression,
        body=LiftIn,
        answer=Lifted,
        errors=(404,),
        example={"channel": "email", "address": "alex@example.com"},
    ),
]
