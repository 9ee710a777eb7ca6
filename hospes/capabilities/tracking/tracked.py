"""Events that somebody tracks, many at once: found, made and written in one transaction. Audience API 4."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from hospes.base.db import Tx, sql
from hospes.base.errors import Invalid
from hospes.capabilities import events
from hospes.capabilities.tracking import types, users
from hospes.capabilities.tracking.entries import Event
from hospes.capabilities.tracking.types import Dropped

# How long the id of an event is remembered.
REMEMBERED = timedelta(days=30)


class Told(msgspec.Struct, frozen=True):
    """What came of one event: its guest and what of it was not saved, or why it was refused."""

    guest_id: int | None
    dropped: list[Dropped]
    refusal: str | None = None


# Held together by who writes events of users that are known, and alone by who erases one.
_WRITING = "hashtextextended('tracking', $1)"
SHARE = sql(f"SELECT pg_advisory_xact_lock_shared({_WRITING})")
STOP = sql(f"SELECT pg_advisory_xact_lock({_WRITING})")
# Each look-up has a limit of its own, which fixes the order of the joins: of a workspace newer than
# the statistics, the planner would believe that reading all of it costs less than a hundred look-ups.
KNOWN = sql(f"""
    WITH ours AS MATERIALIZED (SELECT pg_try_advisory_xact_lock_shared({_WRITING}) AS is_shared)
    SELECT CASE WHEN (SELECT is_shared FROM ours) THEN g.id END
      FROM unnest($2::text[]) WITH ORDINALITY AS given (value, place)
      LEFT JOIN LATERAL (
           SELECT guest_id FROM guest_identifiers
            WHERE workspace_id = $1 AND kind = 'user_id' AND value = given.value LIMIT 1
      ) AS i ON true
      LEFT JOIN LATERAL (
           SELECT id FROM guests WHERE workspace_id = $1 AND id = i.guest_id AND merged_into IS NULL LIMIT 1
      ) AS g ON true
     ORDER BY given.place
""")  # noqa: S608
# A user id stays with its guest until the guest is erased, so one who was found before is looked up by guest alone.
STAND = sql(f"""
    SELECT pg_try_advisory_xact_lock_shared({_WRITING}) AND count(*) = cardinality($2::bigint[])
      FROM unnest($2::bigint[]) AS given (id)
     CROSS JOIN LATERAL (
           SELECT FROM guests WHERE workspace_id = $1 AND id = given.id AND merged_into IS NULL LIMIT 1
      ) AS g
""")  # noqa: S608

# Guests by workspace and user id, as they were found.
Met = dict[tuple[int, str], int]


async def record(
    tx: Tx,
    told: Sequence[Event],
    *,
    is_merging: bool,
    is_after_user: bool = False,
    settled: dict[str, str] | None = None,
    met: Met | None = None,
) -> list[Told]:
    """Write events in their order, with users that nobody knew made first; one outcome for each.

    `is_after_user`: the event of a user who was made here is not older than the user. Audience API 3.4.
    `settled` are types of attributes, as they were committed; those that are settled here are added.
    `met` are guests who were found before; those who are found here are added.
    """
    known = await types.settle(tx, "event", (one.attributes for one in told), settled)
    news = await _news(tx, told)
    guests = await _known(tx, told, {} if met is None else met)
    outcomes: list[Told] = []
    written: list[events.Tracked] = []
    for place, event in enumerate(told):
        attributes, dropped = types.sift(event.attributes, known)
        is_new = False
        user_id = event.user.user_id
        guest_id = guests.get(user_id) if user_id and event.user.is_only_named else None
        if guest_id is None:
            try:
                async with tx.undoable():
                    user = await users.upsert(tx, event.user, is_merging=is_merging)
            except Invalid as error:
                outcomes.append(Told(None, dropped, error.message))
                continue
            guest_id, is_new = user.guest_id, user.is_new
            dropped = [*dropped, *user.dropped]
            if user_id:
                guests[user_id] = guest_id
        outcomes.append(Told(guest_id, dropped))
        if place in news:
            at = event.at
            if at is not None and is_after_user and is_new:
                at = max(at, tx.now)
            written.append(events.Tracked(guest_id, event.name, event.payload(guest_id, attributes), at))
    await events.record_tracked(tx, written)
    return outcomes


async def _known(tx: Tx, told: Sequence[Event], met: Met) -> dict[str, int]:
    """The guests of user ids that are known, and stand for themselves."""
    asked = {one.user.user_id for one in told if one.user.user_id and one.user.is_only_named}
    guests = {user_id: met[key] for user_id in asked if (key := (tx.workspace_id, user_id)) in met}
    if guests and not await tx.value(STAND, list(guests.values())):
        # Somebody was merged or erased since, or is being erased.
        for user_id in guests:
            met.pop((tx.workspace_id, user_id), None)
        guests.clear()
    sought = list(asked - guests.keys())
    found = await tx.column(KNOWN, sought) if sought else []
    if None in found:
        # Somebody new, or somebody is being erased: then they are asked for again once that is over.
        await tx.value(SHARE)
        found = await tx.column(KNOWN, sought)
    for user_id, guest_id in zip(sought, found, strict=True):
        if guest_id is not None:
            guests[user_id] = met[tx.workspace_id, user_id] = guest_id
    return guests


REMEMBER = sql("""
    INSERT INTO tracked_ids (workspace_id, id, created_at)
    SELECT $1, id, $3
      FROM unnest($2::text[]) AS given (id)
     ORDER BY id
        ON CONFLICT DO NOTHING
    RETURNING id
""")
FORGET = sql("DELETE FROM tracked_ids WHERE workspace_id = $1 AND created_at < $2")


async def _news(tx: Tx, told: Sequence[Event]) -> set[int]:
    """The places of events that were not told before under the same id."""
    by_id: dict[str, int] = {}
    plain = set()
    for place, one in enumerate(told):
        if one.id is None:
            plain.add(place)
        else:
            by_id.setdefault(one.id, place)
    fresh = await tx.column(REMEMBER, list(by_id), tx.now) if by_id else []
    return plain | {by_id[id_] for id_ in fresh}


async def stop(tx: Tx) -> None:
    """Write no event of a user who is known until the transaction ends, and wait for those under way.

    Goes before everything else: whoever is waited for may need what the transaction has changed.
    """
    await tx.value(STOP)


async def sweep(tx: Tx) -> None:
    """Forget ids of events that nobody sends again."""
    await tx.run(FORGET, tx.now - REMEMBERED)
