"""Points as a ledger: each movement has a cause, and its entries sum to zero.

A guest's points are what is left of its lots; the entries say where each point came from and went.
What belongs to a merged guest stays its own, and is spent by the guest that answers for it.
"""

from datetime import datetime
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Exhausted, Invalid, NotFound
from hospes.capabilities import events, guests
from hospes.capabilities.loyalty import programs, tiers
from hospes.capabilities.loyalty.happenings import MovementReversed, PointsAdded, PointsExpired, PointsRedeemed
from hospes.capabilities.loyalty.lots import Draw, Lot, oldest_first

MOST_POINTS = 1_000_000
_LONGEST_NOTE = 500


class Movement(msgspec.Struct, frozen=True):
    """One line of a guest's history; `points` is negative for what went. `balance` is what was then left."""

    id: int
    guest_id: int
    kind: str
    points: int
    balance: int
    note: str | None
    happened_at: datetime


class Balance(msgspec.Struct, frozen=True):
    """Points to spend, and points ever earned and spent."""

    points: int
    earned: int
    redeemed: int
    updated_at: datetime | None


BALANCE = sql("""
    SELECT coalesce(sum(points_left), 0)::bigint
      FROM loyalty_lots
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND points_left > 0
       AND (expires_at IS NULL OR expires_at > $3)
""")
ACCOUNT = sql("""
    SELECT coalesce(sum(earned), 0)::bigint AS earned, coalesce(sum(redeemed), 0)::bigint AS redeemed,
           max(updated_at) AS updated_at
      FROM loyalty_accounts
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[])
""")


class _Account(msgspec.Struct, frozen=True):
    earned: int
    redeemed: int
    updated_at: datetime | None


async def balance(reader: Reader, guest_id: int) -> Balance:
    """What a guest has; zeros for one that never had any. Raises NotFound. Guest API 10.1."""
    family = await guests.family(reader, guest_id)
    account = await reader.find(_Account, ACCOUNT, family)
    assert account is not None
    return Balance(await points_of(reader, family), account.earned, account.redeemed, account.updated_at)


async def points_of(reader: Reader, family: list[int]) -> int:
    """The points that these guests have together at this instant."""
    return int(await reader.value(BALANCE, family, reader.now))


async def add(
    tx: Tx,
    guest_id: int,
    points: int,
    *,
    kind: str = "adjust",
    cause: str | None = None,
    note: str | None = None,
    location_id: int | None = None,
) -> Movement:
    """Give 1 to 1,000,000 points. Raises NotFound, Invalid, Conflict for an earning's cause that was used.

    Guest API 10.3.
    """
    _check(points, note)
    family = await guests.hold(tx, guest_id)
    before = await points_of(tx, family)
    program = await programs.get(tx)
    movement_id = await _write(tx, family[0], kind=kind, points=points, cause=cause, note=note, location_id=location_id)
    await tx.run(NEW_LOT, family[0], movement_id, points, programs.expiry(program, tx.now))
    movement = Movement(movement_id, family[0], kind, points, before + points, note, tx.now)
    event = PointsAdded(guest_id=family[0], points=points, balance=movement.balance, transaction_id=movement_id)
    await events.record(tx, event, location_id=location_id)
    await tiers.note_change(tx, family, earned_more=points)
    return movement


async def redeem(tx: Tx, guest_id: int, points: int, *, note: str | None = None) -> Movement:
    """Spend 1 to 1,000,000 points, oldest first. Raises NotFound, Invalid, Exhausted. Guest API 10.4."""
    _check(points, note)
    family = await guests.hold(tx, guest_id)
    movement = await spend(tx, family, points, kind="redeem", note=note)
    event = PointsRedeemed(guest_id=family[0], points=points, balance=movement.balance, transaction_id=movement.id)
    await events.record(tx, event)
    return movement


SPENDABLE = sql("""
    SELECT id, guest_id, points_left, expires_at
      FROM loyalty_lots
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND points_left > 0
       AND (expires_at IS NULL OR expires_at > $3)
     ORDER BY expires_at NULLS LAST, id
       FOR UPDATE
""")


async def spend(
    tx: Tx, family: list[int], points: int, *, kind: str, note: str | None = None, location_id: int | None = None
) -> Movement:
    """Draw points from the lots of a guest that is held. Raises Exhausted, with nothing written."""
    lots = await tx.all(Lot, SPENDABLE, family, tx.now)
    have = sum(lot.points_left for lot in lots)
    if have < points:
        raise Exhausted("Insufficient points", have=have, asked=points)
    draws = oldest_first(lots, points)
    movement_id = await _write(tx, family[0], kind=kind, points=-points, note=note, location_id=location_id)
    await _draw(tx, movement_id, draws, into="liability")
    return Movement(movement_id, family[0], kind, -points, have - points, note, tx.now)


