"""Campaigns: planned, tried out, steered, and what came of them; and sending to one guest."""

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns
from hospes.capabilities.campaigns import reports
from hospes.doors.workspace_api.shapes import Body, Id, Instant, Paging, next_after
from hospes.web.routes import Route

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


def _buckets(found: list[reports.Bucket]) -> list[Bucket]:
    return [Bucket(*msgspec.structs.astuple(one)[1:]) for one in found]


def _local(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("There is no such time.", field="local_at") from None


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


async def list_campaigns(reader: Reader, query: Listing) -> Campaigns:
    """List campaigns

    Those that start last come first. Sends to one guest are not in it.
    """
    if query.state is not None and query.state not in campaigns.STATES:
        raise Invalid(f"A state is one of {', '.join(campaigns.STATES)}.", field="state")
    found = await campaigns.list_after(reader, query.after, limit=query.limit, state=query.state)
    return Campaigns(items=[CampaignOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def plan_campaign(tx: Tx, body: CampaignIn) -> Planned:
    """Plan campaign

    It starts at `scheduled_at`, when each guest's clock shows `local_at`, or at once. Texts take
    `@{attribute}@`, `@{attribute|fallback}@` and Liquid.
    """
    plan = body.plan()
    campaign = await campaigns.get(tx, await campaigns.broadcast(tx, plan))
    return Planned(campaign.id, campaign.state, campaign.starts_at.isoformat(), await campaigns.count(tx, plan))


async def rehearse_campaign(tx: Tx, body: CampaignIn) -> RehearsalOut:
    """Try campaign

    Whom it would reach now, and why not the others. Nothing is written or sent.
    """
    found = await campaigns.rehearse(tx, body.plan())
    return RehearsalOut(found.targeted, found.sent, found.waiting, found.excluded)


async def get_campaign(reader: Reader, campaign_id: int) -> CampaignOut:
    """Get campaign"""
    return CampaignOut.of(await campaigns.get(reader, campaign_id))


async def pause_campaign(tx: Tx, campaign_id: int) -> CampaignOut:
    """Pause campaign

    Nothing more of it is taken for sending.
    """
    await campaigns.pause(tx, campaign_id)
    return CampaignOut.of(await campaigns.get(tx, campaign_id))


async def resume_campaign(tx: Tx, campaign_id: int) -> CampaignOut:
    """Resume campaign"""
    await campaigns.resume(tx, campaign_id)
    return CampaignOut.of(await campaigns.get(tx, campaign_id))


async def cancel_campaign(tx: Tx, campaign_id: int) -> CampaignOut:
    """Cancel campaign

    What was not taken for sending yet never is.
    """
    await campaigns.cancel(tx, campaign_id)
    return CampaignOut.of(await campaigns.get(tx, campaign_id))


async def report_campaign(reader: Reader, campaign_id: int, query: Window) -> ReportOut:
    """Report on campaign

    `booked`, `visited` and `redeemed` are what guests did within `window_days` after their message.
    Each figure opens to its messages.
    """
    found = await reports.report(reader, campaign_id, window_days=query.window_days)
    counted = msgspec.structs.asdict(found.figures) | msgspec.structs.asdict(found.followed)
    counted.pop("campaign_id")
    return ReportOut(campaign_id, query.window_days, counted, found.excluded)


async def list_rows(reader: Reader, campaign_id: int, query: Behind) -> Rows:
    """List the messages behind a figure

    By guest. `figure` is one of the report's, or `excluded.` and a cause.
    """
    found = await reports.rows(
        reader, campaign_id, query.figure, after=query.after, limit=query.limit, window_days=query.window_days
    )
    following = found[-1].message_id if len(found) == query.limit else None
    return Rows(items=[MessageRow.of(row) for row in found], next_after=following)


async def show_series(reader: Reader, campaign_id: int, query: Every) -> Series:
    """Report over time

    By day, week (from Monday), month or year: `every` is daily, weekly, monthly or annual.
    """
    await campaigns.get(reader, campaign_id)
    found = await reports.series(reader, [campaign_id], every=query.every)
    return Series(_buckets(found))


async def show_overview(reader: Reader, query: Period) -> Overview:
    """Report on all campaigns

    Those that start from `since` until before `before`, by channel, and when it happened.
    """
    found = await reports.by_channel(reader, query.since, query.before, every=query.every)
    return Overview([ChannelFigures(one.channel, one.campaigns, one.figures, _buckets(one.series)) for one in found])


async def export_campaign(tx: Tx, campaign_id: int, body: ExportIn, vault: Vault, public_url: str) -> ExportOut:
    """Export messages

    The answer's address gives the table once within a day. It names nobody.
    """
    made = await campaigns.exports.offer(tx, vault, campaign_id, body.format, figure=body.figure)
    return ExportOut(f"{public_url}/exports/{made.token}", made.expires_at.isoformat())


async def send_message(tx: Tx, body: SendIn) -> Sent:
    """Send to one guest

    At once. `skipped` messages are not sent, for the reason in `cause`.
    """
    made = await campaigns.send_one(
        tx,
        body.guest_id,
        body.channel,
        body.content(),
        platform=body.platform,
        name=body.name,
        is_transactional=body.is_transactional,
    )
    return Sent(made.campaign_id, made.recipients, made.skipped, made.cause)


async def get_rules(reader: Reader) -> RulesOut:
    """Get rules for campaigns"""
    return RulesOut(*msgspec.structs.astuple(await campaigns.rules.get(reader)))


async def set_rules(tx: Tx, body: Rules) -> RulesOut:
    """Set rules for campaigns

    Quiet hours, the most messages a guest gets, and what is tracked. What is left out is not set.
    """
    fields = {name: getattr(body, name) for name in campaigns.rules.Rules.__struct_fields__}
    await campaigns.rules.change(tx, campaigns.rules.Rules(**fields))
    return RulesOut(*msgspec.structs.astuple(await campaigns.rules.get(tx)))


def _route(method: str, path: str, handler: Any, *, role: str | None = None, **more: Any) -> Route:
    asked = role or ("staff" if method == "GET" else "manager")
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=asked,
        printed_scope=asked,
        module="communication",
        group="Campaigns",
        **more,
    )


_NEWS = {
    "channel": "email",
    "name": "May offer",
    "subject": "An offer for @{first_name|you}@",
    "html": "<p>Hello @{first_name|there}@.</p>",
    "guest_ids": [42],
}

ROUTES = [
    _route("GET", "/campaigns", list_campaigns, query=Listing, answer=Campaigns),
    _route("POST", "/campaigns", plan_campaign, body=CampaignIn, answer=Planned, status=201, example=_NEWS),
    _route(
        "POST",
        "/campaigns/rehearsal",
        rehearse_campaign,
        role="staff",
        body=CampaignIn,
        answer=RehearsalOut,
        example=_NEWS,
    ),
    _route("GET", "/campaigns/overview", show_overview, query=Period, answer=Overview),
    _route("GET", "/campaigns/rules", get_rules, answer=RulesOut),
    _route(
        "PUT",
        "/campaigns/rules",
        set_rules,
        body=Rules,
        answer=RulesOut,
        example={"quiet_from": "22:00", "quiet_until": "08:00", "email_most": 3, "email_days": 7},
    ),
    _route("GET", "/campaigns/{campaign_id}", get_campaign, answer=CampaignOut, errors=(404,)),
    _route("POST", "/campaigns/{campaign_id}/pause", pause_campaign, answer=CampaignOut, errors=(404, 409)),
    _route("POST", "/campaigns/{campaign_id}/resumption", resume_campaign, answer=CampaignOut, errors=(404, 409)),
    _route("POST", "/campaigns/{campaign_id}/cancellation", cancel_campaign, answer=CampaignOut, errors=(404, 409)),
    _route("GET", "/campaigns/{campaign_id}/report", report_campaign, query=Window, answer=ReportOut, errors=(404,)),
    _route("GET", "/campaigns/{campaign_id}/messages", list_rows, query=Behind, answer=Rows, errors=(404,)),
    _route("GET", "/campaigns/{campaign_id}/series", show_series, query=Every, answer=Series, errors=(404,)),
    _route(
        "POST",
        "/campaigns/{campaign_id}/export",
        export_campaign,
        body=ExportIn,
        answer=ExportOut,
        status=201,
        errors=(404,),
        example={"format": "csv"},
    ),
    _route(
        "POST",
        "/messages",
        send_message,
        body=SendIn,
        answer=Sent,
        status=202,
        example={"guest_id": 42, "channel": "email", "subject": "Your key", "html": "<p>It is ready.</p>"},
    ),
]
