"""What requests and answers about campaigns hold."""

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base.errors import Invalid
from hospes.capabilities import campaigns
from hospes.capabilities.campaigns import reports
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging

Channel = Literal["email", "sms", "push"]
Platform = Literal["web", "android", "ios"]
Words = Annotated[str, Meta(max_length=2_000)]
Days = Annotated[int, Meta(ge=1, le=365)]
Most = Annotated[int, Meta(ge=1, le=1000)]
LocalTime = Annotated[
    str,
    Meta(
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$",
        description="A time of day without an offset: on each guest's own clock.",
        examples=["2026-06-21T09:00"],
    ),
]
GuestIds = Annotated[list[Id], Meta(min_length=1, max_length=10_000)]


class ButtonIn(msgspec.Struct, frozen=True, kw_only=True):
    title: Annotated[str, Meta(min_length=1, max_length=50)]
    url: Words


class ContentIn(Body, frozen=True, kw_only=True):
    """What is said; which fields a channel needs is told when one is missing."""

    channel: Channel
    platform: Platform | None = None
    name: Annotated[str, Meta(max_length=200)] | None = None
    subject: Words | None = None
    html: Annotated[str, Meta(max_length=200_000)] | None = None
    text: Annotated[str, Meta(max_length=200_000)] | None = None
    from_name: Words | None = None
    from_email: Words | None = None
    reply_to: Words | None = None
    sender_id: Words | None = None
    title: Words | None = None
    url: Words | None = None
    image: Words | None = None
    icon: Words | None = None
    buttons: Annotated[list[ButtonIn], Meta(max_length=2)] = msgspec.field(default_factory=list)
    is_transactional: bool = False

    def content(self) -> campaigns.Content:
        said = {field: getattr(self, field) for field in campaigns.Content.__struct_fields__ if field != "buttons"}
        return campaigns.Content(**said, buttons=[campaigns.Button(one.title, one.url) for one in self.buttons])


class CampaignIn(ContentIn, frozen=True, kw_only=True):
    """Exactly one of `everyone`, `segment_id`, `list_id` and `guest_ids` says whom it is for."""

    everyone: bool = False
    segment_id: Id | None = None
    list_id: Id | None = None
    guest_ids: GuestIds | None = None
    scheduled_at: Annotated[datetime, Meta(tz=True)] | None = None
    local_at: LocalTime | None = None

    def plan(self) -> campaigns.Plan:
        return campaigns.Plan(
            channel=self.channel,
            content=self.content(),
            audience=self._audience(),
            name=self.name,
            platform=self.platform,
            at=self.scheduled_at,
            local_at=_local(self.local_at) if self.local_at is not None else None,
            is_transactional=self.is_transactional,
        )

    def _audience(self) -> campaigns.Audience:
        kinds = {
            "everyone": self.everyone or None,
            "segment": self.segment_id,
            "list": self.list_id,
            "guests": self.guest_ids,
        }
        given = [kind for kind, value in kinds.items() if value is not None]
        if len(given) != 1:
            raise Invalid("Give one of everyone, segment_id, list_id and guest_ids.", field="segment_id")
        return campaigns.Audience(
            kind=given[0], segment_id=self.segment_id, list_id=self.list_id, guest_ids=self.guest_ids
        )


class SendIn(ContentIn, frozen=True, kw_only=True):
    guest_id: Id


class CampaignOut(msgspec.Struct, frozen=True):
    id: int
    name: str
    channel: str
    platform: str | None
    state: str
    audience: str
    segment_id: int | None
    list_id: int | None
    guest_ids: list[int] | None
    content: dict[str, Any]
    is_transactional: bool
    scheduled_at: Instant
    local_at: str | None
    error: str | None
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None

    @classmethod
    def of(cls, one: campaigns.Campaign) -> "CampaignOut":
        return cls(
            one.id,
            one.name,
            one.channel,
            one.platform,
            one.state,
            one.audience,
            one.segment_id,
            one.list_id,
            one.guest_ids,
            one.kept,
            one.purpose == "transactional",
            one.starts_at.isoformat(),
            _text(one.local_at),
            one.error,
            one.created_at.isoformat(),
            _text(one.started_at),
            _text(one.ended_at),
        )


