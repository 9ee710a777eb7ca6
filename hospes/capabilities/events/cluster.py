"""The log in another PostgreSQL cluster, after a dump was restored there.

Positions follow transaction ids, and those of a new cluster begin anew. `installation.log_base`
lifts them above every position that is there.
"""

import structlog

from hospes.base.db import Database, sql

# Beyond the newest event there may be positions that readers were given as far as they had read, and
# events that were written after the dump. Positions stay below 2^53 for 8,000 such moves.
_AHEAD = 1 << 24

log = structlog.get_logger()

# On the cluster where they were written, no position is ahead: its transaction's id was given out before.
LIFT = sql(
    """
    UPDATE installation
       SET log_base = newest.id - pg_current_xact_id()::text::bigint + $1
      FROM (SELECT max(e.position) >> 16 AS id
              FROM workspaces w
             CROSS JOIN LATERAL (
                   SELECT position
                     FROM events
                    WHERE workspace_id = w.id
                    ORDER BY position DESC
                    LIMIT 1) e) newest
     WHERE newest.id >= pg_current_xact_id()::text::bigint + log_base
    """,
    across="positions of every workspace follow one count",
)


async def keep_ahead(database: Database) -> bool:
    """Whether the log was found in a new cluster; then what is recorded next comes after all that is there."""
    is_moved = await database.execute(LIFT, _AHEAD) != "UPDATE 0"
    if is_moved:
        log.warning("events.moved_to_another_cluster")
    return is_moved
