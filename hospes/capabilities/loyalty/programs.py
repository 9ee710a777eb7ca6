"""How a workspace's points work: how long they live, and how far back tiers look."""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Invalid


class Program(msgspec.Struct, frozen=True):
    """`points_valid_days` None: points never expire. `tier_window_months` None: tiers look at all time."""

    name: str
    points_valid_days: int | None
    tier_window_months: int | None


_DEFAULT = Program("Points", None, None)

GET = sql("SELECT name, points_valid_days, tier_window_months FROM loyalty_programs WHERE workspace_id = $1")
SET = sql("""
    INSERT INTO loyalty_programs (workspace_id, name, points_valid_days, tier_window_months, updated_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id) DO UPDATE
       SET name = excluded.name, points_valid_days = excluded.points_valid_days,
           tier_window_months = excluded.tier_window_months, updated_at = excluded.updated_at
""")


async def get(reader: Reader) -> Program:
    """The workspace's programme."""
    return await reader.find(Program, GET) or _DEFAULT


async def set_program(tx: Tx, program: Program) -> None:
    """Replace it. Points that are there keep the end they were given. Raises Invalid."""
    if not 1 <= len(program.name.strip()) <= 100:
        raise Invalid("A programme's name has 1 to 100 characters.", field="name")
    if program.points_valid_days is not None and not 1 <= program.points_valid_days <= 36_500:
        raise Invalid("Points live for 1 to 36,500 days, or for ever.", field="points_valid_days")
    if program.tier_window_months is not None and not 1 <= program.tier_window_months <= 120:
        raise Invalid("Tiers look back over 1 to 120 months, or over all time.", field="tier_window_months")
    await tx.run(SET, program.name.strip(), program.points_valid_days, program.tier_window_months, tx.now)


def expiry(program: Program, at: datetime) -> datetime | None:
    """When points that come at this instant end."""
    return at + timedelta(days=program.points_valid_days) if program.points_valid_days else None
