"""What goes in and out, in the contract's words. Contract 7 to 14."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hospes.base.errors import Invalid
from hospes.capabilities import bookings, events, missions, properties, webhooks
from hospes.capabilities.bookings.party import Address
from hospes.capabilities.bookings.showing import AddressOut, BookingLine, BookingOut, amount, country, second

T = TypeVar("T")

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,10}([.][0-9]{1,2})?$")]
Text = Annotated[str, Meta(max_length=5000)]
Name = Annotated[str, Meta(max_length=99)]
TimeOfDay = Annotated[time, Meta(tz=False)]
Count = Annotated[int, Meta(ge=0, le=50)]
Url = Annotated[str, Meta(max_length=2048)]


class Paging(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Pages by `offset` or by `page`. Contract 7."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    offset: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    page: Annotated[int, Meta(ge=1, le=10**7)] | None = None

    @property
    def start(self) -> int:
        """Where the page begins. Raises Invalid when `offset` and `page` disagree."""
        by_page = (self.page - 1) * self.limit if self.page is not None else None
        if self.offset is not None and by_page is not None and self.offset != by_page:
            raise Invalid("Give offset or page, or both in agreement", field="page")
        return self.offset if self.offset is not None else by_page or 0


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    page: int
    limit: int
    total_items: int
    total_pages: int


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list, and how long the list is."""

    data: list[T]
    pagination: Pagination


