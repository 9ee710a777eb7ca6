"""What goes in and out of the Audience API. Contract 1.5, 3, 4, 6."""

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from hospes.capabilities import tracking

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
