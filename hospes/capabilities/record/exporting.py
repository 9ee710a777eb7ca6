"""Everything that is known of a guest, to be handed out: as JSON, and as one table each.

Who owns a table says how a guest's rows of it are found; a test compares that with the schema. Sealed
secrets, such as where a phone is pushed to, are left out.
"""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from defusedcsv import csv

from hospes.base import ids, rows
from hospes.base.db import Reader, Statement, Tx, sql
from hospes.base.errors import NotFound
from hospes.base.secrets import Vault
from hospes.capabilities import (
    analytics,
    automations,
    bookings,
    campaigns,
    events,
    guests,
    loyalty,
    messaging,
    missions,
    promotions,
    segments,
    staff,
    wallet,
    wifi,
)

PURPOSE = "guest export"
_LIFE = timedelta(days=1)
_OWN = {"guest_holds": rows.whole("guest_holds"), "guest_exports": rows.whole("guest_exports")}
TABLES: Mapping[str, Statement] = {
    table: statement
    for tables in (
        *(owner.personal.TABLES for owner in (guests, events, messaging, bookings, missions, automations, loyalty)),
        *(owner.personal.TABLES for owner in (promotions, wallet, wifi, analytics, segments, campaigns)),
        _OWN,
    )
    for table, statement in tables.items()
}


class Export(msgspec.Struct, frozen=True):
    """The rows of each table, as the objects that they are in JSON."""

    guest_id: int
    exported_at: datetime
    tables: dict[str, list[msgspec.Raw]]

    def packed(self) -> bytes:
        """A zip file: `guest.json` with everything, and a CSV of each table that has rows."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packing:
            packing.writestr(_entry("guest.json", self.exported_at), msgspec.json.format(msgspec.json.encode(self)))
            for table, found in self.tables.items():
                if found:
                    packing.writestr(_entry(f"{table}.csv", self.exported_at), _csv(found))
        return file.getvalue()


async def export(reader: Reader, guest_id: int) -> Export:
    """All of a guest and of those merged into it; at one moment, where the reader is a snapshot. Raises NotFound."""
    family = await guests.family(reader, guest_id)
    tables = {}
    for table, statement in TABLES.items():
        found = await reader.column(statement, family)
        tables[table] = [msgspec.Raw(row.encode()) for row in found]
    return Export(guest_id, reader.now, tables)


class Offer(msgspec.Struct, frozen=True):
    """An address under which the export can be had once, and until when."""

    token: str
    expires_at: datetime


class Asked(msgspec.Struct, frozen=True):
    """What a token asks for; `number` tells two of them apart."""

    workspace_id: int
    guest_id: int
    number: str
    expires_at: datetime


async def offer(tx: Tx, vault: Vault, guest_id: int) -> Offer:
    """A token for the guest's export. Raises NotFound."""
    guest = await guests.get(tx, guest_id)
    expires_at = (tx.now + _LIFE).replace(microsecond=0)
    number = ids.token("", 16)
    claims = {"w": tx.workspace_id, "g": guest.id, "n": number, "e": int(expires_at.timestamp())}
    await staff.audit.note(tx, "guest.export_offered", guest_id=guest.id)
    return Offer(vault.sign(claims, PURPOSE), expires_at)


def asked(vault: Vault, token: str) -> Asked:
    """What a token asks for. Raises Unreadable for one that is not ours."""
    claims = vault.signed(token, PURPOSE)
    return Asked(claims["w"], claims["g"], claims["n"], datetime.fromtimestamp(claims["e"], UTC))


USE = sql("""
    INSERT INTO guest_exports (workspace_id, number, guest_id, used_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
    RETURNING number
""")
SWEEP = sql("DELETE FROM guest_exports WHERE workspace_id = $1 AND expires_at < $2")


async def use(tx: Tx, wanted: Asked) -> None:
    """Note that a token was used. Raises NotFound for one that was used before, or has ended."""
    await tx.run(SWEEP, tx.now)
    used = await tx.value(USE, wanted.number, wanted.guest_id, tx.now, wanted.expires_at)
    if tx.now >= wanted.expires_at or used is None:
        raise NotFound("The export is over; ask for another.")
    await staff.audit.note(tx, "guest.exported", guest_id=wanted.guest_id)


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    # Zip knows no zones: this is UTC.
    return zipfile.ZipInfo(name, at.astimezone(UTC).timetuple()[:6])


def _csv(found: list[msgspec.Raw]) -> str:
    """A cell that a table program would calculate stands behind an apostrophe."""
    lines = [msgspec.json.decode(row, type=dict[str, msgspec.Raw]) for row in found]
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(list(lines[0]))
    for row in lines:
        table.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def _cell(value: msgspec.Raw) -> str:
    plain = msgspec.json.decode(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else bytes(value).decode()
