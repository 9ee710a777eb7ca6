"""Exact counts without counting: how many guests there are, in all and in groups."""

from hospes.base.db import Reader, Tx, sql

ALL = "guests"
VIP = "vip"
OPT_IN = "opt_in"


def at_location(location_id: int) -> str:
    return f"location:{location_id}"


def flagged(flag: str, location_id: int | None) -> list[str]:
    """The counts that a guest with this flag (VIP, OPT_IN) is in: of all, and of its location."""
    return [flag] if location_id is None else [flag, f"{flag}@{location_id}"]


def with_tag(tag_id: int) -> str:
    return f"tag:{tag_id}"


# Each backend writes a slot of its own: writers seldom wait for each other. Names are written in
# one order, so that two writers in one slot cannot wait crosswise.
ADD = sql("""
    INSERT INTO counters AS c (workspace_id, name, slot, value)
    SELECT $1, name, pg_backend_pid() % 32, step
      FROM unnest($2::text[], $3::bigint[]) AS change (name, step)
     ORDER BY name
        ON CONFLICT (workspace_id, name, slot) DO UPDATE SET value = c.value + excluded.value
""")


async def add(tx: Tx, changes: dict[str, int]) -> None:
    """Move each named count by so much."""
    moved = {name: step for name, step in changes.items() if step}
    if moved:
        await tx.run(ADD, list(moved), list(moved.values()))


TOTAL = sql("SELECT coalesce(sum(value), 0)::bigint FROM counters WHERE workspace_id = $1 AND name = $2")


async def total(reader: Reader, name: str) -> int:
    return int(await reader.value(TOTAL, name))
