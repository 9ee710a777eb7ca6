"""What goes in and out of the Guest API. Contract 6, 8, 16."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hospes.capabilities import events, guests, record, webhooks

GREATEST = 2**63 - 1

Id = Annotated[int, Meta(ge=1, le=GREATEST)]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-06-20T12:00:00+00:00"])]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Email = Annotated[str, Meta(min_length=3, max_length=254)]
Phone = Annotated[str, Meta(min_length=3, max_length=32)]
Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")]
Slugs = Annotated[list[Slug], Meta(max_length=50)]
Color = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")]
Key = Annotated[str, Meta(min_length=1, max_length=128, description="Repeat the request under the same key safely.")]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Annotated[int, Meta(ge=0, le=GREATEST)] = 0


class GuestQuery(Page, frozen=True, kw_only=True):
    search: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    location_id: Id | None = None
    tag: Annotated[str, Meta(max_length=64)] | None = None
    is_vip: bool | None = None


class TimelineQuery(Page, frozen=True, kw_only=True):
    type: Annotated[list[str], Meta(max_length=20)] | None = None
    since: datetime | None = None
    until: datetime | None = None


class EventQuery(TimelineQuery, frozen=True, kw_only=True):
    guest_id: Id | None = None
    location_id: Id | None = None
    after: Annotated[int, Meta(ge=0, le=GREATEST)] | None = None


class DeliveryQuery(Page, frozen=True, kw_only=True):
    status: Literal["pending", "succeeded", "failed"] | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Every body may carry an idempotency key."""

    idempotency_key: Key | UnsetType = UNSET


class GuestIn(Body, frozen=True, kw_only=True):
    location_id: Id
    portal_id: Id | None = None
    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    marketing_consent: bool | UnsetType = UNSET
    is_vip: bool = False
    tags: Slugs = []
    attributes: dict[str, Any] = {}


class GuestPatch(Body, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    email: Email | None | UnsetType = UNSET
    phone: Phone | None | UnsetType = UNSET
    marketing_consent: bool | UnsetType = UNSET
    is_vip: bool | UnsetType = UNSET
    tags: Slugs | UnsetType = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET


class TagIn(Body, frozen=True, kw_only=True):
    slug: Slug
    label: Annotated[str, Meta(min_length=1, max_length=100)]
    color: Color = "#6366f1"


class NoteIn(Body, frozen=True, kw_only=True):
    text: Annotated[str, Meta(min_length=1, max_length=5000)]


class WebhookIn(Body, frozen=True, kw_only=True):
    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    events: Annotated[list[str], Meta(min_length=1, max_length=20)]
    description: Annotated[str, Meta(max_length=255)] | None = None
    is_active: bool = True


class WebhookPatch(Body, frozen=True, kw_only=True):
    url: Annotated[str, Meta(min_length=1, max_length=2048)] | UnsetType = UNSET
    events: Annotated[list[str], Meta(min_length=1, max_length=20)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=255)] | None | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class RotateIn(Body, frozen=True, kw_only=True):
    immediate: bool = False


class TestIn(Body, frozen=True, kw_only=True):
    event: str | None = None


class ReplayIn(Body, frozen=True, kw_only=True):
    since: datetime


class GuestOut(msgspec.Struct, frozen=True):
    id: int
    location_id: int | None
    portal_id: int | None
    name: str | None
    email: str | None
    phone: str | None
    marketing_consent: bool
    is_vip: bool
    tags: list[str]
    points_balance: int
    tier: str | None
    visit_count: int
    attributes: dict[str, Any]
    first_seen_at: Instant
    last_seen_at: Instant
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, guest: record.Record) -> "GuestOut":
        return cls(
            guest.id,
            guest.location_id,
            guest.portal_id,
            guest.name,
            guest.email,
            guest.phone,
            guest.marketing_consent,
            guest.is_vip,
            guest.tags,
            guest.points,
            guest.tier,
            guest.visits,
            guest.attributes,
            guest.first_seen_at.isoformat(),
            guest.last_seen_at.isoformat(),
            guest.created_at.isoformat(),
            guest.updated_at.isoformat(),
        )


