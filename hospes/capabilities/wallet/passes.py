"""Passes for phones: one for a guest and a portal, known by its serial number.

A serial number begins with its workspace, since a phone that asks knows nothing else. The pass's
token is derived from the serial number, so that every new edition of the pass can carry it again;
only its hash is kept.
"""

import re
from datetime import datetime
from typing import Protocol

import msgspec

from hospes.base import ids
from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import NotFound
from hospes.base.secrets import Vault, digest, same
from hospes.capabilities import guests

PURPOSE = "pass"
MOST_LOCATIONS = 10  # what a pass may name (Apple, Pass: locations)

_SERIAL = re.compile(r"([1-9][0-9]{0,18})-[A-Za-z0-9]{20}")
_LARGEST_ID = (1 << 63) - 1


class Pass(msgspec.Struct, frozen=True):
    """`tag` is the log position of its last change, `modified_at` that change's whole second."""

    id: int
    serial: str
    guest_id: int
    portal_id: int
    tag: int
    modified_at: datetime
    created_at: datetime
    token_hash: bytes
    is_voided: bool
    portal: str


class PassPlace(msgspec.Struct, frozen=True):
    """Where the pass is of use; degrees (WGS 84) when they are known."""

    name: str
    latitude: float | None = None
    longitude: float | None = None


class PassOffer(msgspec.Struct, frozen=True):
    """An offer that the guest holds."""

    title: str
    ends_at: datetime | None = None


class PassFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass shows. `tier` is its name; `expires_at` is the end of the pass itself."""

    name: str | None
    points: int
    tier: str | None = None
    next_tier: str | None = None
    points_to_next: int | None = None
    places: tuple[PassPlace, ...] = ()
    offers: tuple[PassOffer, ...] = ()
    expires_at: datetime | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of a pass, ready to be made. Without facts it is void, and tells nothing of anybody.

    `colour` is `#rrggbb`; `message` is what the barcode says.
    """

    serial: str
    token: str
    organization: str
    portal: str
    message: str
    facts: PassFacts | None
    colour: str | None = None


class Maker(Protocol):
    """Makes the file that a phone takes."""

    @property
    def type_id(self) -> str:
        """The pass type that the certificate is for."""
        ...

    def build(self, card: Card) -> bytes: ...


class Saver(Protocol):
    """Makes a link that saves the card in another wallet."""

    def save_link(self, card: Card, *, now: datetime) -> str: ...


_COLUMNS = """
           p.id, p.serial, p.guest_id, p.portal_id, p.tag, p.modified_at, p.created_at, p.token_hash,
           g.merged_into IS NOT NULL AS is_voided, o.name AS portal
      FROM passes p
      JOIN guests g ON g.workspace_id = p.workspace_id AND g.id = p.guest_id
      JOIN portals o ON o.workspace_id = p.workspace_id AND o.id = p.portal_id
"""
OF_GUEST = sql(f"SELECT {_COLUMNS} WHERE p.workspace_id = $1 AND p.guest_id = $2 AND p.portal_id = $3")
OF_SERIAL = sql(f"SELECT {_COLUMNS} WHERE p.workspace_id = $1 AND p.serial = $2")
ISSUE = sql("""
    INSERT INTO passes (workspace_id, guest_id, portal_id, serial, token_hash, modified_at, created_at)
    VALUES ($1, $2, $3, $4, $5, date_trunc('second', $6::timestamptz), $7)
        ON CONFLICT ON CONSTRAINT passes_of_guest DO NOTHING
""")


async def issue(tx: Tx, vault: Vault, *, guest_id: int, portal_id: int) -> Pass:
    """The guest's pass with this portal, made the first time. Raises NotFound for either."""
    guest = await guests.get(tx, guest_id)
    found = await tx.find(Pass, OF_GUEST, guest.id, portal_id)
    if found is not None:
        return found
    serial = f"{tx.workspace_id}-{ids.token('', 20)}"
    try:
        await tx.run(ISSUE, guest.id, portal_id, serial, digest(token(vault, serial)), tx.recorded_at, tx.now)
    except Violation:
        raise NotFound("Portal not found") from None
    made = await tx.find(Pass, OF_GUEST, guest.id, portal_id)
    assert made is not None
    return made


async def find(reader: Reader, serial: str) -> Pass | None:
    """The pass with this serial number; a till may ask whose it is."""
    return await reader.find(Pass, OF_SERIAL, serial)


def workspace_of(serial: str) -> int | None:
    """The workspace that a serial number speaks of, whether or not there is such a pass."""
    found = _SERIAL.fullmatch(serial)
    return int(found[1]) if found and int(found[1]) <= _LARGEST_ID else None


def token(vault: Vault, serial: str) -> str:
    """What a phone shows to be given this pass again. Apple, Pass: authenticationToken."""
    return vault.sign({"s": serial}, PURPOSE)


def opens(pass_: Pass, given: str) -> bool:
    """Whether this is the pass's token."""
    return same(digest(given), pass_.token_hash)
