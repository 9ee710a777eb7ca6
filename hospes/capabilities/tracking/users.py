"""Users of the Audience API: guests, found by the sender's own id, or by an address where profiles merge.

Audience API 2.1 to 2.4. A user that another door met first is the guest it met.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Duplicate, Invalid, NotFound
from hospes.capabilities import guests
from hospes.capabilities.tracking import times, types
from hospes.capabilities.tracking.entries import UNSET, User
from hospes.capabilities.tracking.types import Dropped

USER, ANONYMOUS = "user_id", "anonymous_id"
# Version 8 (RFC 9562 section 5.8): workspace and guest.
_FORM = 0x8 << 76 | 0x2 << 62
_GUEST_BITS = (1 << 62) - 1


class Written(msgspec.Struct, frozen=True):
    """Which guest it was, whether it was made here, and what of it was not saved."""

    guest_id: int
    is_new: bool
    dropped: list[Dropped]


async def upsert(tx: Tx, user: User, *, is_merging: bool) -> Written:
    """Create the user, or update it with what is told. Raises Invalid; nothing is written then."""
    known = await types.settle(tx, "user", [user.attributes])
    attributes, dropped = types.sift(user.attributes, known)
    user = msgspec.structs.replace(user, attributes=attributes)
    owners = await _owners(tx, user)
    target = await _target(tx, user, owners, is_merging=is_merging)
    if target is None:
        try:
            async with tx.undoable():
                guest_id = await guests.create(tx, _profile(user, owners), evidence=tx.actor.name)
            return Written(guest_id, True, dropped)
        except Duplicate:  # somebody made them at this very moment
            owners = await _owners(tx, user)
            target = await _target(tx, user, owners, is_merging=is_merging)
            if target is None:
                raise
    await _join(tx, target, user, owners, is_merging=is_merging)
    shared = frozenset(kind for kind, owner in owners.items() if owner != target)
    await guests.update(tx, target, _changes(user, shared), evidence=tx.actor.name)
    return Written(target, False, dropped)


def nv_uid(workspace_id: int, guest_id: int) -> str:
    """The service's own id of a guest, opaque to whoever sees it."""
    return str(UUID(int=workspace_id << 80 | _FORM | guest_id))


def _guest_of(workspace_id: int, text: str | None) -> int | None:
    """The guest that an id of ours names; None for one that somebody else chose."""
    try:
        number = UUID(text or "").int
    except ValueError:
        return None
    guest_id = number & _GUEST_BITS
    return guest_id if number == workspace_id << 80 | _FORM | guest_id else None


async def _owners(tx: Tx, user: User) -> dict[str, int]:
    """Who has each of the user's identifiers, as the guest that answers for it."""
    told = {USER: user.user_id, ANONYMOUS: user.anonymous_id}
    given = [(kind, value) for kind, value in told.items() if value is not None]
    given += guests.identifiers_of(user.email or None, user.phone or None)
    found = {one.kind: (await guests.get(tx, one.guest_id)).id for one in await guests.owners(tx, given)}
    ours = _guest_of(tx.workspace_id, user.anonymous_id)
    if ours is not None and ANONYMOUS not in found:
        try:
            found[ANONYMOUS] = (await guests.get(tx, ours)).id
        except NotFound:
            raise Invalid("nv_uid names no user", field="nv_uid") from None
    return found


async def _target(tx: Tx, user: User, owners: dict[str, int], *, is_merging: bool) -> int | None:
    """The guest that is meant; None when there is none yet."""
    if USER in owners:
        return owners[USER]
    if user.user_id is None:
        kinds: Sequence[str] = (ANONYMOUS, "email", "phone") if is_merging else (ANONYMOUS,)
        return next((owners[kind] for kind in kinds if kind in owners), None)
    # A new user id: somebody whom another door knows by an address, or who was anonymous until now.
    for kind in (ANONYMOUS, "email", "phone"):
        if kind in owners and not await user_ids(tx, owners[kind]):
            return owners[kind]
    return None


