"""Bookings: who stays where, and when. One night is sold once. Property API 9."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from babel.numbers import is_currency

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Duplicate, Invalid, NotFound
from hospes.base.resealing import sealed
from hospes.capabilities import events, guests, properties
from hospes.capabilities.bookings import parameters, party
from hospes.capabilities.bookings.happenings import BookingCancelled, BookingCreated, BookingUpdated

UNSET = msgspec.UNSET
CHANNELS = ("direct", "airbnb", "booking", "vrbo", "expedia", "other")
STATUSES = ("confirmed", "pending", "cancelled", "unavailable")
# What keeps the property's nights; a cancelled booking gives them back.
BLOCKING = ("confirmed", "pending", "unavailable")
LONGEST = timedelta(days=1000)
_NAMES = {"airbnb": "Airbnb", "booking": "Booking.com", "vrbo": "VRBO", "expedia": "Expedia", "other": "its channel"}


class Booking(msgspec.Struct, frozen=True):
    """`guest_…` are of the guest's one record. Times of day are the booking's own, None where the unit's hold."""

    id: int
    property_id: int
    guest_id: int | None
    channel: str
    channel_booking_id: str | None
    status: str
    arrival_on: date
    departure_on: date
    check_in_time: time | None
    check_out_time: time | None
    adults: int
    children: int
    amount: Decimal | None
    night_rate: Decimal | None
    cleaning_fee: Decimal | None
    local_taxes: Decimal | None
    currency: str | None
    notes: str | None
    custom: dict[str, str]
    lock_code: bytes | None
    calendar_id: int | None
    created_at: datetime
    updated_at: datetime
    guest_name: str | None
    guest_email: str | None
    guest_phone: str | None
    guest_attributes: dict[str, Any] | None
    mission_ids: list[int]
    unit_check_in_time: time
    unit_check_out_time: time
    time_zone: str
    location_id: int
    is_entitled: bool

    @property
    def nights(self) -> int:
        return (self.departure_on - self.arrival_on).days

    @property
    def begins_at(self) -> datetime:
        """Check-in, by the property's clock."""
        at = self.check_in_time or self.unit_check_in_time
        return datetime.combine(self.arrival_on, at, ZoneInfo(self.time_zone)).astimezone(UTC)

    @property
    def ends_at(self) -> datetime:
        """Check-out, by the property's clock."""
        at = self.check_out_time or self.unit_check_out_time
        return datetime.combine(self.departure_on, at, ZoneInfo(self.time_zone)).astimezone(UTC)


class NewBooking(msgspec.Struct, frozen=True, kw_only=True):
    """A booking to be. `channel_booking_id` is what its channel calls it."""

    property_id: int
    arrival_on: date
    departure_on: date
    channel: str = "direct"
    channel_booking_id: str | None = None
    status: str = "confirmed"
    check_in_time: time | None = None
    check_out_time: time | None = None
    adults: int = 1
    children: int = 0
    amount: Decimal | None = None
    night_rate: Decimal | None = None
    cleaning_fee: Decimal | None = None
    local_taxes: Decimal | None = None
    currency: str | None = None
    notes: str | None = None
    calendar_id: int | None = None
    guest: party.Party = party.Party()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What shall change; what is UNSET stays."""

    arrival_on: date | msgspec.UnsetType = UNSET
    departure_on: date | msgspec.UnsetType = UNSET
    status: str | msgspec.UnsetType = UNSET
    check_in_time: time | None | msgspec.UnsetType = UNSET
    check_out_time: time | None | msgspec.UnsetType = UNSET
    adults: int | msgspec.UnsetType = UNSET
    children: int | msgspec.UnsetType = UNSET
    amount: Decimal | None | msgspec.UnsetType = UNSET
    night_rate: Decimal | None | msgspec.UnsetType = UNSET
    cleaning_fee: Decimal | None | msgspec.UnsetType = UNSET
    local_taxes: Decimal | None | msgspec.UnsetType = UNSET
    currency: str | msgspec.UnsetType = UNSET
    notes: str | None | msgspec.UnsetType = UNSET
    guest: party.Party = party.Party()
    custom: dict[str, str | None] = {}

    @property
    def is_of_booking(self) -> bool:
        """Whether more than custom fields change."""
        return not self.guest.is_empty or any(getattr(self, field) is not UNSET for field in _OWN)


_OWN = (
    "arrival_on",
    "departure_on",
    "status",
    "check_in_time",
    "check_out_time",
    "adults",
    "children",
    "amount",
    "night_rate",
    "cleaning_fee",
    "local_taxes",
    "currency",
    "notes",
)

_SELECT = """
    SELECT b.id, b.property_id, coalesce(o.id, g.id) AS guest_id, b.channel, b.channel_booking_id, b.status,
           b.arrival_on, b.departure_on, b.check_in_time, b.check_out_time, b.adults, b.children,
           b.amount, b.night_rate, b.cleaning_fee, b.local_taxes, b.currency, b.notes, b.custom,
           b.lock_code, b.calendar_id, b.created_at, b.updated_at,
           coalesce(o.name, g.name) AS guest_name, coalesce(o.email, g.email) AS guest_email,
           coalesce(o.phone, g.phone) AS guest_phone, coalesce(o.attributes, g.attributes) AS guest_attributes,
           ARRAY(SELECT m.id FROM missions m WHERE m.workspace_id = $1 AND m.booking_id = b.id ORDER BY m.id)
               AS mission_ids,
           p.check_in_time AS unit_check_in_time, p.check_out_time AS unit_check_out_time,
           p.time_zone, p.location_id, p.is_entitled