def paged(query: Paging, total: int) -> Pagination:
    return Pagination(query.start // query.limit + 1, query.limit, total, -(-total // query.limit))


class PropertyAddress(msgspec.Struct, frozen=True, rename="camel"):
    line1: str | None
    line2: str | None
    postal_code: str | None
    city: str | None
    country: str | None
    country_code: str | None
    timezone: str


class PropertyOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    name: str
    property_type: str | None
    capacity: int | None
    check_in_time: time
    check_out_time: time
    cut_off_time: time | None
    cut_off_days: int | None
    default_night_rate_price: str | None
    default_night_rate_currency: str | None
    default_cleaning_rate: str | None
    vat_rate: float | None
    address: PropertyAddress
    ai_assistant_enabled: bool
    nowistay_pms_connected: bool

    @classmethod
    def of(cls, unit: properties.Property) -> "PropertyOut":
        return cls(
            id=unit.id,
            name=unit.name,
            property_type=unit.property_type,
            capacity=unit.capacity,
            check_in_time=unit.check_in_time,
            check_out_time=unit.check_out_time,
            cut_off_time=unit.cut_off_time,
            cut_off_days=unit.cut_off_days,
            default_night_rate_price=amount(unit.night_rate),
            default_night_rate_currency=unit.currency if unit.night_rate is not None else None,
            default_cleaning_rate=amount(unit.cleaning_rate),
            vat_rate=float(unit.vat_rate) if unit.vat_rate is not None else None,
            address=PropertyAddress(
                unit.line1,
                unit.line2,
                unit.postal_code,
                unit.city,
                country(unit.country_code),
                unit.country_code,
                unit.time_zone,
            ),
            # There is no assistant here, and every entitled property is managed here.
            ai_assistant_enabled=False,
            nowistay_pms_connected=unit.is_entitled,
        )


class BookingQuery(Paging, frozen=True, kw_only=True, rename="camel"):
    property_id: Id | None = None
    status: str | None = None
    channel: str | None = None
    from_date: date | None = None
    to_date: date | None = None


class GuestIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is told of a booking's guest."""

    guest_first_name: Name | None | UnsetType = UNSET
    guest_last_name: Name | None | UnsetType = UNSET
    guest_email: Annotated[str, Meta(max_length=254)] | None | UnsetType = UNSET
    guest_phone: Annotated[str, Meta(max_length=32)] | None | UnsetType = UNSET
    guest_language: Annotated[str, Meta(pattern="^[a-z]{2}$")] | None | UnsetType = UNSET
    guest_address: Address | None | UnsetType = UNSET

    @property
    def party(self) -> bookings.Party:
        return bookings.Party(
            first_name=self.guest_first_name,
            last_name=self.guest_last_name,
            email=self.guest_email,
            phone=self.guest_phone,
            language=self.guest_language,
            address=self.guest_address,
        )


class BookingIn(GuestIn, frozen=True, kw_only=True, rename="camel"):
    property_id: Id
    arrival: date
    departure: date
    adults: Annotated[int, Meta(ge=1, le=50)] = 1
    children: Count = 0
    status: str = "confirmed"
    check_in_time: TimeOfDay | None = None
    check_out_time: TimeOfDay | None = None
    amount: Money | None = None
    night_rate: Money | None = None
    cleaning_fee: Money | None = None
    local_taxes: Money | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    notes: Text | None = None
    silent: bool = True


class BookingPatch(GuestIn, frozen=True, kw_only=True, rename="camel"):
    arrival: date | UnsetType = UNSET
    departure: date | UnsetType = UNSET
    status: str | UnsetType = UNSET
    check_in_time: TimeOfDay | None | UnsetType = UNSET
    check_out_time: TimeOfDay | None | UnsetType = UNSET
    adults: Annotated[int, Meta(ge=1, le=50)] | UnsetType = UNSET
    children: Count | UnsetType = UNSET
    amount: Money | UnsetType = UNSET
    night_rate: Money | None | UnsetType = UNSET
    cleaning_fee: Money | None | UnsetType = UNSET
    local_taxes: Money | None | UnsetType = UNSET
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | UnsetType = UNSET
    notes: Text | None | UnsetType = UNSET
    custom_parameters: dict[str, Annotated[str, Meta(max_length=1000)] | None] | UnsetType = UNSET
    silent: bool = True

    @property
    def changes(self) -> bookings.Changes:
        return bookings.Changes(
            arrival_on=self.arrival,
            departure_on=self.departure,
            status=self.status,
            check_in_time=self.check_in_time,
            check_out_time=self.check_out_time,
            adults=self.adults,
            children=self.children,
            amount=decimal(self.amount),
            night_rate=decimal(self.night_rate),
            cleaning_fee=decimal(self.cleaning_fee),
            local_taxes=decimal(self.local_taxes),
            currency=self.currency,
            notes=self.notes,
            guest=self.party,
            custom=self.custom_parameters or {},
        )


def decimal(text: str | None | UnsetType) -> Any:
    """Digits become a Decimal; what is absent stays so."""
    return Decimal(text) if isinstance(text, str) else text


class ParameterIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    key: str
    name: str


class ParameterOut(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    key: str
    name: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, one: bookings.parameters.Parameter) -> "ParameterOut":
        return cls(one.id, one.key, one.name, second(one.created_at), second(one.updated_at))


class MissionQuery(Paging, frozen=True, kw_only=True, rename="camel"):
    property_id: Id | None = None
    booking_id: Id | None = None
    assigned_team_member_id: Id | None = None
    mission_type: str | None = None
    type: str | None = None
    status: str | None = None
    from_date: date | None = None
    to_date: date | None = None


class MissionIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    property_id: Id
    booking_id: Id | None = None
    mission_type: str | None = None
    type: str | None = None
    title: str | None = None
    description: Text | None = None
    scheduled_at: datetime
    timezone: str | None = None
    duration_minutes: Annotated[int, Meta(ge=1, le=1440)] | None = None
    assigned_team_member_id: Id | None = None


class MissionPatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    booking_id: Id | None | UnsetType = UNSET
    mission_type: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: Text | None | UnsetType = UNSET
    scheduled_at: datetime | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    duration_minutes: Annotated[int, Meta(ge=1, le=1440)] | None | UnsetType = UNSET
    assigned_team_member_id: Id | None | UnsetType = UNSET
    status: str | UnsetType = UNSET
    property_id: Id | UnsetType = UNSET


class MissionOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    property_id: int
    booking_id: int | None
    mission_type: str
    status: str
    title: str
    description: str | None
    scheduled_at: datetime
    timezone: str
    duration_minutes: int | None
    assigned_team_member_id: int | None
    assigned_team_member_name: str | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, one: missions.Mission, **more: Any) -> "MissionOut":
        return cls(
            id=one.id,
            property_id=one.property_id,
            booking_id=one.booking_id,
            mission_type=one.mission_type,
            status=one.status,
            title=one.title,
            description=one.description,
            scheduled_at=second(one.scheduled_at),
            timezone=one.time_zone,
            duration_minutes=one.duration_minutes,
            assigned_team_member_id=one.team_member_id,
            assigned_team_member_name=one.member_name,
            started_at=second(one.started_at) if one.started_at else None,
            completed_at=second(one.completed_at) if one.completed_at else None,
            created_at=second(one.created_at),
            updated_at=second(one.updated_at),
            **more,
        )


