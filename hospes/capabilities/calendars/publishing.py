"""Our own calendar of a property, for channels that poll us: which nights are taken, and nothing else."""

import re
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec
from icalendar import Calendar, Event

from hospes.base.db import Reader
from hospes.base.errors import Invalid, NotFound
from hospes.base.secrets import Vault, same
from hospes.capabilities import bookings, properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.bookings.occupancy import Kept

_PURPOSE = "calendar"
_TOKEN = re.compile(r"([1-9]\d{0,17})-([1-9]\d{0,17})-([a-z]+)-([0-9a-f]{32})", re.ASCII)
EVERYBODY = "all"
# How long a stay that is over is still told of: channels drop it by themselves.
_BEHIND = timedelta(days=2)


class Address(msgspec.Struct, frozen=True):
    """Whose calendar an address says that it is, and for whom."""

    workspace_id: int
    property_id: int
    reader: str
    mark: str


class Published(msgspec.Struct, frozen=True):
    body: bytes
    etag: str


def token(vault: Vault, workspace_id: int, unit: properties.Property, reader: str = EVERYBODY) -> str:
    """What stands in the address: 128 bits that nobody can guess. Raises Invalid for a reader that is no channel."""
    if reader not in (EVERYBODY, *bookings.CHANNELS) or reader == "direct":
        raise Invalid(f"A calendar is for one of: {', '.join(c for c in bookings.CHANNELS if c != 'direct')}.")
    return f"{workspace_id}-{unit.id}-{reader}-{_mark(vault, workspace_id, unit, reader)}"


def _mark(vault: Vault, workspace_id: int, unit: properties.Property, reader: str) -> str:
    # `Vault.mark` has 80 bits, which is little for an address that lives for years.
    return vault.derive(f"{workspace_id}/{unit.id}/{unit.calendar_key}/{reader}", _PURPOSE)[:16].hex()


def parsed(text: str) -> Address | None:
    """What a token says, unproven; None for what is no token."""
    found = _TOKEN.fullmatch(text)
    return Address(int(found[1]), int(found[2]), found[3], found[4]) if found else None


def domain(vault: Vault, workspace_id: int, property_id: int) -> str:
    """What our UIDs of a property end with: no other installation and no other property has it."""
    return f"{property_id}.{workspace_id}.{vault.derive('calendars', 'installation')[:6].hex()}.hospes.invalid"


async def opened(reader: Reader, vault: Vault, address: Address) -> properties.Property:
    """Whose calendar it is. Raises NotFound for an address that was never given out, or is replaced by a new one."""
    unit = await properties.get(reader, address.property_id)
    if not same(_mark(vault, reader.workspace_id, unit, address.reader).encode(), address.mark.encode()):
        raise NotFound("There is no calendar at this address.")
    return unit


async def publish(reader: Reader, vault: Vault, unit: properties.Property, for_whom: str = EVERYBODY) -> Published:
    """The calendar as it is now; a channel is not told of its own bookings."""
    today = reader.now.astimezone(ZoneInfo(unit.time_zone)).date()
    kept = await occupancy.list_keeping(reader, unit.id, today - _BEHIND)
    shown = [one for one in kept if one.channel != for_whom]
    body = _written(shown, domain(vault, reader.workspace_id, unit.id))
    return Published(body, f'"{sha256(body).hexdigest()[:32]}"')


def _written(shown: list[Kept], ends_with: str) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Hospes//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    for one in shown:
        event = Event()
        event.add("uid", f"{one.id}@{ends_with}")
        # When the booking last changed, not now: what has not changed is the same to the byte.
        event.add("dtstamp", _second(one.updated_at))
        event.add("dtstart", one.arrival_on)
        event.add("dtend", one.departure_on)
        event.add("summary", "Reserved")
        event.add("transp", "OPAQUE")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
