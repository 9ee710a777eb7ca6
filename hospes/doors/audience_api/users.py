"""Users and their events, as senders tell them. Contract 3, 4."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx
from hospes.base.errors import Conflict, Invalid
from hospes.base.secrets import digest
from hospes.capabilities import record, tracking
from hospes.capabilities.access.brand_keys import Brand
from hospes.capabilities.tracking.entries import Event
from hospes.capabilities.tracking.tracked import Told
from hospes.doors.audience_api import shapes
from hospes.doors.audience_api.shapes import BatchOut, DroppedOut, Envelope, Rejected
from hospes.web.requests import Refusal


async def create_users(tx: Tx, body: shapes.UsersIn, caller: Brand) -> Envelope[BatchOut]:
    """Create or update users

    Entries are taken in order; those that cannot be are listed, and the others are written.
    """
    entries = _few_enough(body.nv, shapes.MOST_USERS, "users")
    is_merging = caller.settings.merges_profiles
    rejected: list[Rejected] = []
    dropped: list[DroppedOut] = []
    for index, entry in enumerate(entries):
        try:
            user = tracking.entries.read_user(entry, block="user_attributes", is_merging=is_merging)
            async with tx.undoable():
                written = await tracking.users.upsert(tx, user, is_merging=is_merging)
            dropped += [DroppedOut(index, one.attribute, one.message) for one in written.dropped]
        except (Invalid, Conflict) as error:
            rejected.append(Rejected(index, _user_id(entry), error.message))
    return _batch(len(entries), rejected, dropped)


async def create_events(
    reader: Reader, body: shapes.EventsIn, caller: Brand, intake: tracking.Intake, idempotency_key: str | None
) -> Any:
    """Record events

    Unknown users are made with their first event. An entry may carry an `event_id`: the same one is
    counted once, however often it is sent. So is an entry without one that comes again, as it was and at
    the same place, under the same idempotency key.
    """
    entries = _few_enough(body.nv, shapes.MOST_EVENTS, "events")
    settings = caller.settings
    read: list[Event] = []
    places: list[int] = []
    rejected: list[Rejected] = []
    for index, entry in enumerate(entries):
        try:
            event = tracking.entries.read_event(
                entry, is_merging=settings.merges_profiles, zone=settings.time_zone, now=reader.now
            )
            if idempotency_key is not None and event.id is None:
                event = msgspec.structs.replace(event, id=_id_under(idempotency_key, index, entry, caller))
            read.append(event)
            places.append(index)
        except Invalid as error:
            rejected.append(Rejected(index, _user_id(entry), error.message))
    told: Sequence[Told] = []
    if read:
        told = await intake.record(caller.workspace_id, caller.actor, read, is_merging=settings.merges_profiles)
    dropped: list[DroppedOut] = []
    for index, one in zip(places, told, strict=True):
        dropped += [DroppedOut(index, each.attribute, each.message) for each in one.dropped]
        if one.refusal is not None:
            rejected.append(Rejected(index, _user_id(entries[index]), one.refusal))
    return _batch(len(entries), sorted(rejected, key=lambda one: one.index), dropped)


def _id_under(key: str, index: int, entry: Any, caller: Brand) -> str:
    """An event's id that a repeated request gives it again.

    Requests share a transaction, so no answer is kept with their effect. What differs is another event: an
    entry that was mended is not lost for the key's having been used.
    """
    return digest(f"{caller.credential}\0{key}\0{index}\0" + msgspec.json.encode(entry, order="sorted").decode()).hex()


async def create_user_event(tx: Tx, body: shapes.Entry, caller: Brand) -> Envelope[shapes.RecordedOut]:
    """Create or update a user, then record an event of theirs

    Both or neither. The event is not older than a user who is made here.
    """
    settings = caller.settings
    event = tracking.entries.read_event(
        body.nv, is_merging=settings.merges_profiles, zone=settings.time_zone, now=tx.now
    )
    [told] = await tracking.tracked.record(tx, [event], is_merging=settings.merges_profiles, is_after_user=True)
    if told.guest_id is None:
        raise Invalid(told.refusal)
    dropped = [DroppedOut(0, one.attribute, one.message) for one in told.dropped]
    nv_uid = event.user.anonymous_id or tracking.users.nv_uid(tx.workspace_id, told.guest_id)
    return shapes.told(shapes.RecordedOut(event.user.user_id, nv_uid, dropped))


async def delete_user(tx: Tx, body: shapes.UserIn, query: shapes.UserQuery) -> Envelope[shapes.DeletedOut]:
    """Delete a user

    What happened stays in the totals of reports; who it was is gone.
    """
    user_id = _asked(body, query)
    guest = await tracking.users.find(tx, user_id)
    await record.erase(tx, guest.id, evidence=tx.actor.name)
    return shapes.told(shapes.DeletedOut(user_id))


async def post_user_deletion(tx: Tx, body: shapes.UserIn, query: shapes.UserQuery) -> Envelope[shapes.DeletedOut]:
    """Delete a user, by POST"""
    return await delete_user(tx, body, query)


async def get_user(reader: Reader, query: shapes.UserQuery) -> Envelope[tracking.users.Profile]:
    """Get a user"""
    return shapes.told(await tracking.users.show(reader, _asked(None, query)))


async def post_user_query(
    reader: Reader, body: shapes.UserIn, query: shapes.UserQuery
) -> Envelope[tracking.users.Profile]:
    """Get a user, by POST"""
    return shapes.told(await tracking.users.show(reader, _asked(body, query)))


def _few_enough(entries: list[Any], most: int, what: str) -> list[Any]:
    if len(entries) > most:
        raise Invalid(f"at most {most} {what} per request", field="nv")
    return entries


def _user_id(entry: Any) -> str | None:
    """What the entry calls its user, as far as it can be shown."""
    given = entry.get("userID") if isinstance(entry, dict) else None
    return given[:100] if isinstance(given, str) else None


def _batch(received: int, rejected: list[Rejected], dropped: list[DroppedOut]) -> Envelope[BatchOut]:
    """Raises Refusal when no entry was taken: nothing is written then."""
    batch = BatchOut(received, received - len(rejected), rejected, dropped)
    if not batch.accepted:
        raise Refusal(400, {"message": f"no entry could be accepted: {rejected[0].message}", "data": batch})
    return shapes.told(batch)


def _asked(body: shapes.UserIn | None, query: shapes.UserQuery) -> str:
    named = [query.user_id, body.user_id if body else None, body.nv[0].user_id if body and body.nv else None]
    given = {name for name in named if name is not None}
    if not given:
        raise Invalid("userID is required", field="userID")
    if len(given) > 1:
        raise Invalid("userID is given twice, and differs", field="userID")
    return given.pop()