class MissionDetail(MissionOut, frozen=True, kw_only=True, rename="camel"):
    report: dict[str, Any] | None


class TeamQuery(Paging, frozen=True, kw_only=True, rename="camel"):
    property_id: Id | None = None
    role: str | None = None
    active: bool | None = None


class MemberOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    first_name: str
    last_name: str | None
    email: str | None
    phone: str | None
    roles: list[str]
    language: str
    notification_channels: list[str]
    active: bool
    property_ids: list[int]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, one: properties.team.Member) -> "MemberOut":
        return cls(
            id=one.id,
            first_name=one.first_name,
            last_name=one.last_name,
            email=one.email,
            phone=one.phone,
            roles=one.roles,
            language=one.language,
            notification_channels=one.channels,
            active=one.is_active,
            property_ids=one.property_ids,
            created_at=second(one.created_at),
            updated_at=second(one.updated_at),
        )


class ActivityQuery(Paging, frozen=True, kw_only=True, rename="camel"):
    category: str | None = None
    booking_id: Id | None = None
    from_date: date | None = None
    to_date: date | None = None


class ActivityOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    property_id: int
    category: str
    type: str
    message: str
    booking_id: int | None
    mission_id: int | None
    occurred_at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, property_id: int, category: str, one: events.Happening) -> "ActivityOut":
        return cls(
            id=one.position,
            property_id=property_id,
            category=category,
            type=one.type,
            message=events.titled(one.type),
            booking_id=one.booking_id,
            mission_id=one.payload.get("mission_id"),
            occurred_at=second(one.occurred_at),
            data={_camel(name): value for name, value in one.payload.items() if name not in _ELSEWHERE},
        )


_ELSEWHERE = {"property_id", "booking_id", "mission_id", "guest_id", "is_silent"}


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


class WebhookQuery(Paging, frozen=True, kw_only=True, rename="camel"):
    property_id: Id | None = None
    status: str | None = None


class WebhookIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    property_id: Id
    url: Url
    events: Annotated[list[str], Meta(min_length=1, max_length=10)]
    description: Annotated[str, Meta(max_length=255)] | None = None


class WebhookPatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    url: Url | UnsetType = UNSET
    events: Annotated[list[str], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=255)] | None | UnsetType = UNSET
    status: str | UnsetType = UNSET
    property_id: Any = UNSET
    signing_secret: Any = UNSET


class WebhookOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Made, a webhook is answered with its secret; later, with how its deliveries went."""

    id: int
    property_id: int
    url: str
    events: list[str]
    description: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    signing_secret: str | UnsetType = UNSET
    last_delivery_at: datetime | None | UnsetType = UNSET
    last_success_at: datetime | None | UnsetType = UNSET
    failing_since: datetime | None | UnsetType = UNSET
    disabled_at: datetime | None | UnsetType = UNSET

    @classmethod
    def of(cls, one: webhooks.subscriptions.Subscription, secret: str | None = None) -> "WebhookOut":
        made = cls(
            id=one.id,
            property_id=one.property_id,
            url=one.url,
            events=one.events,
            description=one.description,
            status=one.status,
            created_at=second(one.created_at),
            updated_at=second(one.updated_at),
        )
        if secret is not None:
            return msgspec.structs.replace(made, signing_secret=secret)
        instants = {name: getattr(one, name) for name in _INSTANTS}
        return msgspec.structs.replace(made, **{name: at and second(at) for name, at in instants.items()})


_INSTANTS = ("last_delivery_at", "last_success_at", "failing_since", "disabled_at")

Properties = Page[PropertyOut]
Bookings = Page[BookingLine]
Parameters = Page[ParameterOut]
Missions = Page[MissionOut]
Team = Page[MemberOut]
Activity = Page[ActivityOut]
Webhooks = Page[WebhookOut]

__all__ = ["AddressOut", "BookingLine", "BookingOut"]
