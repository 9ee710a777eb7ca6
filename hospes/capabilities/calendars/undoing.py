"""Taking an import back: exactly what it did, and only if nobody went on from there."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from hospes.base.db import Tx, sql
from hospes.base.errors import Conflict, NotFound
from hospes.capabilities import bookings
from hospes.capabilities.bookings import showing
from hospes.capabilities.calendars import settling
from hospes.capabilities.calendars.settling import Step

# Columns of a table that are a booking's own, and what the booking calls them.
FIELDS = {
    "arrival": "arrival_on",
    "departure": "departure_on",
    **{
        name: name
        for name in (
            *("status", "check_in_time", "check_out_time", "adults", "children", "amount", "night_rate"),
            *("cleaning_fee", "local_taxes", "currency", "notes"),
        )
    },
}


class Trace(msgspec.Struct, frozen=True):
    """A booking before and after an import; None before it was made."""

    booking_id: int
    before: dict[str, Any] | None
    after: dict[str, Any]


def snapshot(booking: bookings.Booking) -> dict[str, Any]:
    """A booking's own fields, as an import can change them."""
    own = {field: getattr(booking, field) for field in FIELDS.values()}
    # 10 and 10.00 are one amount, and are to be one text.
    plain = {field: showing.amount(value) if isinstance(value, Decimal) else value for field, value in own.items()}
    fields: dict[str, Any] = msgspec.to_builtins(plain)
    return fields


KEEP = sql("""
    INSERT INTO booking_imports (workspace_id, name, changes, imported_at) VALUES ($1, $2, $3, $4) RETURNING id
""")


async def keep(tx: Tx, name: str, traces: Sequence[Trace]) -> int:
    """Remember what an import did; returns the import's id."""
    return int(await tx.value(KEEP, name[:200], msgspec.to_builtins(traces), tx.now))


class _Import(msgspec.Struct, frozen=True):
    name: str
    changes: list[dict[str, Any]]
    undone_at: datetime | None


TAKE = sql("SELECT name, changes, undone_at FROM booking_imports WHERE workspace_id = $1 AND id = $2 FOR UPDATE")
UNDONE = sql("UPDATE booking_imports SET undone_at = $3 WHERE workspace_id = $1 AND id = $2")


async def undo(tx: Tx, import_id: int) -> tuple[int, int]:
    """Take an import back: returns how many bookings were cancelled and how many restored.

    Raises NotFound, and Conflict with nothing written when it was taken back already, when somebody
    changed one of its bookings since, or when nights that it freed are somebody else's now.
    """
    found = await tx.find(_Import, TAKE, import_id)
    if found is None:
        raise NotFound(f"There is no import {import_id}.")
    if found.undone_at is not None:
        raise Conflict(f"Import {import_id} was taken back at {found.undone_at:%Y-%m-%d %H:%M}.")
    changes = msgspec.convert(found.changes, list[Trace])
    changed = [one.booking_id for one in changes if snapshot(await bookings.lock(tx, one.booking_id)) != one.after]
    if changed:
        raise Conflict(f"Somebody changed bookings since: {_listed(changed)}. Nothing was taken back.")
    stuck = await settling.settle(tx, [_restoring(tx, one) for one in changes])
    if stuck:
        raise Conflict(
            f"The nights of bookings are somebody else's now: {_listed([one.step.about for one in stuck])}. "
            "Nothing was taken back."
        )
    await tx.run(UNDONE, import_id, tx.now)
    made = sum(one.before is None for one in changes)
    return made, len(changes) - made


def _restoring(tx: Tx, one: Trace) -> Step:
    changes = (
        bookings.Changes(status="cancelled")
        if one.before is None
        else msgspec.convert(one.before, bookings.Changes, strict=False)
    )

    async def do() -> None:
        await bookings.change(tx, one.booking_id, changes, evidence="import")

    return Step(one.booking_id, do, one.booking_id)


def _listed(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - 20} more" if len(ids) > 20 else ""
    return ", ".join(str(one) for one in ids[:20]) + more
