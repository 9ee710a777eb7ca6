"""Who may go online: devices whose guest signed in, until their time is over."""

import re
from datetime import datetime

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities.wifi import portals
from hospes.capabilities.wifi.sessions import PORTAL_OF

_NOT_HEX = re.compile(r"[^0-9a-f]")


class Device(msgspec.Struct, frozen=True):
    mac: str
    guest_id: int
    portal_id: int
    signed_in_at: datetime
    access_until: datetime


class Access(msgspec.Struct, frozen=True):
    """The way is open for so many seconds."""

    seconds: int
    guest_id: int


class AccessPoint(msgspec.Struct, frozen=True):
    """`name` is what the device calls itself (NAS-Identifier)."""

    id: int
    portal_id: int
    name: str
    created_at: datetime


DEVICE = sql("""
    SELECT mac, guest_id, portal_id, signed_in_at, access_until FROM devices WHERE workspace_id = $1 AND mac = $2
""")


def mac_of(text: str | None) -> str | None:
    """Twelve hexadecimal digits, from any of the usual spellings; None for anything else."""
    digits = _NOT_HEX.sub("", (text or "")[:40].lower())
    return digits if len(digits) == 12 else None


def shown(mac: str | None) -> str | None:
    """An address as others may see it: its maker, and nothing that tells whose it is. Contract 13.3."""
    return f"{mac[0:2]}:{mac[2:4]}:{mac[4:6]}:**:**:**" if mac else None


async def find(reader: Reader, mac: str) -> Device | None:
    """The device with this address, if a guest ever signed in with it."""
    return await reader.find(Device, DEVICE, mac)


AT_ADDRESS = sql("""
    SELECT mac
      FROM wifi_sessions
     WHERE workspace_id = $1 AND location_id = $2 AND framed_ip = $3 AND ended_at IS NULL
     ORDER BY id DESC
     LIMIT 1
""")


async def mac_at(reader: Reader, address: str, *, location_id: int) -> str | None:
    """The device that has this IP address on the location's network, as accounting told."""
    mac: str | None = await reader.value(AT_ADDRESS, location_id, address)
    return mac


async def authorize(reader: Reader, *, nas: str, mac: str | None) -> Access | None:
    """Whether a device may go online now. Raises NotFound for a network device that no portal has."""
    portal = await reader.find(portals.Portal, PORTAL_OF, nas)
    if portal is None:
        raise NotFound("No portal has this network device")
    device = await find(reader, mac) if mac else None
    if device is None or not portal.is_active or device.access_until <= reader.now:
        return None
    return Access(int((device.access_until - reader.now).total_seconds()), device.guest_id)


CREATE_POINT = sql("""
    INSERT INTO access_points (workspace_id, portal_id, name, created_at)
    VALUES ($1, $2, $3, $4)
    RETURNING id
""")
LIST_POINTS = sql("""
    SELECT id, portal_id, name, created_at
      FROM access_points
     WHERE workspace_id = $1 AND ($2::bigint IS NULL OR id < $2)
     ORDER BY id DESC
     LIMIT $3
""")
DELETE_POINT = sql("DELETE FROM access_points WHERE workspace_id = $1 AND id = $2")


async def create_point(tx: Tx, *, portal_id: int, name: str) -> int:
    """Let a network device serve a portal; returns its id. Raises NotFound, Conflict, Invalid."""
    try:
        return int(await tx.value(CREATE_POINT, portal_id, name, tx.now))
    except Violation as violation:
        if violation.constraint == "access_points_portal":
            raise NotFound("Portal not found") from None
        if violation.constraint == "access_points_name":
            raise Conflict("There is a network device of this name") from None
        raise Invalid("A network device's name has 1 to 253 characters.", field="name") from None


async def list_points(reader: Reader, after: int | None, *, limit: int) -> list[AccessPoint]:
    """A page of network devices, the newest first, behind the id `after`."""
    return await reader.all(AccessPoint, LIST_POINTS, after, limit)


async def delete_point(tx: Tx, point_id: int) -> None:
    """Raises NotFound."""
    if not await tx.run(DELETE_POINT, point_id):
        raise NotFound("Network device not found")
