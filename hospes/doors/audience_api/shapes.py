"""What goes in and out of the Audience API. Contract 1.5, 3, 4, 6."""

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from hospes.capabilities import campaigns, tracking

T = TypeVar("T")

MOST_USERS = 100
MOST_EVENTS = 1000

UserId = Annotated[str, Meta(min_length=1, max_length=100, examples=["u-77"])]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"}, examples=["2024-05-01"])]


class Response(msgspec.Struct, Generic[T], frozen=True):
    data: T
    message: str = "success"
    status: Literal["success"] = "success"


class Envelope(msgspec.Struct, Generic[T], frozen=True):
    """Every answer is one object with one member."""

    response: Response[T]


def told(data: T) -> Envelope[T]:
    return Envelope(Response(data))


class Entries(msgspec.Struct, frozen=True):
    """Objects, each read by itself: what is wrong with one does not hold up the others."""

    nv: Annotated[list[Any], Meta(min_length=1)]


class UsersIn(Entries, frozen=True):
    """Users to create or update, 1 to 100. An attribute set to null goes; what is not named stays."""


class EventsIn(Entries, frozen=True):
    """Events, 1 to 1000."""


class Entry(msgspec.Struct, frozen=True):
    """One user and one event of theirs."""

    nv: dict[str, Any]


class Named(msgspec.Struct, frozen=True, rename={"user_id": "userID"}):
    user_id: UserId


class UserIn(msgspec.Struct, frozen=True, kw_only=True, rename={"user_id": "userID"}):
    """Which user: `userID`, or `nv` with one entry that has it."""

    user_id: UserId | None = None
    nv: Annotated[list[Named], Meta(min_length=1, max_length=1)] | None = None


class UserQuery(msgspec.Struct, frozen=True, kw_only=True, rename={"user_id": "userID"}):
    user_id: UserId | None = None


class Rejected(msgspec.Struct, frozen=True, rename={"user_id": "userID"}):
    index: int
    user_id: str | None
    message: str


class DroppedOut(msgspec.Struct, frozen=True):
    """An attribute that was not saved, of an entry that was."""

    index: int
    attribute: str
    message: str


class BatchOut(msgspec.Struct, frozen=True):
    received: int
    accepted: int
    rejected: list[Rejected]
    dropped: list[DroppedOut] = []


class DeletedOut(msgspec.Struct, frozen=True, rename={"user_id": "userID"}):
    user_id: str


class RecordedOut(msgspec.Struct, frozen=True, rename={"user_id": "userID"}):
    user_id: str | None
    nv_uid: str
    dropped: list[DroppedOut] = []


class SeriesIn(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "fromDate", "until": "toDate"}):
    since: Day
    until: Day
    trend_metric: tracking.series.Metric
    event_name: Annotated[str, Meta(min_length=1, max_length=200)]
    timeseries: tracking.series.Interval = "daily"
    event_property: Annotated[list[tracking.series.Filter], Meta(max_length=20)] = []


class Point(msgspec.Struct, frozen=True):
    date: Day
    value: int


class SeriesOut(msgspec.Struct, frozen=True):
    event_name: str
    trend_metric: str
    timeseries: str
    total: int
    series: list[Point]


Line = Annotated[str, Meta(min_length=1, max_length=998)]
Link = Annotated[str, Meta(min_length=1, max_length=2000)]
Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Written = Annotated[str, Meta(examples=["2026-07-01T09:00:00+0000"])]
SegmentId = Number | Annotated[str, Meta(pattern="^[1-9][0-9]{0,17}$")]


class PushIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a push says. Texts take `@{attribute}@`. A web push needs `url`."""

    title: Line
    message: Annotated[str, Meta(min_length=1, max_length=2000)]
    url: Link | None = None
    image: Link | None = None
    icon: Link | None = None
    campaign_name: Annotated[str, Meta(max_length=200)] | None = None
    button_one: Line | None = msgspec.field(name="btnTitleOne", default=None)
    button_one_url: Link | None = msgspec.field(name="btnUrlOne", default=None)
    button_two: Line | None = msgspec.field(name="btnTitleTwo", default=None)
    button_two_url: Link | None = msgspec.field(name="btnUrlTwo", default=None)

    def content(self) -> campaigns.Content:
        pairs = ((self.button_one, self.button_one_url), (self.button_two, self.button_two_url))
        return campaigns.Content(
            title=self.title,
            text=self.message,
            url=self.url,
            image=self.image,
            icon=self.icon,
            buttons=[campaigns.Button(title, url or self.url or "") for title, url in pairs if title is not None],
        )


class PushToOne(PushIn, frozen=True, kw_only=True):
    """To every device that the user has on this platform, or to one subscriber."""

    user_id: UserId | None = msgspec.field(name="userID", default=None)
    subscriber_id: Annotated[str, Meta(pattern="^[1-9][0-9]{0,17}$")] | None = None


class PushToAll(PushIn, frozen=True, kw_only=True):
    """To every subscriber of this platform, at once or at a time."""

    scheduled_at: Written | None = None


class PushToSegment(PushToAll, frozen=True, kw_only=True):
    segment_id: SegmentId


class EmailIn(msgspec.Struct, frozen=True, kw_only=True):
    """What an email says: `message` is HTML.

    It comes from `from_email` where the brand may send from that domain. Otherwise it comes from the server's
    own address, and answers go to `reply_to`, or to `from_email`.
    """

    subject: Line
    message: Annotated[str, Meta(min_length=1, max_length=200_000)]
    from_name: Annotated[str, Meta(max_length=200)] | None = None
    from_email: Annotated[str, Meta(max_length=254)] | None = None
    reply_to: Annotated[str, Meta(max_length=254)] | None = None
    campaign_name: Annotated[str, Meta(max_length=200)] | None = None

    def content(self) -> campaigns.Content:
        return campaigns.Content(
            subject=self.subject,
            html=self.message,
            from_name=self.from_name or None,
            from_email=self.from_email or None,
            reply_to=self.reply_to or None,
        )


class EmailToOne(EmailIn, frozen=True, kw_only=True):
    """To one user, by id or address."""

    user_id: UserId | None = msgspec.field(name="userID", default=None)
    email: Annotated[str, Meta(max_length=254)] | None = None


class EmailToAll(EmailIn, frozen=True, kw_only=True):
    """To everybody with an email address, at once or at a time."""

    scheduled_at: Written | None = None


class EmailToSegment(EmailToAll, frozen=True, kw_only=True):
    segment_id: SegmentId


class SmsIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a text message says, and who it comes from: a name of up to 11 letters and digits, or a number."""

    message: Annotated[str, Meta(min_length=1, max_length=1600)]
    sender_id: Annotated[str, Meta(max_length=20)] | None = None
    campaign_name: Annotated[str, Meta(max_length=200)] | None = None

    def content(self) -> campaigns.Content:
        return campaigns.Content(text=self.message, sender_id=self.sender_id or None)


class SmsToOne(SmsIn, frozen=True, kw_only=True):
    """To one user, by id or number."""

    user_id: UserId | None = msgspec.field(name="userID", default=None)
    mobile: Annotated[str, Meta(max_length=32)] | None = None


class SmsToAll(SmsIn, frozen=True, kw_only=True):
    """To everybody with a phone number, at once or at a time."""

    scheduled_at: Written | None = None


class SmsToSegment(SmsToAll, frozen=True, kw_only=True):
    segment_id: SegmentId


class PushedOut(msgspec.Struct, frozen=True, omit_defaults=True):
    notification_id: str = msgspec.field(name="notificationId")
    state: str
    recipients: int
    scheduled_at: str | None = None


class SentOut(msgspec.Struct, frozen=True):
    campaign_id: str
    state: str
    recipients: int
    skipped: int


class PlannedOut(msgspec.Struct, frozen=True):
    campaign_id: str
    state: str
    scheduled_at: str
    recipients: int


class CampaignsIn(msgspec.Struct, frozen=True, kw_only=True):
    """Campaigns that start on these days, both included; or one, by its id."""

    since: Day | None = msgspec.field(name="fromDate", default=None)
    until: Day | None = msgspec.field(name="toDate", default=None)
    campaign_id: Annotated[str, Meta(pattern="^(c-)?[1-9][0-9]{0,17}$")] | None = None
    channel: Literal["push", "email", "sms"] | None = None
    timeseries: tracking.series.Interval | None = None
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class CampaignOut(msgspec.Struct, frozen=True, omit_defaults=True):
    campaign_id: str
    campaign_name: str
    channel: str
    segment_id: int | None
    state: str
    scheduled_at: str
    stats: dict[str, float]
    series: list[dict[str, Any]] | None = None


class CampaignsOut(msgspec.Struct, frozen=True):
    total: int
    page: int
    limit: int
    campaigns: list[CampaignOut]
