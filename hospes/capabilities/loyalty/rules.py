"""What earns points by itself: visits, nights, stays, and money spent."""

from decimal import ROUND_FLOOR, Decimal

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities import events
from hospes.capabilities.loyalty import ledger

BASES = ("visit", "night", "stay", "spend")


class Rule(msgspec.Struct, frozen=True):
    """So many points for each visit, night or stay, or for each `per_amount` of `currency` spent."""

    id: int
    basis: str
    points: int
    per_amount: Decimal | None
    currency: str | None
    is_active: bool


_COLUMNS = "id, basis, points, per_amount, currency, is_active"

LIST = sql(f"SELECT {_COLUMNS} FROM loyalty_rules WHERE workspace_id = $1 ORDER BY id")  # noqa: S608
ACTIVE = sql(f"""
    SELECT {_COLUMNS}
      FROM loyalty_rules
     WHERE workspace_id = $1 AND is_active AND basis = $2 AND currency IS NOT DISTINCT FROM $3
     ORDER BY id
""")  # noqa: S608
CREATE = sql("""
    INSERT INTO loyalty_rules (workspace_id, basis, points, per_amount, currency, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
""")


async def list_all(reader: Reader) -> list[Rule]:
    """The workspace's rules, oldest first."""
    return await reader.all(Rule, LIST)


async def create(
    tx: Tx, *, basis: str, points: int, per_amount: Decimal | None = None, currency: str | None = None
) -> int:
    """Make a rule; returns its id. Spending takes an amount and its currency. Raises Invalid."""
    try:
        return int(await tx.value(CREATE, basis, points, per_amount, currency, tx.now))
    except Violation:
        raise Invalid(
            f"A rule has a basis ({', '.join(BASES)}) and points from 1 to 1,000,000; "
            "for spend also an amount above zero and its currency, for the others neither."
        ) from None


SWITCH = sql("UPDATE loyalty_rules SET is_active = $3 WHERE workspace_id = $1 AND id = $2")


async def switch(tx: Tx, rule_id: int, *, is_active: bool) -> None:
    """Let a rule work, or rest. Raises NotFound."""
    if not await tx.run(SWITCH, rule_id, is_active):
        raise NotFound("Rule not found")


async def earn(
    tx: Tx,
    guest_id: int,
    basis: str,
    quantity: Decimal,
    *,
    cause: str,
    currency: str | None = None,
    location_id: int | None = None,
) -> ledger.Movement | None:
    """What the rules give for so many visits or nights, or for money spent; None when they give nothing.

    `cause` names what earned it and earns once: Conflict the second time. Raises NotFound, Invalid.
    """
    active = await tx.all(Rule, ACTIVE, basis, currency)
    points = sum(points_for(rule, quantity) for rule in active)
    if not points:
        return None
    return await ledger.add(
        tx, guest_id, min(points, ledger.MOST_POINTS), kind="earn", cause=cause, location_id=location_id
    )


def points_for(rule: Rule, quantity: Decimal) -> int:
    """Whole points; a part of an amount gives none."""
    times = quantity / rule.per_amount if rule.per_amount is not None else quantity
    return int(times.to_integral_value(ROUND_FLOOR)) * rule.points


async def earn_for_visit(tx: Tx, event: events.Recorded) -> None:
    """A reaction: a visit earns what the rules give for one, once."""
    if event.type != "visit.started":
        return
    cause = f"visit {event.payload['session_id']}"
    try:
        async with tx.undoable():
            await earn(tx, event.payload["guest_id"], "visit", Decimal(1), cause=cause, location_id=event.location_id)
    except Conflict:
        return  # told twice, earned once
