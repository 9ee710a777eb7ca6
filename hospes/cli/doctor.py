"""`hospes doctor`: what is wrong, and what to do."""

import msgspec

from hospes.base import disk, resealing
from hospes.base.db import sql
from hospes.capabilities import loyalty, promotions, staff
from hospes.house import SEALED, House
from hospes.providers import arrangements


class Finding(msgspec.Struct, frozen=True):
    what: str
    is_fine: bool
    says: str


VERSION = sql("SELECT current_setting('server_version')", across="asks the server")
SYNC = sql(
    "SELECT current_setting('synchronous_commit') || ' / fsync ' || current_setting('fsync')", across="asks the server"
)
# Each of these counts what must not be.
CHECKS = {
    "guest counts": sql(
        """
        WITH counted AS (
            SELECT workspace_id, flag.name, count(*) AS value
              FROM guests g
             CROSS JOIN LATERAL (VALUES ('guests'),
                                        ('location:' || g.location_id),
                                        (CASE WHEN g.is_vip THEN 'vip' END),
                                        (CASE WHEN g.is_vip THEN 'vip@' || g.location_id END),
                                        (CASE WHEN g.marketing_consent THEN 'opt_in' END),
                                        (CASE WHEN g.marketing_consent THEN 'opt_in@' || g.location_id END))
                        AS flag (name)
             WHERE merged_into IS NULL AND flag.name IS NOT NULL
             GROUP BY workspace_id, flag.name
        ), kept AS (
            SELECT workspace_id, name, sum(value) AS value
              FROM counters
             WHERE name = 'guests' OR name ~ '^(location:|vip|opt_in)'
             GROUP BY workspace_id, name
        )
        SELECT count(*)
          FROM counted
          FULL JOIN kept USING (workspace_id, name)
         WHERE coalesce(counted.value, 0) <> coalesce(kept.value, 0)
        """,
        across="examines every workspace",
    ),
    "gaps in guests' sequences": sql(
        """
        SELECT count(*)
          FROM (SELECT workspace_id, guest_id, count(*) AS events, max(sequence) AS last
                  FROM events
                 WHERE guest_id IS NOT NULL
                 GROUP BY workspace_id, guest_id) each_one
         WHERE events <> last
        """,
        across="examines every workspace",
    ),
    "deliveries that nobody will send": sql(
        "SELECT count(*) FROM webhook_deliveries WHERE status = 'pending' AND due_at IS NULL",
        across="examines every workspace",
    ),
    **loyalty.standing.CHECKS,
    **promotions.redemptions.CHECKS,
    **staff.audit.CHECKS,
}


async def _key(house: House) -> str:
    others = await resealing.left(house.database, house.vault, SEALED)
    if others:
        return f"fits this database; {others} values are still sealed with an older one"
    return "fits this database" + ("; the older ones can go: hospes secret-key retire" * house.vault.has_older)


async def examine(house: House) -> list[Finding]:
    """Every check, in order. The database answered and the key fitted, or we would not be here."""
    version, sync = await house.database.fetchrow(VERSION), await house.database.fetchrow(SYNC)
    findings = [
        Finding("database", is_fine=True, says=f"PostgreSQL {version[0] if version else '?'}"),
        Finding(
            "durability", is_fine=bool(sync and sync[0] == "on / fsync on"), says=f"commits {sync[0] if sync else '?'}"
        ),
        Finding("secret key", is_fine=True, says=await _key(house)),
        Finding("sending", is_fine=True, says="held: this may be a copy" if house.settings.is_outbox_held else "on"),
    ]
    findings += [Finding(what, is_fine=True, says=says) for what, says in arrangements.said(house.settings).items()]
    free = disk.free_bytes(house.settings)
    if free is not None:
        says = f"{free >> 20} MiB free" + ("" if free >= disk.RESERVE else ": nothing is written until there are 64")
        findings.append(Finding("disk", is_fine=free >= disk.RESERVE, says=says))
    for what, statement in CHECKS.items():
        row = await house.database.fetchrow(statement)
        number = int(row[0]) if row else 0
        findings.append(Finding(what, is_fine=number == 0, says="none wrong" if not number else f"{number} wrong"))
    return findings
