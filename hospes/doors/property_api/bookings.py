"""Bookings and their custom fields. Contract 9 and 10."""

from hospes.base.db import Database, Reader, Tx
from hospes.base.errors import Forbidden, Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import bookings, properties, staff
from hospes.capabilities.bookings import showing
from hospes.capabilities.oauth import App
from hospes.doors.property_api import shapes
from hospes.doors.property_api.shapes import paged

SENSITIVE = "bookings.sensitive.read"
_ALIASES = {"booking.com": "booking", "bookingcom": "booking"}


async def list_bookings(reader: Reader, query: shapes.BookingQuery) -> shapes.Bookings:
    """List bookings

    By arrival. `fromDate` and `toDate` find stays that overlap these days.
    """
    channel = _ALIASES.get(query.channel or "", query.channel)
    if channel is not None and channel not in bookings.CHANNELS:
        raise Invalid(f"A channel is one of: {', '.join(bookings.CHANNELS)}", field="channel")
    if query.status is not None and query.status not in bookings.STATUSES:
        raise Invalid(f"A status is one of: {', '.join(bookings.STATUSES)}", field="status")
    if query.from_date and query.to_date and query.to_date < query.from_date:
        raise Invalid("toDate is before fromDate", field="toDate")
    wanted = bookings.listing.Wanted(
        property_id=query.property_id,
        status=query.status,
        channel=channel,
        since=query.from_date,
        until=query.to_date,
    )
    found, total = await bookings.listing.list_page(reader, wanted, limit=query.limit, offset=query.start)
    return shapes.Page([showing.line(booking) for booking in found], paged(query, total))


async def get_booking(
    reader: Reader, booking_id: int, caller: App, vault: Vault, database: Database
) -> showing.BookingOut:
    """Get booking

    With the scope `bookings.sensitive.read` also the guest's email, phone and address, and the
    smart-lock code. That is noted in the account's audit log.
    """
    booking = await bookings.check(reader, booking_id)
    if caller.may(SENSITIVE):
        async with database.begin(reader.workspace_id, now=reader.now, actor=reader.actor) as tx:
            await _note(tx, booking, caller)
    return _shown(booking, caller, vault)


async def create_booking(tx: Tx, body: shapes.BookingIn, caller: App, vault: Vault) -> showing.BookingOut:
    """Create direct booking

    Its guest is found by email or phone among the guests of the account, or made.
    """
    await properties.check(tx, body.property_id)
    new = bookings.NewBooking(
        property_id=body.property_id,
        arrival_on=body.arrival,
        departure_on=body.departure,
        status=body.status,
        check_in_time=body.check_in_time,
        check_out_time=body.check_out_time,
        adults=body.adults,
        children=body.children,
        amount=shapes.decimal(body.amount),
        night_rate=shapes.decimal(body.night_rate),
        cleaning_fee=shapes.decimal(body.cleaning_fee),
        local_taxes=shapes.decimal(body.local_taxes),
        currency=body.currency,
        notes=body.notes,
        guest=body.party,
    )
    made = await bookings.create(tx, new, evidence="booking form", is_silent=body.silent)
    return await _changed(tx, made.id, caller, vault)


async def update_booking(
    tx: Tx, booking_id: int, body: shapes.BookingPatch, caller: App, vault: Vault
) -> showing.BookingOut:
    """Update booking

    Direct bookings can be changed; of a channel's booking only `customParameters`. `silent: false`
    sends the guest the usual messages.
    """
    changes = body.changes
    needed = ["bookings.write"] * changes.is_of_booking + ["booking_parameters.write"] * bool(changes.custom)
    missing = [scope for scope in needed if not caller.may(scope)]
    if missing:
        raise Forbidden(f"The token lacks the scope {missing[0]}")
    booking = bookings.admitted(await bookings.lock(tx, booking_id))
    if changes.is_of_booking and booking.channel != "direct":
        raise bookings.read_only(booking)
    evidence = f"booking {booking_id}"
    await bookings.alter(tx, booking, changes, evidence=evidence, is_silent=body.silent)
    return await _changed(tx, booking_id, caller, vault)


async def _changed(tx: Tx, booking_id: int, caller: App, vault: Vault) -> showing.BookingOut:
    booking = await bookings.get(tx, booking_id)
    if caller.may(SENSITIVE):
        await _note(tx, booking, caller)
    return _shown(booking, caller, vault)


async def _note(tx: Tx, booking: bookings.Booking, caller: App) -> None:
    """Who sees what is sensitive is known afterwards."""
    has_code = booking.lock_code is not None
    await staff.audit.note(
        tx, "booking.sensitive_read", booking_id=booking.id, client_id=caller.client_id, lock_code=has_code
    )


def _shown(booking: bookings.Booking, caller: App, vault: Vault) -> showing.BookingOut:
    if caller.may(SENSITIVE):
        return showing.sensitive(booking, vault, caller.workspace_id)
    return showing.plain(booking)


async def list_parameters(reader: Reader, query: shapes.Paging) -> shapes.Parameters:
    """List booking parameters"""
    found, total = await bookings.parameters.list_page(reader, limit=query.limit, offset=query.start)
    return shapes.Page([shapes.ParameterOut.of(one) for one in found], paged(query, total))


async def create_parameter(tx: Tx, body: shapes.ParameterIn) -> shapes.ParameterOut:
    """Create booking parameter

    A custom field that every booking of the account then has.
    """
    return shapes.ParameterOut.of(await bookings.parameters.create(tx, key=body.key, name=body.name))
