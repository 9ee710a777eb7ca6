"""Sessions on the network: opened, kept and closed by RADIUS accounting, or by silence.

Packets come late, twice and out of order (RFC 2866 section 3; RFC 5080 section 2.2.1), so a session
is known by its device and that device's id, and each packet by the instants it speaks of.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import NotFound
from hospes.capabilities import guests
from hospes.capabilities.wifi import portals, visits

# The greatest difference at which two tellings of a session's start mean the same one.
_SAME = timedelta(seconds=90)
_LONGEST = timedelta(days=60)


class Session(msgspec.Struct, frozen=True):
    id: int
    guest_id: int | None
    location_id: int
    portal_id: int
    mac: str | None
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None


class Present(msgspec.Struct, frozen=True):
    """A guest who is online; of several sessions, the oldest."""

    guest_id: int
    name: str | None
    is_vip: bool
    location_id: int
    session_id: int
    connected_since: datetime


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """What a network device tells of a session, at the instant it speaks of."""

    kind: Literal["start", "interim", "stop", "on", "off"]
    nas: str
    at: datetime
    accounting_id: str | None = None
    mac: str | None = None
    framed_ip: str | None = None
    lasted: timedelta | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    cause: str | None = None


_COLUMNS = "id, guest_id, location_id, portal_id, mac, started_at, last_seen_at, ended_at"
_WHERE = """
      FROM wifi_sessions
     WHERE workspace_id = $1
       AND ($2::bigint IS NULL OR location_id = $2)
       AND ($3::bigint[] IS NULL OR guest_id = ANY ($3))
       AND (NOT $4::boolean OR ended_at IS NULL)
       AND ($5::timestamptz IS NULL OR started_at >= $5)
       AND ($6::timestamptz IS NULL OR started_at <= $6)
"""
LIST = sql(f"SELECT {_COLUMNS} {_WHERE} ORDER BY id DESC LIMIT $7 OFFSET $8")
COUNT = sql(f"SELECT count(*) {_WHERE}")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list; `since` and `until` (inclusive) go by their start."""

    location_id: int | None = None
    guest_id: int | None = None
    active_only: bool = False
    since: datetime | None = None
    until: datetime | None = None


async def list_page(reader: Reader, wanted: Wanted, *, limit: int, offset: int) -> tuple[list[Session], int]:
    """A page of sessions, newest first, and how many there are. Raises NotFound for the guest."""
    family = await guests.family(reader, wanted.guest_id) if wanted.guest_id is not None else None
    values = (wanted.location_id, family, wanted.active_only, wanted.since, wanted.until)
    found = await reader.all(Session, LIST, *values, limit, offset)
    return found, int(await reader.value(COUNT, *values))


_PRESENT = """
      FROM wifi_sessions s
      JOIN guests old ON old.workspace_id = s.workspace_id AND old.id = s.guest_id
      JOIN guests g ON g.workspace_id = s.workspace_id AND g.id = coalesce(old.merged_into, old.id)
     WHERE s.workspace_id = $1 AND s.ended_at IS NULL AND ($2::bigint IS NULL OR s.location_id = $2)
"""
PRESENT = sql(f"""
    SELECT guest_id, name, is_vip, location_id, session_id, connected_since
      FROM (SELECT DISTINCT ON (g.id)
                   g.id AS guest_id, g.name, g.is_vip, s.location_id, s.id AS session_id,
                   s.started_at AS connected_since
              {_PRESENT}
             ORDER BY g.id, s.started_at, s.id) present
     ORDER BY connected_since DESC, session_id DESC
     LIMIT $3 OFFSET $4
""")  # noqa: S608
COUNT_PRESENT = sql(f"SELECT count(DISTINCT g.id) {_PRESENT}")
COUNT_OPEN = sql("""
    SELECT count(*)
      FROM wifi_sessions
     WHERE workspace_id = $1 AND ended_at IS NULL AND ($2::bigint IS NULL OR location_id = $2)
""")


async def list_present(
    reader: Reader, *, location_id: int | None, limit: int, offset: int
) -> tuple[list[Present], int]:
    """Who is online now, the latest first, and how many."""
    found = await reader.all(Present, PRESENT, location_id, limit, offset)
    return found, int(await reader.value(COUNT_PRESENT, location_id))


async def count_open(reader: Reader, location_id: int | None) -> int:
    """How many sessions are open."""
    return int(await reader.value(COUNT_OPEN, location_id))