"""
# A guest who was merged is answered for by another.
_JOINS = """
      JOIN properties p ON p.workspace_id = $1 AND p.id = b.property_id
      LEFT JOIN guests g ON g.workspace_id = $1 AND g.id = b.guest_id
      LEFT JOIN guests o ON o.workspace_id = $1 AND o.id = g.merged_into
"""
GET = sql(f"{_SELECT} FROM bookings b {_JOINS} WHERE b.workspace_id = $1 AND b.id = $2")
LOCK = sql(f"{_SELECT} FROM bookings b {_JOINS} WHERE b.workspace_id = $1 AND b.id = $2 FOR UPDATE OF b")


AFTER = sql(f"""
    {_SELECT} FROM bookings b {_JOINS}
     WHERE b.workspace_id = $1 AND b.id > $2
       AND ($3::bigint IS NULL OR b.property_id = $3)
       AND ($4::date IS NULL OR b.departure_on > $4)
       AND ($5::date IS NULL OR b.arrival_on <= $5)
     ORDER BY b.id
     LIMIT $6
""")


async def list_after(
    reader: Reader, after: int, *, property_id: int | None, since: date | None, until: date | None, limit: int
) -> list[Booking]:
    """Bookings behind the id `after` whose stay overlaps the days from `since` to `until`; of every property."""
    return await reader.all(Booking, AFTER, after, property_id, since, until, limit)


async def get(reader: Reader, booking_id: int) -> Booking:
    """Raises NotFound."""
    booking = await reader.find(Booking, GET, booking_id)
    if booking is None:
        raise NotFound("Booking not found")
    return booking


async def check(reader: Reader, booking_id: int) -> Booking:
    """A booking that apps may see. Raises NotFound, or Unentitled when its property's plan does not include the API."""
    return admitted(await get(reader, booking_id))


def admitted(booking: Booking) -> Booking:
    """The booking, when apps may see it. Raises Unentitled."""
    if not booking.is_entitled:
        raise properties.units.Unentitled("This property's plan does not include the API.")
    return booking


async def lock(tx: Tx, booking_id: int) -> Booking:
    """As `get`, and nobody else changes the booking until this transaction ends."""
    booking = await tx.find(Booking, LOCK, booking_id)
    if booking is None:
        raise NotFound("Booking not found")
    return booking


CREATE = sql("""
    INSERT INTO bookings (workspace_id, id, property_id, guest_id, channel, channel_booking_id, status, arrival_on,
                          departure_on, check_in_time, check_out_time, adults, children, amount, night_rate,
                          cleaning_fee, local_taxes, currency, notes, calendar_id, created_at, updated_at)
    VALUES ($1, coalesce($2, nextval('bookings_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18, $19, $20, $21, $21)
    RETURNING id
""")


