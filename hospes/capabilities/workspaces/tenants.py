"""Workspaces: the tenants, each with a plan, a quota and, for sandboxes, a clock of its own."""

from datetime import UTC, datetime, timedelta

import msgspec

from hospes.base import zones
from hospes.base.db import Database, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities.workspaces.plans import plan

_LAST_YEAR = 9000


class Workspace(msgspec.Struct, frozen=True):
    id: int
    name: str
    plan: str
    monthly_quota: int | None
    quota_mode: str | None
    time_zone: str
    currency: str
    is_demo: bool
    sandbox_at: datetime | None
    created_at: datetime

    @property
    def is_sandbox(self) -> bool:
        return self.sandbox_at is not None


_COLUMNS = "id, name, plan, monthly_quota, quota_mode, time_zone, currency, is_demo, sandbox_at, created_at"

CREATE = sql(
    f"""
    INSERT INTO workspaces (name, plan, monthly_quota, quota_mode, time_zone, currency, is_demo,
                            sandbox_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING {_COLUMNS}
    """,  # noqa: S608
    across="the workspace is being made",
)


async def create(
    database: Database,
    *,
    name: str,
    now: datetime,
    plan_name: str = "unlimited",
    monthly_quota: int | None = None,
    quota_mode: str | None = None,
    time_zone: str = "UTC",
    currency: str = "EUR",
    is_demo: bool = False,
    is_sandbox: bool = False,
) -> Workspace:
    """Make a workspace; a sandbox's clock starts at `now` and stands still.

    `monthly_quota` (requests) and `quota_mode` (hard or soft) override the plan's. Raises Invalid.
    """
    plan(plan_name)
    if not 1 <= len(name.strip()) <= 200:
        raise Invalid("A workspace's name has 1 to 200 characters.", field="name")
    if not zones.is_known(time_zone):
        raise Invalid(f"There is no time zone {time_zone!r}. Use an IANA name such as Europe/Paris.", field="time_zone")
    if monthly_quota is not None and not 1 <= monthly_quota <= 10**15:
        raise Invalid("A monthly quota is a positive number of requests.", field="monthly_quota")
    if quota_mode not in (None, "hard", "soft"):
        raise Invalid("A quota is hard or soft.", field="quota_mode")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise Invalid("A currency is an ISO 4217 code such as EUR.", field="currency")
    sandbox_at = now if is_sandbox else None
    row = await database.fetchrow(
        CREATE,
        name.strip(),
        plan_name,
        monthly_quota,
        quota_mode,
        time_zone,
        currency,
        is_demo,
        sandbox_at,
        now,
    )
    assert row is not None
    return Workspace(*row)


LIST = sql(f"SELECT {_COLUMNS} FROM workspaces ORDER BY id", across="the command line lists all")  # noqa: S608
GET = sql(f"SELECT {_COLUMNS} FROM workspaces WHERE id = $1", across="the key of the table")  # noqa: S608
DEMO = sql(f"SELECT {_COLUMNS} FROM workspaces WHERE is_demo", across="there is one demo at most")  # noqa: S608


async def list_all(database: Database) -> list[Workspace]:
    """Every workspace, oldest first."""
    return [Workspace(*row) for row in await database.fetch(LIST)]


async def get(database: Database, workspace_id: int) -> Workspace:
    """Raises NotFound."""
    row = await database.fetchrow(GET, workspace_id)
    if row is None:
        raise NotFound(f"There is no workspace {workspace_id}. List them with: hospes workspace list")
    return Workspace(*row)


async def find_demo(database: Database) -> Workspace | None:
    row = await database.fetchrow(DEMO)
    return Workspace(*row) if row else None


SANDBOX_AT = sql("SELECT sandbox_at FROM workspaces WHERE id = $1", across="the key of the table")


async def find_sandbox_instant(database: Database, workspace_id: int) -> datetime | None:
    """Where a sandbox's clock stands; None for every other workspace."""
    row = await database.fetchrow(SANDBOX_AT, workspace_id)
    return row[0] if row else None


MOVE_CLOCK = sql(
    """
    WITH moved AS (
        UPDATE workspaces
           SET sandbox_at = $2
         WHERE id = $1 AND sandbox_at <= $2
        RETURNING sandbox_at
    )
    SELECT sandbox_at, pg_notify('hospes_wakes', $1 || ':clock') FROM moved
    """,
    across="the key of the table",
)


async def move_clock(
    database: Database, workspace_id: int, *, to: datetime | None = None, by: timedelta | None = None
) -> datetime:
    """Set a sandbox's clock, or advance it; returns the new instant. Whatever falls due then, happens.

    Raises Conflict for a workspace that is no sandbox or for a move backwards: what has happened
    would otherwise lie in the future.
    """
    workspace = await get(database, workspace_id)
    if workspace.sandbox_at is None:
        raise Conflict(
            f"Workspace {workspace_id} is no sandbox: its clock is the real one. "
            "Make a sandbox with: hospes workspace create NAME --sandbox"
        )
    try:
        target = (to.astimezone(UTC) if to else workspace.sandbox_at) + (by or timedelta())
    except OverflowError:
        target = None
    if target is None or target.year > _LAST_YEAR:
        raise Invalid(f"A sandbox's clock goes up to the year {_LAST_YEAR}.", field="to")
    if await database.fetchrow(MOVE_CLOCK, workspace_id, target) is None:
        raise Conflict(f"A sandbox's clock only moves forward; it is at {workspace.sandbox_at.isoformat()}.")
    return target