async def _join(tx: Tx, target: int, user: User, owners: dict[str, int], *, is_merging: bool) -> None:
    """Others who turn out to be the same person become one with the target; two user ids never do."""
    kinds = (ANONYMOUS, "email", "phone") if is_merging else (ANONYMOUS,)
    for kind in kinds:
        other = owners.get(kind, target)
        if other == target:
            continue
        mine, theirs = await user_ids(tx, target), await user_ids(tx, other)
        if not theirs or (not mine and user.user_id is None):
            await guests.merge(tx, target, other, evidence=f"{kind} told with {user.user_id or kind}")
            owners.update({known: target for known, owner in owners.items() if owner == other})


USER_IDS = sql("""
    SELECT value
      FROM guest_identifiers
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND kind = $3
     ORDER BY position
""")


async def user_ids(reader: Reader, guest_id: int, kind: str = USER) -> list[str]:
    """The sender's ids of a guest and of those that it answers for, oldest first."""
    return await reader.column(USER_IDS, await guests.family(reader, guest_id), kind)


def _identifiers(user: User) -> tuple[tuple[str, str], ...]:
    told = ((USER, user.user_id), (ANONYMOUS, user.anonymous_id))
    return tuple((kind, value) for kind, value in told if value is not None)


def _profile(user: User, owners: dict[str, int]) -> guests.Profile:
    return guests.Profile(
        name=user.name or None,
        email=user.email or None,
        phone=user.phone or None,
        attributes={name: value for name, value in user.attributes.items() if value is not None},
        is_rich=True,
        identifiers=_identifiers(user),
        consents=user.consents,
        shared=frozenset(owners),
    )


def _changes(user: User, shared: frozenset[str]) -> guests.Changes:
    return guests.Changes(
        name=user.name,
        email=user.email,
        phone=user.phone,
        attributes=user.attributes or UNSET,
        is_rich=True,
        identifiers=_identifiers(user),
        consents=user.consents,
        shared=shared,
    )


class Profile(msgspec.Struct, frozen=True, rename={"user_id": "userID"}):
    """A user as the Audience API shows it. Audience API 3.3."""

    user_id: str | None
    nv_uid: str
    user_attributes: dict[str, Any]
    first_seen: str
    last_seen: str


BY_USER_ID = sql("SELECT guest_id FROM guest_identifiers WHERE workspace_id = $1 AND kind = 'user_id' AND value = $2")
LAST_EVENT = sql("SELECT max(occurred_at) FROM events WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])")


async def find(reader: Reader, user_id: str) -> guests.Guest:
    """Raises NotFound."""
    guest_id = await reader.value(BY_USER_ID, user_id)
    if guest_id is None:
        raise NotFound("user not found")
    return await guests.get(reader, guest_id)


async def show(reader: Reader, user_id: str) -> Profile:
    """What is known of a user. Raises NotFound."""
    guest = await find(reader, user_id)
    anonymous = await user_ids(reader, guest.id, ANONYMOUS)
    last = await reader.value(LAST_EVENT, await guests.family(reader, guest.id))
    plain = {"name": guest.name, "email": guest.email, "mobile": guest.phone}
    parts = dict(zip(("first_name", "last_name"), guests.names.parts(guest.name, guest.attributes), strict=True))
    # A part that was told stands until another door tells another name.
    own = {name: parts.get(name, value) for name, value in guest.attributes.items()}
    answers = {
        f"{channel}_opt_in": "1" if answer else "0"
        for channel, answer in zip(guests.channels.CHANNELS, guest.answers.columns, strict=True)
        if answer is not None
    }
    return Profile(
        user_id,
        anonymous[0] if anonymous else nv_uid(reader.workspace_id, guest.id),
        {name: value for name, value in (plain | own).items() if value is not None} | answers,
        times.show(guest.first_seen_at),
        times.show(max(guest.last_seen_at, last or guest.last_seen_at)),
    )
