"""A booking's guest is a guest: the one record that every door serves.

Found by email, then by phone; made when neither is known. First and last name, language and
address stand among the guest's attributes, so that they are facts like all others: with the door
and the evidence that brought them, merged and unmerged with the rest.
"""

from typing import Any

import msgspec

from hospes.base.db import Tx
from hospes.base.errors import Invalid
from hospes.capabilities import guests

UNSET = msgspec.UNSET
_LONGEST_NAME = 99
LANGUAGE = "language"
ADDRESS = ("line1", "line2", "postal_code", "city", "country_code")


class Address(msgspec.Struct, frozen=True, rename="camel"):
    """A postal address; `country_code` is ISO 3166-1 alpha-2."""

    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country_code: str | None = None


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a booking's guest; what is UNSET stays, None clears."""

    first_name: str | None | msgspec.UnsetType = UNSET
    last_name: str | None | msgspec.UnsetType = UNSET
    email: str | None | msgspec.UnsetType = UNSET
    phone: str | None | msgspec.UnsetType = UNSET
    language: str | None | msgspec.UnsetType = UNSET
    address: Address | None | msgspec.UnsetType = UNSET

    @property
    def is_empty(self) -> bool:
        return all(getattr(self, field) is UNSET for field in self.__struct_fields__)


def address(attributes: dict[str, Any]) -> Address | None:
    """The postal address among a guest's attributes; None when nothing of it is known."""
    known = {part: attributes.get(f"address_{part}") for part in ADDRESS}
    return Address(**known) if any(known.values()) else None


async def settle(tx: Tx, guest_id: int | None, party: Party, *, evidence: str) -> int | None:
    """The guest that a booking belongs to from now on, with what was told of them; None while nothing is known.

    An email or phone that another guest has makes the booking that guest's; nobody's record is
    overwritten by it. Raises Invalid.
    """
    if party.is_empty:
        return guest_id
    email, phone = party.email or None, party.phone or None
    owner = await guests.known_by(tx, email=email, phone=phone) if email or phone else None
    before = await guests.get(tx, guest_id) if guest_id is not None else None
    if owner is not None and (before is None or owner != before.id):
        other = await guests.get(tx, owner)
        return other.id
    name, parts = _name(before, party)
    attributes = _attributes(party, parts)
    if before is None:
        if not (name or email or phone):
            return None
        stated = {key: value for key, value in attributes.items() if value is not None}
        profile = guests.Profile(name=name, email=email, phone=phone, attributes=stated)
        return await guests.create(tx, profile, evidence=evidence)
    changes = guests.Changes(
        name=name if (party.first_name, party.last_name) != (UNSET, UNSET) else UNSET,
        email=party.email,
        phone=party.phone,
        attributes=attributes or UNSET,
    )
    return (await guests.update(tx, before.id, changes, evidence=evidence)).id


def _name(before: guests.Guest | None, party: Party) -> tuple[str | None, tuple[str | None, str | None]]:
    """The whole name and its parts, after what was told."""
    first, last = guests.names.parts(before.name, before.attributes) if before else (None, None)
    first = first if party.first_name is UNSET else (party.first_name or "").strip() or None
    last = last if party.last_name is UNSET else (party.last_name or "").strip() or None
    for part, field in ((first, "guestFirstName"), (last, "guestLastName")):
        if part and len(part) > _LONGEST_NAME:
            raise Invalid(f"A name has at most {_LONGEST_NAME} characters", field=field)
    return " ".join(part for part in (first, last) if part) or None, (first, last)


def _attributes(party: Party, parts: tuple[str | None, str | None]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if (party.first_name, party.last_name) != (UNSET, UNSET):
        told = dict(zip((guests.names.FIRST, guests.names.LAST), parts, strict=True))
    if party.language is not UNSET:
        if party.language is not None and not (
            len(party.language) == 2 and party.language.isascii() and party.language.islower()
        ):
            raise Invalid("A language is an ISO 639-1 code such as fr", field="guestLanguage")
        told[LANGUAGE] = party.language
    if party.address is not UNSET:
        told |= {f"address_{part}": getattr(party.address, part, None) for part in ADDRESS}
        code = told["address_country_code"]
        if code is not None and not (len(code) == 2 and code.isascii() and code.isupper()):
            raise Invalid("A country is an ISO 3166-1 code such as FR", field="guestAddress.countryCode")
    return told