WRITE = sql("""
    WITH written AS (
        INSERT INTO loyalty_movements (workspace_id, guest_id, kind, points, cause, note, reverses, location_id,
                                       door, actor, happened_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        RETURNING id
    ), accounted AS (
        INSERT INTO loyalty_accounts AS a (workspace_id, guest_id, earned, redeemed, updated_at)
        VALUES ($1, $2, $12, $13, $11)
            ON CONFLICT (workspace_id, guest_id) DO UPDATE
           SET earned = a.earned + excluded.earned, redeemed = a.redeemed + excluded.redeemed,
               updated_at = excluded.updated_at
    )
    SELECT id FROM written
""")


async def _write(
    tx: Tx,
    guest_id: int,
    *,
    kind: str,
    points: int,
    cause: str | None = None,
    note: str | None = None,
    reverses: int | None = None,
    location_id: int | None = None,
    of_kind: str | None = None,
    at: datetime | None = None,
) -> int:
    counted = of_kind or kind
    earned = points if counted in ("earn", "adjust") else 0
    redeemed = -points if counted in ("redeem", "reward") else 0
    try:
        written = await tx.value(
            WRITE,
            guest_id,
            kind,
            points,
            cause or f"{kind} through {tx.actor.door}",
            note,
            reverses,
            location_id,
            tx.actor.door,
            tx.actor.name,
            at or tx.now,
            earned,
            redeemed,
        )
    except Violation as violation:
        if violation.constraint == "loyalty_movements_cause":
            raise Conflict("This has earned its points already.") from None
        if violation.constraint == "loyalty_movements_reversed":
            raise Conflict("This movement was reversed already.") from None
        raise
    return int(written)


NEW_LOT = sql("""
    WITH lot AS (
        INSERT INTO loyalty_lots (workspace_id, guest_id, movement_id, points, points_left, expires_at)
        VALUES ($1, $2, $3, $4, $4, $5)
        RETURNING workspace_id, guest_id, movement_id, id, points
    )
    INSERT INTO loyalty_entries (workspace_id, movement_id, line, account, guest_id, lot_id, points)
    SELECT workspace_id, movement_id, 1, 'guest', guest_id, id, points FROM lot
     UNION ALL
    SELECT workspace_id, movement_id, 2, 'liability', NULL, NULL, -points FROM lot
""")
# `points` is what leaves each lot; a negative figure puts points back.
DRAW = sql("""
    WITH drawn AS (
        SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
                   AS d (lot_id, guest_id, points, line)
    ), moved AS (
        UPDATE loyalty_lots l
           SET points_left = l.points_left - d.points
          FROM drawn d
         WHERE l.workspace_id = $1 AND l.id = d.lot_id
    )
    INSERT INTO loyalty_entries (workspace_id, movement_id, line, account, guest_id, lot_id, points)
    SELECT $1, $2::bigint, line, 'guest', guest_id, lot_id, -points FROM drawn
     UNION ALL
    SELECT $1, $2::bigint, count(*) + 1, $6, NULL, NULL, sum(points) FROM drawn
""")


async def _draw(tx: Tx, movement_id: int, draws: list[Draw], *, into: str) -> None:
    await tx.run(
        DRAW,
        movement_id,
        [draw.lot.id for draw in draws],
        [draw.lot.guest_id for draw in draws],
        [draw.points for draw in draws],
        into,
    )


class _Written(msgspec.Struct, frozen=True):
    guest_id: int
    kind: str
    points: int
    location_id: int | None


