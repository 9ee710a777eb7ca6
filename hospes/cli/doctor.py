"""`hospes doctor`: what is wrong, and what to do."""

import msgspec

from hospes.base.db import sql
from hospes.house import House


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
        SELECT count(*)
          FROM (SELECT w.id,
                       (SELECT count(*) FROM guests g WHERE g.workspace_id = w.id AND g.merged_into IS NULL) AS counted,
                       (SELECT coalesce(sum(c.value), 0) FROM counters c
                         WHERE c.workspace_id = w.id AND c.name = 'guests') AS kept
                  FROM workspaces w) each_one
         WHERE counted <> kept
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
}


async def examine(house: House) -> list[Finding]:
    """Every check, in order. The database answered and the key fitted, or we would not be here."""
    version, sync = await house.database.fetchrow(VERSION), await house.database.fetchrow(SYNC)
    findings = [
        Finding("database", is_fine=True, says=f"PostgreSQL {version[0] if version else '?'}"),
        Finding(
            "durability", is_fine=bool(sync and sync[0] == "on / fsync on"), says=f"commits {sync[0] if sync else '?'}"
        ),
        Finding("secret key", is_fine=True, says="fits this database"),
    ]
    for what, statement in CHECKS.items():
        row = await house.database.fetchrow(statement)
        number = int(row[0]) if row else 0
        findings.append(Finding(what, is_fine=number == 0, says="none wrong" if not number else f"{number} wrong"))
    return findings