async def create(
    tx: Tx, new: NewBooking, *, evidence: str, is_silent: bool = False, booking_id: int | None = None
) -> Booking:
    """Make a booking. Raises NotFound for the property, Conflict for nights that are taken, Invalid, Duplicate."""
    unit = await properties.get(tx, new.property_id)
    _check(new.arrival_on, new.departure_on, new.status, new.currency)
    if new.channel not in CHANNELS:
        raise Invalid(f"A channel is one of: {', '.join(CHANNELS)}", field="channel")
    guest_id = await party.settle(tx, None, new.guest, evidence=evidence)
    try:
        made = await tx.value(
            CREATE,
            booking_id,
            unit.id,
            guest_id,
            new.channel,
            new.channel_booking_id,
            new.status,
            new.arrival_on,
            new.departure_on,
            new.check_in_time,
            new.check_out_time,
            new.adults,
            new.children,
            new.amount,
            new.night_rate,
            new.cleaning_fee,
            new.local_taxes,
            new.currency or unit.currency,
            new.notes,
            new.calendar_id,
            tx.now,
        )
    except Violation as violation:
        if violation.constraint == "bookings_channel":
            raise Duplicate("This channel's booking is known already") from None
        raise Invalid("A booking has 1 to 50 adults and at most 50 children") from None
    if new.status in BLOCKING:
        await _block(tx, unit.id, made, new.arrival_on, new.departure_on)
    created = BookingCreated(
        property_id=unit.id,
        booking_id=made,
        guest_id=guest_id,
        channel=new.channel,
        status=new.status,
        arrival=new.arrival_on.isoformat(),
        departure=new.departure_on.isoformat(),
        is_silent=is_silent,
    )
    await events.record(tx, created, location_id=unit.location_id)
    return await get(tx, made)


UPDATE = sql("""
    UPDATE bookings
       SET guest_id = $3, status = $4, arrival_on = $5, departure_on = $6, check_in_time = $7, check_out_time = $8,
           adults = $9, children = $10, amount = $11, night_rate = $12, cleaning_fee = $13, local_taxes = $14,
           currency = $15, notes = $16, custom = $17, updated_at = $18
     WHERE workspace_id = $1 AND id = $2
""")


async def change(tx: Tx, booking_id: int, changes: Changes, *, evidence: str, is_silent: bool = True) -> Booking:
    """As `alter`. Raises NotFound too."""
    return await alter(tx, await lock(tx, booking_id), changes, evidence=evidence, is_silent=is_silent)


async def alter(tx: Tx, before: Booking, changes: Changes, *, evidence: str, is_silent: bool = True) -> Booking:
    """Change what is given and differs of a booking that is locked; an empty change writes nothing.

    Raises Invalid, Conflict for nights that are taken; nothing is written then.
    """
    if before.guest_id is not None and await guests.personal.is_erased(tx, before.guest_id):
        # What feeds, files and apps say of somebody who was erased does not bring them back.
        changes = msgspec.structs.replace(changes, notes=UNSET, custom={}, guest=party.Party())
    await parameters.check(tx, changes.custom)
    own = {field: value for field in _OWN if (value := getattr(changes, field)) is not UNSET}
    stated = msgspec.structs.replace(before, **own)
    _check(stated.arrival_on, stated.departure_on, stated.status, stated.currency)
    custom = {key: value for key, value in (before.custom | changes.custom).items() if value is not None}
    whose = await _settled(tx, before, changes.guest, evidence=evidence)
    after = msgspec.structs.replace(stated, **whose, custom=custom, updated_at=tx.now)
    changed = _differing(before, after)
    if not changed:
        return before
    await _write(tx, after)
    await _move_nights(tx, before, after)
    await _tell(tx, before, after, changed, is_silent=is_silent)
    return after


async def _settled(tx: Tx, before: Booking, told: party.Party, *, evidence: str) -> dict[str, Any]:
    """The fields of a booking that tell of its guest, after what was told."""
    if told.is_empty:
        return {}
    guest_id = await party.settle(tx, before.guest_id, told, evidence=evidence)
    if guest_id is None:
        return {}
    guest = await guests.get(tx, guest_id)
    return {
        "guest_id": guest.id,
        "guest_name": guest.name,
        "guest_email": guest.email,
        "guest_phone": guest.phone,
        "guest_attributes": guest.attributes,
    }


async def _write(tx: Tx, booking: Booking) -> None:
    try:
        await tx.run(
            UPDATE,
            booking.id,
            booking.guest_id,
            booking.status,
            booking.arrival_on,
            booking.departure_on,
            booking.check_in_time,
            booking.check_out_time,
            booking.adults,
            booking.children,
            booking.amount,
            booking.night_rate,
            booking.cleaning_fee,
            booking.local_taxes,
            booking.currency,
            booking.notes,
            booking.custom,
            tx.now,
        )
    except Violation:
        raise Invalid("A booking has 1 to 50 adults and at most 50 children") from None


_UNCOMPARED = {"updated_at", "mission_ids"}


