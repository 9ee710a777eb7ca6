"""A booking as it leaves the house: the one place that decides what is sensitive.

REST answers, webhooks and exports are all made here; logs and events hold ids only.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import msgspec
from babel import Locale

from hospes.base.secrets import Vault
from hospes.capabilities import guests
from hospes.capabilities.bookings import party
from hospes.capabilities.bookings.listing import Line
from hospes.capabilities.bookings.stays import Booking, lock_place

UNSET = msgspec.UNSET
_TERRITORIES = Locale("en").territories


class AddressOut(msgspec.Struct, frozen=True, rename="camel"):
    line1: str | None
    line2: str | None
    postal_code: str | None
    city: str | None
    country: str | None
    country_code: str | None


class BookingLine(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Property API 9.1: never an email, a phone, an address or a lock code."""

    id: int
    property_id: int
    channel: str
    status: str
    arrival: date
    departure: date
    nights: int
    adults: int
    children: int
    guest_first_name: str | None
    guest_last_name: str | None
    amount: str | None
    currency: str | None
    created_at: datetime
    updated_at: datetime


class BookingOut(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Property API 9.2. Without the scope for it, what is sensitive is left out."""

    id: int
    property_id: int
    channel: str
    channel_booking_id: str | None
    status: str
    arrival: date
    departure: date
    check_in_time: time
    check_out_time: time
    nights: int
    adults: int
    children: int
    guest_first_name: str | None
    guest_last_name: str | None
    guest_language: str | None
    guest_email: str | None | msgspec.UnsetType = UNSET
    guest_phone: str | None | msgspec.UnsetType = UNSET
    guest_address: AddressOut | None | msgspec.UnsetType = UNSET
    smart_lock_code: str | None | msgspec.UnsetType = UNSET
    amount: str | None
    night_rate: str | None
    cleaning_fee: str | None
    local_taxes: str | None
    currency: str | None
    notes: str | None
    custom_parameters: dict[str, str]
    mission_ids: list[int]
    created_at: datetime
    updated_at: datetime


SENSITIVE = ("guest_email", "guest_phone", "guest_address", "smart_lock_code")


def line(booking: Line) -> BookingLine:
    first, last = guests.names.parts(booking.guest_name, booking.guest_attributes or {})
    return BookingLine(
        id=booking.id,
        property_id=booking.property_id,
        channel=booking.channel,
        status=booking.status,
        arrival=booking.arrival_on,
        departure=booking.departure_on,
        nights=(booking.departure_on - booking.arrival_on).days,
        adults=booking.adults,
        children=booking.children,
        guest_first_name=first,
        guest_last_name=last,
        amount=amount(booking.amount),
        currency=booking.currency,
        created_at=second(booking.created_at),
        updated_at=second(booking.updated_at),
    )


def plain(booking: Booking) -> BookingOut:
    """Without anything sensitive: what webhooks carry."""
    attributes = booking.guest_attributes or {}
    first, last = guests.names.parts(booking.guest_name, attributes)
    language = attributes.get(party.LANGUAGE)
    return BookingOut(
        id=booking.id,
        property_id=booking.property_id,
        channel=booking.channel,
        channel_booking_id=booking.channel_booking_id,
        status=booking.status,
        arrival=booking.arrival_on,
        departure=booking.departure_on,
        check_in_time=booking.check_in_time or booking.unit_check_in_time,
        check_out_time=booking.check_out_time or booking.unit_check_out_time,
        nights=booking.nights,
        adults=booking.adults,
        children=booking.children,
        guest_first_name=first,
        guest_last_name=last,
        guest_language=language if isinstance(language, str) else None,
        amount=amount(booking.amount),
        night_rate=amount(booking.night_rate),
        cleaning_fee=amount(booking.cleaning_fee),
        local_taxes=amount(booking.local_taxes),
        currency=booking.currency,
        notes=booking.notes,
        custom_parameters=booking.custom,
        mission_ids=booking.mission_ids,
        created_at=second(booking.created_at),
        updated_at=second(booking.updated_at),
    )


def sensitive(booking: Booking, vault: Vault, workspace_id: int) -> BookingOut:
    """With contact details and the lock's code, for who may see them."""
    code = booking.lock_code
    return msgspec.structs.replace(
        plain(booking),
        guest_email=booking.guest_email,
        guest_phone=booking.guest_phone,
        guest_address=address(booking),
        smart_lock_code=vault.open(code, lock_place(workspace_id, booking.id)).decode() if code else None,
    )


def address(booking: Booking) -> AddressOut | None:
    known = party.address(booking.guest_attributes or {})
    if known is None:
        return None
    return AddressOut(
        line1=known.line1,
        line2=known.line2,
        postal_code=known.postal_code,
        city=known.city,
        country=country(known.country_code),
        country_code=known.country_code,
    )


def country(code: str | None) -> str | None:
    """A country's English name."""
    return _TERRITORIES.get(code) if code else None


def amount(value: Decimal | None) -> str | None:
    """Two places, as money is written."""
    return None if value is None else f"{value:.2f}"


def second(at: datetime) -> datetime:
    """An instant as this API writes it: UTC, whole seconds."""
    return at.astimezone(UTC).replace(microsecond=0)
