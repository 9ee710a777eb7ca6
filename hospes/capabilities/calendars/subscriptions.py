"""Calendars of channels: which are polled, when, and what came of it."""

from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.base.resealing import sealed
from hospes.base.secrets import Vault
from hospes.capabilities import properties
from hospes.capabilities.calendars import channels

JOB = "calendars"
CHANNELS = ("airbnb", "booking", "vrbo", "expedia", "other")
MOST = 20
EVERY_MINUTES = 15


class Destinations(Protocol):
    """Which addresses may be asked."""

    def check_url(self, url: str) -> str:
        """The URL as it will be requested. Raises Invalid with a sentence for whoever typed it."""
        ...


class Calendar(msgspec.Struct, frozen=True):
    """`fault` says in words what a person should look at; None when all is well."""

    id: int
    property_id: int
    channel: str
    host: str
    closed_is: str
    every_minutes: int
    is_active: bool
    polled_at: datetime | None
    good_at: datetime | None
    changed_at: datetime | None
    due_at: datetime
    fault: str | None
    failures: int
    created_at: datetime


_COLUMNS = ", ".join(Calendar.__struct_fields__)
GET = sql(f"SELECT {_COLUMNS} FROM calendars WHERE workspace_id = $1 AND id = $2")  # noqa: S608
LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM calendars
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR property_id = $2)
     ORDER BY property_id, id
""")  # noqa: S608


async def get(reader: Reader, calendar_id: int) -> Calendar:
    """Raises NotFound."""
    found = await reader.find(Calendar, GET, calendar_id)
    if found is None:
        raise _unknown(calendar_id)
    return found


async def list_all(reader: Reader, property_id: int | None = None) -> list[Calendar]:
    """The calendars of a property, or of the workspace."""
    return await reader.all(Calendar, LIST, property_id)


# Who adds calendars to one property takes turns, so that the limit holds.
TURN = sql("SELECT pg_advisory_xact_lock(hashtextextended('calendars', $1))")
NEXT_ID = sql("SELECT nextval('calendars_id_seq'), $1::bigint AS workspace_id")
CREATE = sql(f"""
    INSERT INTO calendars (workspace_id, id, property_id, channel, url, host, closed_is, every_minutes, due_at,
                           created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    RETURNING {_COLUMNS}
""")  # noqa: S608


async def create(
    tx: Tx,
    vault: Vault,
    destinations: Destinations,
    *,
    property_id: int,
    url: str,
    channel: str | None = None,
    closed_is: str = channels.STAY,
    every_minutes: int = EVERY_MINUTES,
) -> Calendar:
    """Poll a feed from now on; its channel follows from its host unless given. Raises NotFound, Invalid, Conflict."""
    unit = await properties.get(tx, property_id)
    checked = destinations.check_url(_https(url.strip()))
    host = urlsplit(checked).hostname or ""
    await tx.value(TURN)
    others = await list_all(tx, unit.id)
    if len(others) >= MOST:
        raise Conflict(f"A property has at most {MOST} calendars: remove one first.")
    calendar_id = int(await tx.value(NEXT_ID))
    sealed = vault.seal(checked.encode(), place(tx.workspace_id, calendar_id))
    values = (unit.id, channel or channels.is_of(host), sealed, host, closed_is, every_minutes, tx.now)
    try:
        made = await tx.find(Calendar, CREATE, calendar_id, *values)
    except Violation:
        raise Invalid(
            f"A channel is one of: {', '.join(CHANNELS)}; a closure is a stay, a block or nothing; "
            "a calendar is polled every 5 to 1,440 minutes."
        ) from None
    assert made is not None
    tx.wake(JOB)
    return made


def _https(url: str) -> str:
    """Channels offer their feeds as webcal:// too, which is https by another name."""
    scheme, separator, rest = url.partition("://")
    return f"https://{rest}" if separator and scheme.lower() in ("webcal", "webcals") else url


def place(workspace_id: int, calendar_id: int) -> str:
    """What a calendar's sealed address is bound to."""
    return f"{workspace_id}/calendars/url/{calendar_id}"


SEALED = (sealed("calendars", "url", {"workspace_id": "bigint", "id": "bigint"}, place),)


FORGET = sql("DELETE FROM calendar_stays WHERE workspace_id = $1 AND calendar_id = $2 RETURNING booking_id")
DELETE = sql("DELETE FROM calendars WHERE workspace_id = $1 AND id = $2")


async def forget(tx: Tx, calendar_id: int) -> list[int]:
    """Take a calendar out; returns the bookings that followed it. Raises NotFound."""
    followed = await tx.column(FORGET, calendar_id)
    if not await tx.run(DELETE, calendar_id):
        raise _unknown(calendar_id)
    return followed


def _unknown(calendar_id: int) -> NotFound:
    return NotFound(f"There is no calendar {calendar_id}. See them all with: hospes calendars list")


HURRY = sql(
    "UPDATE calendars SET due_at = $2 WHERE workspace_id = $1 AND is_active AND ($3::bigint IS NULL OR id = $3)"
)


async def hurry(tx: Tx, calendar_id: int | None = None) -> int:
    """Make a calendar due now, or all of the workspace; returns how many. Raises NotFound."""
    if calendar_id is not None:
        await get(tx, calendar_id)
    tx.wake(JOB)
    return await tx.run(HURRY, tx.now, calendar_id)


OF_BOOKING = sql("SELECT calendar_id FROM calendar_stays WHERE workspace_id = $1 AND booking_id = $2")
IS_POLLED = sql("SELECT EXISTS (SELECT FROM calendars WHERE workspace_id = $1 AND id = $2 AND is_active)")


async def keeps(reader: Reader, booking_id: int, calendar_id: int | None) -> bool:
    """Whether a booking follows a calendar that is polled: then it is changed at the channel, not here."""
    owner = await reader.value(OF_BOOKING, booking_id) or calendar_id
    return owner is not None and bool(await reader.value(IS_POLLED, owner))
