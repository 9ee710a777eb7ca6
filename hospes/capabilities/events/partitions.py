"""A partition of the log for every month, made ahead of time."""

from datetime import date, datetime

from hospes.base.db import Database, Statement, sql
from hospes.base.errors import HospesError

_MONTHS_AHEAD = 3

EXISTS = sql("SELECT to_regclass($1)::text", across="the catalogue has no workspaces")


async def keep_partitions(database: Database, now: datetime) -> list[str]:
    """Make the partitions of this month and the next three; returns the names of the new ones.

    A month that already has rows in the default partition is left there: nothing is lost, and
    nothing waits for them to move.
    """
    made = []
    for ahead in range(_MONTHS_AHEAD + 1):
        first = _month(now.date(), ahead)
        name = f"events_{first:%Y_%m}"
        if (await database.fetchrow(EXISTS, name) or [None])[0] is None and await _make(database, name, first):
            made.append(name)
    return made


async def _make(database: Database, name: str, first: date) -> bool:
    # Made aside and then attached: attaching lets writers of other partitions go on.
    after = _month(first, 1)
    try:
        await database.execute(
            Statement(f"""
                DO $do$ BEGIN
                    SET LOCAL lock_timeout = '2s';
                    CREATE TABLE {name} (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
                    ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}');
                END $do$
            """)
        )
    except HospesError:
        return False
    return True


def _month(day: date, ahead: int) -> date:
    years, month = divmod(day.month - 1 + ahead, 12)
    return date(day.year + years, month + 1, 1)
