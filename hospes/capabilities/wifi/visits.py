"""Visits: sessions joined over short gaps."""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Database, Reader, Tx, sql
from hospes.capabilities import events, guests
from hospes.capabilities.wifi.happenings import VisitEnded, VisitStarted


class Visit(msgspec.Struct, frozen=True):
    id: int
    guest_id: int
    location_id: int
    session_id: int
    started_at: datetime
    last_at: datetime
    ended_at: datetime | None


# While a session of it is open, a visit lasts until now.
LATEST = sql("""
    SELECT v.id, v.guest_id, v.location_id, v.session_id, v.started_at,
           greatest(v.last_at, (SELECT max(coalesce(s.ended_at, $4::timestamptz))
                                  FROM wifi_sessions s
                                 WHERE s.workspace_id = v.workspace_id AND s.guest_id = v.guest_id
                                   AND s.visit_id = v.id)) AS last_at,
           v.ended_at
      FROM visits v
     WHERE v.workspace_id = $1 AND v.guest_id = ANY ($2::bigint[]) AND v.location_id = $3 AND v.ended_at IS NULL
     ORDER BY v.id DESC
     LIMIT 1
""")
OPEN = sql("""
    INSERT INTO visits (workspace_id, guest_id, location_id, session_id, started_at, last_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
""")
GO_ON = sql("""
    UPDATE visits
       SET last_at = greatest(last_at, $3), started_at = least(started_at, $4)
     WHERE workspace_id = $1 AND id = $2
""")


async def join(
    tx: Tx, family: list[int], location_id: int, session_id: int, *, started_at: datetime, gap: timedelta
) -> int:
    """The visit that a session belongs to: the open one, else a new one, which the log is told of.

    The guest is held by the caller, so that two sessions at once make one visit.
    """
    visit = await tx.find(Visit, LATEST, family, location_id, tx.now)
    if visit is not None and started_at <= visit.last_at + gap:
        await tx.run(GO_ON, visit.id, started_at, started_at)
        return visit.id
    if visit is not None:
        await _end(tx, visit, visit.last_at)
    visit_id = int(await tx.value(OPEN, family[0], location_id, session_id, started_at, max(started_at, tx.now)))
    await guests.seen(tx, family[0])
    event = VisitStarted(guest_id=family[0], session_id=session_id, location_id=location_id)
    await events.record(tx, event, location_id=location_id, occurred_at=started_at)
    return visit_id


async def go_on(tx: Tx, visit_id: int, until: datetime) -> None:
    """Something was heard of one of its sessions."""
    await tx.run(GO_ON, visit_id, until, until)


END = sql("""
    UPDATE visits
       SET ended_at = $3, last_at = greatest(last_at, $3)
     WHERE workspace_id = $1 AND id = $2 AND ended_at IS NULL
""")


async def _end(tx: Tx, visit: Visit, at: datetime) -> None:
    if not await tx.run(END, visit.id, at):
        return
    event = VisitEnded(
        guest_id=visit.guest_id,
        session_id=visit.session_id,
        location_id=visit.location_id,
        duration_seconds=int((at - visit.started_at).total_seconds()),
    )
    await events.record(tx, event, location_id=visit.location_id, occurred_at=at)


# Without an open session, and with none that ended within the gap of its portal.
OVER = sql("""
    SELECT v.id, v.guest_id, v.location_id, v.session_id, v.started_at,
           greatest(v.last_at, coalesce(s.last_at, v.last_at)) AS last_at, v.ended_at
      FROM visits v
      LEFT JOIN LATERAL (
           SELECT max(coalesce(s.ended_at, 'infinity')) AS last_at,
                  max(coalesce((p.settings ->> 'gap_minutes')::integer, $3)) AS gap_minutes
             FROM wifi_sessions s
             JOIN portals p ON p.workspace_id = s.workspace_id AND p.id = s.portal_id
            WHERE s.workspace_id = v.workspace_id AND s.guest_id = v.guest_id AND s.location_id = v.location_id
              AND s.visit_id = v.id) s ON true
     WHERE v.workspace_id = $1 AND v.ended_at IS NULL
       AND greatest(v.last_at, coalesce(s.last_at, v.last_at))
           <= $2::timestamptz - make_interval(mins => coalesce(s.gap_minutes, $3))
     ORDER BY v.id
     LIMIT 200
""")
WITH_OPEN = sql(
    "SELECT DISTINCT workspace_id FROM visits WHERE ended_at IS NULL", across="asks where somebody is present"
)


async def end_over(tx: Tx, *, gap_minutes: int) -> int:
    """End visits that nobody came back to; returns how many. They ended when the last session did."""
    over = await tx.all(Visit, OVER, tx.now, gap_minutes)
    for visit in over:
        await guests.hold(tx, visit.guest_id, even_erased=True)
        await _end(tx, visit, visit.last_at)
    return len(over)


async def with_open(database: Database) -> list[int]:
    """The workspaces in which a visit is open."""
    return [row[0] for row in await database.fetch(WITH_OPEN)]


# The visits of merged guests count for the guest that answers for them.
COUNTS = sql(f"""
    {guests.FAMILIES}
    SELECT f.head AS guest_id, count(*) AS times
      FROM family f
      JOIN visits v ON v.workspace_id = $1 AND v.guest_id = f.id
     GROUP BY f.head
""")  # noqa: S608 (constants only)
# For the statement of somebody who reads guests as `g`.
COUNT_OF_GUEST = "(SELECT count(*) FROM visits v WHERE v.workspace_id = $1 AND v.guest_id = g.id)"


class _Times(msgspec.Struct, frozen=True):
    guest_id: int
    times: int


async def counts(reader: Reader, guest_ids: list[int]) -> dict[int, int]:
    """How often each of these came."""
    return {row.guest_id: row.times for row in await reader.all(_Times, COUNTS, guest_ids)}
