"""Messages to the guest of a booking: whose words, and what fills their places."""

from datetime import date, datetime, time
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import NotFound
from hospes.base.secrets import Vault
from hospes.capabilities import bookings, guests, messaging, properties
from hospes.capabilities.automations import words
from hospes.capabilities.automations.plan import BEFORE_ARRIVAL
from hospes.capabilities.bookings import Booking
from hospes.capabilities.messaging.templates import Content, Template
from hospes.capabilities.properties import Property

# The day before the month: most guests write it so, and all read it so.
_ENGLISH = Locale("en", "GB")

BUSINESS = sql("SELECT name FROM workspaces WHERE id = $1", across="reads the workspace's own row")


async def send(tx: Tx, booking: Booking, guest: guests.Guest, step: str, *, vault: Vault, public_url: str) -> None:
    """Put the message of a step into the outbox. Raises Invalid for words that cannot be filled in."""
    unit = await properties.get(tx, booking.property_id)
    spoken = (booking.guest_attributes or {}).get(bookings.party.LANGUAGE)
    template = await _words(tx, step, spoken)
    # The operator's words may be in any language; dates beside our own words are in theirs.
    shown_in = words.language(spoken) if isinstance(template, Content) else str(spoken or words.DEFAULT)
    variables: dict[str, Any] = {"booking": facts(booking, unit, shown_in)}
    if step == BEFORE_ARRIVAL:
        variables["lock_code"] = _lock_code(tx, booking, vault)
    await messaging.write(
        tx,
        guest,
        template,
        variables,
        business=await tx.value(BUSINESS),
        slug=words.SLUGS[step],
        vault=vault,
        public_url=public_url,
    )


async def _words(reader: Reader, step: str, spoken: object) -> Template | Content:
    try:
        return await messaging.templates.find(reader, words.SLUGS[step])
    except NotFound:
        return words.built_in(step, words.language(spoken))


def _lock_code(reader: Reader, booking: Booking, vault: Vault) -> str:
    if booking.lock_code is None:
        return ""
    return vault.open(booking.lock_code, bookings.stays.lock_place(reader.workspace_id, booking.id)).decode()


def facts(booking: Booking, unit: Property, spoken: str) -> dict[str, Any]:
    """What templates know of a booking; days are written as the language writes them."""
    locale = _locale(spoken)
    return {
        "id": booking.id,
        "arrival": _day(booking.arrival_on, locale),
        "departure": _day(booking.departure_on, locale),
        "arrival_on": booking.arrival_on.isoformat(),
        "departure_on": booking.departure_on.isoformat(),
        "nights": booking.nights,
        "adults": booking.adults,
        "children": booking.children,
        "check_in_time": _time(booking.check_in_time or unit.check_in_time),
        "check_out_time": _time(booking.check_out_time or unit.check_out_time),
        "property": {"name": unit.name, "address": _address(unit, locale)},
    }


def _locale(spoken: str) -> Locale:
    try:
        return _ENGLISH if spoken == words.DEFAULT else Locale.parse(spoken)
    except (UnknownLocaleError, ValueError):
        return _ENGLISH


def _day(day: date, locale: Locale) -> str:
    return format_date(datetime.combine(day, time()), "full", locale=locale)


def _time(at: time) -> str:
    return f"{at:%H:%M}"


def _address(unit: Property, locale: Locale) -> str:
    town = " ".join(part for part in (unit.postal_code, unit.city) if part)
    country = locale.territories.get(unit.country_code) if unit.country_code else None
    return ", ".join(part for part in (unit.line1, unit.line2, town, country) if part)