# The common case in one statement: a session that is known goes on, and so does its visit.
KEEP = sql("""
    WITH kept AS (
        UPDATE wifi_sessions
           SET last_seen_at = greatest(last_seen_at, $4),
               bytes_in = greatest(bytes_in, coalesce($5::bigint, 0)),
               bytes_out = greatest(bytes_out, coalesce($6::bigint, 0)),
               framed_ip = coalesce($7, framed_ip)
         WHERE workspace_id = $1 AND nas = $2 AND accounting_id = $3 AND ended_at IS NULL
        RETURNING id
    )
    SELECT count(*) FROM kept
""")
CLOSE = sql("""
    UPDATE wifi_sessions
       SET ended_at = greatest(started_at, $4),
           last_seen_at = greatest(last_seen_at, $4),
           bytes_in = greatest(bytes_in, coalesce($5::bigint, 0)),
           bytes_out = greatest(bytes_out, coalesce($6::bigint, 0)),
           end_cause = $7
     WHERE workspace_id = $1 AND nas = $2 AND accounting_id = $3 AND ended_at IS NULL
    RETURNING visit_id
""")
CLOSE_NAS = sql("""
    UPDATE wifi_sessions
       SET ended_at = greatest(started_at, $3), end_cause = $4
     WHERE workspace_id = $1 AND nas = $2 AND ended_at IS NULL AND started_at <= $3
    RETURNING visit_id
""")
KNOWN = sql(f"""
    SELECT {_COLUMNS}
      FROM wifi_sessions
     WHERE workspace_id = $1 AND nas = $2 AND accounting_id = $3
     ORDER BY id DESC
     LIMIT 1
""")  # noqa: S608
# The sign-in came first, and the accounting of the same device now.
ADOPT = sql("""
    UPDATE wifi_sessions
       SET nas = $3, accounting_id = $4, framed_ip = $5, last_seen_at = greatest(last_seen_at, $6)
     WHERE workspace_id = $1 AND ended_at IS NULL AND accounting_id IS NULL AND mac = $2 AND location_id = $7
    RETURNING id
""")
OPEN = sql("""
    INSERT INTO wifi_sessions (workspace_id, guest_id, location_id, portal_id, mac, nas, accounting_id, framed_ip,
                               bytes_in, bytes_out, started_at, last_seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::bigint, 0), coalesce($10::bigint, 0), $11, $12)
        ON CONFLICT (workspace_id, nas, accounting_id) WHERE ended_at IS NULL DO NOTHING
    RETURNING id
""")
VISIT = sql("UPDATE wifi_sessions SET visit_id = $3, guest_id = $4 WHERE workspace_id = $1 AND id = $2")
DEVICE_OF = sql("SELECT guest_id FROM devices WHERE workspace_id = $1 AND mac = $2")
PORTAL_OF = sql("""
    SELECT p.id, p.location_id, p.name, p.slug, p.is_active, p.settings, p.created_at
      FROM access_points a
      JOIN portals p ON p.workspace_id = a.workspace_id AND p.id = a.portal_id
     WHERE a.workspace_id = $1 AND a.name = $2
""")


async def keep(reader: Reader, packet: Packet) -> bool:
    """Note that a known session goes on; False when there is none to keep, and `account` has to see to it."""
    if packet.kind not in ("start", "interim") or packet.accounting_id is None:
        return False
    at = min(packet.at, reader.now)
    return bool(
        await reader.value(
            KEEP, packet.nas, packet.accounting_id, at, packet.bytes_in, packet.bytes_out, packet.framed_ip
        )
    )


async def account(tx: Tx, packet: Packet) -> None:
    """Open, keep or close what a packet speaks of. Raises NotFound for a device that no portal has."""
    packet = msgspec.structs.replace(packet, at=min(packet.at, tx.now))
    if packet.kind in ("on", "off"):
        await _close_visits(
            tx, await tx.column(CLOSE_NAS, packet.nas, packet.at, f"accounting-{packet.kind}"), packet.at
        )
    elif packet.accounting_id is None:
        return
    elif packet.kind == "stop":
        await _stop(tx, packet)
    elif not await keep(tx, packet):
        await _start(tx, packet)


async def _stop(tx: Tx, packet: Packet) -> None:
    values = (packet.nas, packet.accounting_id, packet.at, packet.bytes_in, packet.bytes_out, packet.cause or "stop")
    closed = await tx.column(CLOSE, *values)
    if not closed:
        # The start was lost: the stop tells how long it lasted.
        session_id = await _start(tx, packet)
        closed = await tx.column(CLOSE, *values) if session_id is not None else []
    await _close_visits(tx, closed, packet.at)


