"""What identifies a guest: addresses and ids, each of one guest at most."""

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.capabilities.guests import folding


def identifiers_of(
    email: str | None, phone: str | None, *, shared: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """What an email address and a phone number say of who it is; those that are `shared` say nothing."""
    found = [("email", folding.email_identity(email))] if email and "email" not in shared else []
    return found + ([("phone", folding.phone_identity(phone))] if phone and "phone" not in shared else [])


OWNERS = sql("""
    SELECT i.kind, i.guest_id
      FROM guest_identifiers i
      JOIN unnest($2::text[], $3::text[]) AS given (kind, value) ON given.kind = i.kind AND given.value = i.value
     WHERE i.workspace_id = $1
     ORDER BY i.kind
""")


class Owner(msgspec.Struct, frozen=True):
    kind: str
    guest_id: int


async def owners(reader: Reader, identifiers: list[tuple[str, str]]) -> list[Owner]:
    """Who has any of these identifiers."""
    return await reader.all(Owner, OWNERS, [kind for kind, _ in identifiers], [value for _, value in identifiers])


async def known_by(
    reader: Reader, *, email: str | None = None, phone: str | None = None, first: str | None = None
) -> int | None:
    """The guest who has this email or phone; `first` says which of them decides. Raises Invalid."""
    given = identifiers_of(folding.email(email) if email else None, folding.phone(phone) if phone else None)
    found = {owner.kind: owner.guest_id for owner in await owners(reader, given)}
    return next((found[kind] for kind in (first, "email", "phone") if kind in found), None)


TAKEN = sql("""
    SELECT given.place
      FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS given (kind, value, place)
      JOIN guest_identifiers i ON i.workspace_id = $1 AND i.kind = given.kind AND i.value = given.value
""")


async def not_taken(tx: Tx, identifiers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Those that nobody has yet. Who has the others is for the caller to look at."""
    if not identifiers:
        return []
    taken = await tx.column(TAKEN, [kind for kind, _ in identifiers], [value for _, value in identifiers])
    return [identifier for place, identifier in enumerate(identifiers, start=1) if place not in taken]