class Planned(msgspec.Struct, frozen=True):
    """`recipients` is how many guests the audience holds now; whom it reaches is looked up when it starts."""

    id: int
    state: str
    scheduled_at: Instant
    recipients: int


class Campaigns(msgspec.Struct, frozen=True, kw_only=True):
    items: list[CampaignOut]
    next_after: int | None


class RehearsalOut(msgspec.Struct, frozen=True):
    targeted: int
    sent: int
    waiting: int
    excluded: dict[str, int]


class Sent(msgspec.Struct, frozen=True):
    campaign_id: int
    recipients: int
    skipped: int
    cause: str | None


class ReportOut(msgspec.Struct, frozen=True):
    """`figures` count messages, but `opens` and `clicks`, which count how often."""

    campaign_id: int
    window_days: int
    figures: dict[str, int]
    excluded: dict[str, int]


class MessageRow(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    address: str
    status: str
    cause: str | None
    error: str | None
    opens: int
    clicks: int
    machine_opens: int
    machine_clicks: int
    sent_at: Instant | None
    delivered_at: Instant | None
    opened_at: Instant | None
    clicked_at: Instant | None
    unsubscribed_at: Instant | None
    complained_at: Instant | None

    @classmethod
    def of(cls, row: reports.Row) -> "MessageRow":
        return cls(
            row.message_id,
            row.guest_id,
            row.address,
            row.status,
            row.cause,
            row.error,
            row.opens,
            row.clicks,
            row.machine_opens,
            row.machine_clicks,
            *(_text(at) for at in (row.sent_at, row.delivered_at, row.opened_at)),
            *(_text(at) for at in (row.clicked_at, row.unsubscribed_at, row.complained_at)),
        )


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    items: list[MessageRow]
    next_after: int | None


class Bucket(msgspec.Struct, frozen=True):
    day: date
    sent: int
    delivered: int
    bounced: int
    failed: int
    opened: int
    clicked: int
    unsubscribed: int
    complained: int


class Series(msgspec.Struct, frozen=True):
    items: list[Bucket]


class ChannelFigures(msgspec.Struct, frozen=True):
    channel: str
    campaigns: int
    figures: dict[str, int]
    series: list[Bucket]


class Overview(msgspec.Struct, frozen=True):
    channels: list[ChannelFigures]


class Rules(Body, frozen=True, kw_only=True):
    """Quiet hours are on each guest's own clock. `email_most` in `email_days` days is one guest's share."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    email_most: Most | None = None
    email_days: Days | None = None
    sms_most: Most | None = None
    sms_days: Days | None = None
    push_most: Most | None = None
    push_days: Days | None = None
    tracks_opens: bool = True
    tracks_clicks: bool = True
    tracks_transactional: bool = False


class RulesOut(msgspec.Struct, frozen=True):
    quiet_from: time | None
    quiet_until: time | None
    email_most: int | None
    email_days: int | None
    sms_most: int | None
    sms_days: int | None
    push_most: int | None
    push_days: int | None
    tracks_opens: bool
    tracks_clicks: bool
    tracks_transactional: bool


class ExportIn(Body, frozen=True, kw_only=True):
    format: Literal["csv", "ndjson"] = "csv"
    figure: Annotated[str, Meta(max_length=64)] = "targeted"


class ExportOut(msgspec.Struct, frozen=True):
    url: str
    expires_at: Instant


class Listing(Paging, frozen=True, kw_only=True):
    state: str | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    window_days: Days = reports.WINDOW_DAYS


class Behind(Paging, frozen=True, kw_only=True):
    figure: str = "targeted"
    window_days: Days = reports.WINDOW_DAYS


class Every(msgspec.Struct, frozen=True, kw_only=True):
    every: str = "daily"


class Period(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime
    before: datetime
    every: str = "daily"


def buckets(found: list[reports.Bucket]) -> list[Bucket]:
    return [Bucket(*msgspec.structs.astuple(one)[1:]) for one in found]


def _local(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("There is no such time.", field="local_at") from None


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