async def _close_visits(tx: Tx, visit_ids: list[int | None], at: datetime) -> None:
    for visit_id in sorted({visit_id for visit_id in visit_ids if visit_id is not None}):
        await visits.go_on(tx, visit_id, at)


async def _start(tx: Tx, packet: Packet) -> int | None:
    """A new session, unless the packet speaks of one that is over. Raises NotFound."""
    portal = await tx.find(portals.Portal, PORTAL_OF, packet.nas)
    if portal is None:
        raise NotFound("No portal has this network device")
    started_at = packet.at - min(packet.lasted or timedelta(), _LONGEST)
    known = await tx.find(Session, KNOWN, packet.nas, packet.accounting_id)
    if known is not None and known.ended_at is not None and _is_same(known, packet, started_at):
        return None
    guest_id = await tx.value(DEVICE_OF, packet.mac) if packet.mac else None
    family = await guests.hold(tx, guest_id) if guest_id is not None else []
    adopted = await _adopt(tx, packet, portal)
    if adopted is not None:
        return adopted
    session_id = await tx.value(
        OPEN,
        family[0] if family else None,
        portal.location_id,
        portal.id,
        packet.mac,
        packet.nas,
        packet.accounting_id,
        packet.framed_ip,
        packet.bytes_in,
        packet.bytes_out,
        started_at,
        packet.at,
    )
    if session_id is not None and family:
        await attach(tx, session_id, family, portal, started_at=started_at)
    return int(session_id) if session_id is not None else None


def _is_same(known: Session, packet: Packet, started_at: datetime) -> bool:
    """Whether a packet speaks of a session that is over: devices use an id again after they restart."""
    assert known.ended_at is not None
    if packet.lasted is not None:
        return abs(started_at - known.started_at) <= _SAME
    return packet.at <= known.ended_at + _SAME


async def _adopt(tx: Tx, packet: Packet, portal: portals.Portal) -> int | None:
    if packet.mac is None:
        return None
    return await tx.value(  # type: ignore[no-any-return]
        ADOPT, packet.mac, packet.nas, packet.accounting_id, packet.framed_ip, packet.at, portal.location_id
    )


async def attach(tx: Tx, session_id: int, family: list[int], portal: portals.Portal, *, started_at: datetime) -> None:
    """Make a session that of a guest who is held, and part of a visit."""
    gap = timedelta(minutes=portal.ask().gap_minutes)
    visit_id = await visits.join(tx, family, portal.location_id, session_id, started_at=started_at, gap=gap)
    await tx.run(VISIT, session_id, visit_id, family[0])


# Sessions that nothing was heard of for the portal's time, and sign-ins without accounting whose access ended.
SILENT = sql("""
    WITH quiet AS (
        SELECT s.id,
               CASE WHEN s.accounting_id IS NULL THEN granted.until ELSE s.last_seen_at END AS ended_at
          FROM wifi_sessions s
          JOIN portals p ON p.workspace_id = s.workspace_id AND p.id = s.portal_id
          LEFT JOIN devices d ON d.workspace_id = s.workspace_id AND d.mac = s.mac
         CROSS JOIN LATERAL (
               SELECT greatest(s.started_at, coalesce(d.access_until, s.started_at + make_interval(
                          mins => coalesce((p.settings ->> 'access_minutes')::integer, $4)))) AS until) granted
         WHERE s.workspace_id = $1 AND s.ended_at IS NULL
           AND CASE WHEN s.accounting_id IS NULL THEN granted.until <= $2::timestamptz
                    ELSE s.last_seen_at <= $2::timestamptz
                         - make_interval(mins => coalesce((p.settings ->> 'silent_minutes')::integer, $3)) END
    )
    UPDATE wifi_sessions s
       SET ended_at = quiet.ended_at, end_cause = 'silent'
      FROM quiet
     WHERE s.workspace_id = $1 AND s.id = quiet.id AND s.ended_at IS NULL
    RETURNING s.visit_id, s.ended_at
""")


class _Closed(msgspec.Struct, frozen=True):
    visit_id: int | None
    ended_at: datetime


async def close_silent(tx: Tx) -> int:
    """Close sessions that went silent; returns how many. They ended when they were last heard of."""
    default = portals.Settings()
    closed = await tx.all(_Closed, SILENT, tx.now, default.silent_minutes, default.access_minutes)
    for one in sorted((one for one in closed if one.visit_id is not None), key=lambda one: one.visit_id or 0):
        await visits.go_on(tx, one.visit_id or 0, one.ended_at)
    return len(closed)