class EntryOut(msgspec.Struct, frozen=True):
    id: int
    type: str
    guest_id: int | None
    sequence: int | None
    location_id: int | None
    title: str
    data: dict[str, Any]
    occurred_at: Instant

    @classmethod
    def of(cls, entry: events.Entry) -> "EntryOut":
        data = {name: value for name, value in entry.payload.items() if name not in ("guest_id", "location_id")}
        return cls(
            entry.position,
            entry.type,
            entry.guest_id,
            entry.sequence,
            entry.location_id,
            events.titled(entry.type),
            data,
            entry.occurred_at.isoformat(),
        )


class TagOut(msgspec.Struct, frozen=True):
    id: int
    slug: str
    label: str
    color: str
    guest_count: int
    created_at: Instant

    @classmethod
    def of(cls, tag: guests.tags.Tag) -> "TagOut":
        return cls(tag.id, tag.slug, tag.label, tag.color, tag.guest_count, tag.created_at.isoformat())


class NoteOut(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    text: str
    author: str
    created_at: Instant

    @classmethod
    def of(cls, note: guests.notes.Note) -> "NoteOut":
        return cls(note.id, note.guest_id, note.text, note.author, note.created_at.isoformat())


class WebhookOut(msgspec.Struct, frozen=True):
    id: int
    url: str
    events: list[str]
    description: str | None
    is_active: bool
    disabled_reason: str | None
    last_success_at: Instant | None
    last_failure_at: Instant | None
    created_at: Instant
    updated_at: Instant
    secret: str | UnsetType = UNSET

    @classmethod
    def of(cls, endpoint: webhooks.Endpoint, secret: str | UnsetType = UNSET) -> "WebhookOut":
        return cls(
            endpoint.id,
            endpoint.url,
            endpoint.events,
            endpoint.description,
            endpoint.is_active,
            endpoint.disabled_reason,
            _instant(endpoint.last_success_at),
            _instant(endpoint.last_failure_at),
            endpoint.created_at.isoformat(),
            endpoint.updated_at.isoformat(),
            secret,
        )


class SecretOut(msgspec.Struct, frozen=True):
    id: int
    secret: str


class SentOut(msgspec.Struct, frozen=True):
    delivery_id: str


class ReplayedOut(msgspec.Struct, frozen=True):
    replayed: int


class AttemptOut(msgspec.Struct, frozen=True):
    number: int
    is_manual: bool
    response_status: int | None
    error: str | None
    latency_ms: int
    response_body: str
    attempted_at: Instant


class DeliveryOut(msgspec.Struct, frozen=True):
    id: str
    webhook_id: int
    event: str
    status: str
    attempts: int
    response_status: int | None
    next_attempt_at: Instant | None
    created_at: Instant
    attempt_log: list[AttemptOut] | UnsetType = UNSET

    @classmethod
    def of(cls, delivery: webhooks.Delivery, attempts: list[webhooks.Attempt] | None = None) -> "DeliveryOut":
        log = [
            AttemptOut(
                one.number,
                one.is_manual,
                one.response_status,
                one.error,
                one.latency_ms,
                one.answer,
                one.attempted_at.isoformat(),
            )
            for one in attempts or []
        ]
        return cls(
            delivery.id,
            delivery.endpoint_id,
            delivery.event,
            delivery.status,
            delivery.attempts,
            delivery.response_status,
            _instant(delivery.due_at),
            delivery.created_at.isoformat(),
            UNSET if attempts is None else log,
        )


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What every list says about itself; `total` counts all matches."""

    total: int
    limit: int
    offset: int


class Guests(Listing, frozen=True, kw_only=True):
    items: list[GuestOut]
    total_is_estimate: bool | UnsetType = UNSET


class Entries(Listing, frozen=True, kw_only=True):
    items: list[EntryOut]


class Tags(Listing, frozen=True, kw_only=True):
    items: list[TagOut]


class Notes(Listing, frozen=True, kw_only=True):
    items: list[NoteOut]


class Webhooks(Listing, frozen=True, kw_only=True):
    items: list[WebhookOut]


class Deliveries(Listing, frozen=True, kw_only=True):
    items: list[DeliveryOut]


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