def _differing(before: Booking, after: Booking) -> list[str]:
    return [
        field
        for field in Booking.__struct_fields__
        if field not in _UNCOMPARED and getattr(before, field) != getattr(after, field)
    ]


async def _tell(tx: Tx, before: Booking, after: Booking, changed: list[str], *, is_silent: bool) -> None:
    if after.status == "cancelled" and before.status != "cancelled":
        told: events.PropertyEvent = BookingCancelled(
            property_id=after.property_id, booking_id=after.id, guest_id=after.guest_id, is_silent=is_silent
        )
    else:
        told = BookingUpdated(
            property_id=after.property_id,
            booking_id=after.id,
            guest_id=after.guest_id,
            changed=changed,
            is_silent=is_silent,
        )
    await events.record(tx, told, location_id=after.location_id)


SET_LOCK_CODE = sql("UPDATE bookings SET lock_code = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2")


async def set_lock_code(tx: Tx, booking: Booking, sealed: bytes | None) -> None:
    """Keep the smart lock's code, sealed. The booking is updated by it; what the code is, nobody is told."""
    await tx.run(SET_LOCK_CODE, booking.id, sealed, tx.now)
    await _tell(tx, booking, booking, ["lock_code"], is_silent=True)


def lock_place(workspace_id: int, booking_id: int) -> str:
    """What a booking's sealed lock code is bound to."""
    return f"{workspace_id}/bookings/lock_code/{booking_id}"


SEALED = (sealed("bookings", "lock_code", {"workspace_id": "bigint", "id": "bigint"}, lock_place),)


def read_only(booking: Booking) -> Conflict:
    """The error for changing what a channel owns."""
    return Conflict(f"This booking belongs to {_NAMES[booking.channel]}: change it there. Custom fields can be set.")


def _check(arrival: date, departure: date, status: str, currency: str | None) -> None:
    if departure <= arrival:
        raise Invalid("Departure must be after arrival", field="departure")
    if departure - arrival > LONGEST:
        raise Invalid(f"A stay has at most {LONGEST.days:,} nights", field="departure")
    if not date(2000, 1, 1) <= arrival or departure > date(2100, 1, 1):
        raise Invalid("Dates lie between 2000-01-01 and 2100-01-01", field="arrival")
    if status not in STATUSES:
        raise Invalid(f"A status is one of: {', '.join(STATUSES)}", field="status")
    if currency is not None and not (currency.isascii() and currency.isupper() and is_currency(currency)):
        raise Invalid("A currency is an ISO 4217 code such as EUR", field="currency")


# In ascending order, so that two bookings of the same nights cannot wait for each other crosswise.
BLOCK = sql("""
    INSERT INTO booking_nights (workspace_id, property_id, night_on, booking_id)
    SELECT $1, $2, night::date, $3
      FROM generate_series($4::date, $5::date - 1, interval '1 day') AS night
     ORDER BY night
""")
FREE = sql("""
    DELETE FROM booking_nights
     WHERE workspace_id = $1 AND booking_id = $2 AND NOT (night_on >= $3 AND night_on < $4)
""")
ADD = sql("""
    INSERT INTO booking_nights (workspace_id, property_id, night_on, booking_id)
    SELECT $1, $2, night::date, $3
      FROM generate_series($4::date, $5::date - 1, interval '1 day') AS night
     WHERE NOT EXISTS (SELECT FROM booking_nights n
                        WHERE n.workspace_id = $1 AND n.property_id = $2 AND n.night_on = night::date
                          AND n.booking_id = $3)
     ORDER BY night
""")


async def _block(tx: Tx, property_id: int, booking_id: int, arrival: date, departure: date) -> None:
    try:
        await tx.run(BLOCK, property_id, booking_id, arrival, departure)
    except Violation:
        raise _taken() from None


async def _move_nights(tx: Tx, before: Booking, after: Booking) -> None:
    keeps = after.status in BLOCKING
    kept = (after.arrival_on, after.departure_on) if keeps else (after.arrival_on, after.arrival_on)
    had = before.status in BLOCKING
    if keeps == had and (before.arrival_on, before.departure_on) == (after.arrival_on, after.departure_on):
        return
    await tx.run(FREE, after.id, *kept)
    if keeps:
        try:
            await tx.run(ADD, after.property_id, after.id, *kept)
        except Violation:
            raise _taken() from None


def _taken() -> Conflict:
    return Conflict("These dates are taken by another booking")