class _Line(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    points_left: int
    expires_at: datetime | None
    points: int


GET = sql("SELECT guest_id, kind, points, location_id FROM loyalty_movements WHERE workspace_id = $1 AND id = $2")
LINES = sql("""
    SELECT l.id, l.guest_id, l.points_left, l.expires_at, e.points
      FROM loyalty_entries e
      JOIN loyalty_lots l ON l.workspace_id = e.workspace_id AND l.id = e.lot_id
     WHERE e.workspace_id = $1 AND e.movement_id = $2 AND e.account = 'guest'
     ORDER BY l.id
       FOR UPDATE OF l
""")


async def reverse(tx: Tx, movement_id: int, *, note: str | None = None) -> Movement:
    """Undo a movement exactly, once.

    Points that were spent go back into the lots they came from, with the end these have. Points that
    came are taken back whole: Exhausted when some of them are gone. Raises NotFound, Conflict.
    """
    _check_note(note)
    written = await tx.find(_Written, GET, movement_id)
    if written is None:
        raise NotFound("Movement not found")
    if written.kind in ("expire", "reverse"):
        raise Conflict("Only points that were added or spent can be reversed.")
    family = await guests.hold(tx, written.guest_id)
    before = await points_of(tx, family)
    lines = await tx.all(_Line, LINES, movement_id)
    if written.points > 0 and any(_is_short(line, tx.now) for line in lines):
        raise Exhausted("Some of these points were spent or have expired, so they cannot be taken back.")
    reversal_id = await _write(
        tx,
        written.guest_id,
        kind="reverse",
        points=-written.points,
        cause=f"reversal of {movement_id}",
        note=note,
        reverses=movement_id,
        location_id=written.location_id,
        of_kind=written.kind,
    )
    draws = [Draw(Lot(line.id, line.guest_id, line.points_left, line.expires_at), line.points) for line in lines]
    await _draw(tx, reversal_id, draws, into="liability")
    after = await points_of(tx, family)
    event = MovementReversed(
        guest_id=family[0], points=after - before, balance=after, transaction_id=reversal_id, reverses=movement_id
    )
    await events.record(tx, event, location_id=written.location_id)
    if written.points > 0:
        await tiers.note_change(tx, family, earned_more=-written.points)
    return Movement(reversal_id, family[0], "reverse", -written.points, after, note, tx.now)


def _is_short(line: _Line, now: datetime) -> bool:
    return line.points_left < line.points or (line.expires_at is not None and line.expires_at <= now)


ENDED = sql("""
    SELECT id, guest_id, points_left, expires_at
      FROM loyalty_lots
     WHERE workspace_id = $1 AND points_left > 0 AND expires_at <= $2
     ORDER BY expires_at, id
     LIMIT 500
""")
STILL = sql("""
    SELECT id, guest_id, points_left, expires_at
      FROM loyalty_lots
     WHERE workspace_id = $1 AND id = ANY ($2::bigint[]) AND points_left > 0
     ORDER BY id
       FOR UPDATE
""")


async def list_ended(reader: Reader) -> dict[int, list[int]]:
    """The guests that have lots past their end which are not written off yet, and those lots' ids."""
    ended: dict[int, list[int]] = {}
    for lot in await reader.all(Lot, ENDED, reader.now):
        ended.setdefault(lot.guest_id, []).append(lot.id)
    return ended


async def write_off(tx: Tx, guest_id: int, lot_ids: list[int]) -> None:
    """Move what is left in these ended lots of one guest to breakage, as of the instants they ended."""
    family = await guests.hold(tx, guest_id, even_erased=True)
    lots = await tx.all(Lot, STILL, lot_ids)
    by_end: dict[datetime, list[Lot]] = {}
    for lot in lots:
        if lot.expires_at is not None and lot.expires_at <= tx.now:
            by_end.setdefault(lot.expires_at, []).append(lot)
    for at, ended in sorted(by_end.items()):
        points = sum(lot.points_left for lot in ended)
        movement_id = await _write(tx, guest_id, kind="expire", points=-points, cause="points reached their end", at=at)
        await _draw(tx, movement_id, [Draw(lot, lot.points_left) for lot in ended], into="breakage")
        left = await points_of(tx, family)
        event = PointsExpired(guest_id=family[0], points=points, balance=left, transaction_id=movement_id)
        await events.record(tx, event, occurred_at=at)


HISTORY = sql("""
    SELECT m.id, m.guest_id, m.kind, m.points,
           (SELECT coalesce(sum(e.points), 0)::bigint
              FROM loyalty_entries e
              JOIN loyalty_movements o ON o.workspace_id = e.workspace_id AND o.id = e.movement_id
             WHERE e.workspace_id = $1 AND e.guest_id = ANY ($2::bigint[]) AND e.movement_id <= m.id) AS balance,
           m.note, m.happened_at
      FROM loyalty_movements m
     WHERE m.workspace_id = $1 AND m.guest_id = ANY ($2::bigint[]) AND ($3::bigint IS NULL OR m.id < $3)
     ORDER BY m.id DESC
     LIMIT $4
""")


async def history(reader: Reader, guest_id: int, *, after: int | None, limit: int) -> list[Movement]:
    """A guest's movements, newest first, behind the id `after`. Raises NotFound."""
    return await reader.all(Movement, HISTORY, await guests.family(reader, guest_id), after, limit)


def _check(points: Any, note: str | None) -> None:
    if not isinstance(points, int) or not 1 <= points <= MOST_POINTS:
        raise Invalid(f"Points are a whole number from 1 to {MOST_POINTS:,}.", field="points")
    _check_note(note)


def _check_note(note: str | None) -> None:
    if note is not None and len(note) > _LONGEST_NOTE:
        raise Invalid(f"A note has at most {_LONGEST_NOTE} characters.", field="note")
