"""Missions: work on site, from planned to reported. Property API 11."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hospes.base import zones
from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities import bookings, events, messaging, properties
from hospes.capabilities.missions import happenings

UNSET = msgspec.UNSET
TYPES = {
    "cleaning": "Cleaning",
    "check_in": "Check-in",
    "check_out": "Check-out",
    "maintenance": "Maintenance",
    "urgency": "Urgent repair",
    "other": "Task",
}
STATUSES = ("pending", "pending_host", "assigned", "in_progress", "completed", "cancelled")
_CLOSED = ("completed", "cancelled")
# From each open state, where one may go by hand; to `cancelled` from all of them.
_NEXT = {
    "pending": {"assigned", "pending_host", "cancelled"},
    "pending_host": {"assigned", "pending", "cancelled"},
    "assigned": {"pending", "pending_host", "in_progress", "completed", "cancelled"},
    "in_progress": {"completed", "cancelled"},
}


class Mission(msgspec.Struct, frozen=True):
    id: int
    property_id: int
    booking_id: int | None
    mission_type: str
    status: str
    title: str
    description: str | None
    scheduled_at: datetime
    time_zone: str
    duration_minutes: int | None
    team_member_id: int | None
    is_automatic: bool
    started_at: datetime | None
    completed_at: datetime | None
    report: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    first_name: str | None
    last_name: str | None
    is_entitled: bool
    location_id: int

    @property
    def member_name(self) -> str | None:
        return " ".join(part for part in (self.first_name, self.last_name) if part) or None


class NewMission(msgspec.Struct, frozen=True, kw_only=True):
    """A mission to be."""

    property_id: int
    mission_type: str
    scheduled_at: datetime
    booking_id: int | None = None
    title: str | None = None
    description: str | None = None
    time_zone: str | None = None
    duration_minutes: int | None = None
    team_member_id: int | None = None
    is_automatic: bool = False


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What shall change; what is UNSET stays."""

    booking_id: int | None | msgspec.UnsetType = UNSET
    mission_type: str | msgspec.UnsetType = UNSET
    status: str | msgspec.UnsetType = UNSET
    title: str | msgspec.UnsetType = UNSET
    description: str | None | msgspec.UnsetType = UNSET
    scheduled_at: datetime | msgspec.UnsetType = UNSET
    time_zone: str | msgspec.UnsetType = UNSET
    duration_minutes: int | None | msgspec.UnsetType = UNSET
    team_member_id: int | None | msgspec.UnsetType = UNSET


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which missions; days are of the mission's own time zone, both included."""

    property_id: int | None = None
    booking_id: int | None = None
    team_member_id: int | None = None
    mission_type: str | None = None
    status: str | None = None
    since: date | None = None
    until: date | None = None


_SELECT = """
    SELECT m.id, m.property_id, m.booking_id, m.mission_type, m.status, m.title, m.description, m.scheduled_at,
           m.time_zone, m.duration_minutes, m.team_member_id, m.is_automatic, m.started_at, m.completed_at, m.report,
           m.created_at, m.updated_at, t.first_name, t.last_name, p.is_entitled, p.location_id
      FROM missions m
      JOIN properties p ON p.workspace_id = $1 AND p.id = m.property_id
      LEFT JOIN team_members t ON t.workspace_id = $1 AND t.id = m.team_member_id
"""
# A day lasts 24 hours and begins somewhere within 14 hours of UTC's: a range that the index knows,
# and inside it each mission by its own clock.
_WHERE = """
     WHERE m.workspace_id = $1
       AND ($2::bigint IS NULL OR m.property_id = $2)
       AND ($3::bigint IS NULL OR m.booking_id = $3)
       AND ($4::bigint IS NULL OR m.team_member_id = $4)
       AND ($5::text IS NULL OR m.mission_type = $5)
       AND ($6::text IS NULL OR m.status = $6)
       AND m.scheduled_at >= $7 AND m.scheduled_at < $8
       AND ($9::date IS NULL OR (m.scheduled_at AT TIME ZONE m.time_zone)::date >= $9)
       AND ($10::date IS NULL OR (m.scheduled_at AT TIME ZONE m.time_zone)::date <= $10)
       AND p.is_entitled
"""
GET = sql(f"{_SELECT} WHERE m.workspace_id = $1 AND m.id = $2")
LOCK = sql(f"{_SELECT} WHERE m.workspace_id = $1 AND m.id = $2 FOR UPDATE OF m")
AUTOMATIC = sql(f"""
    {_SELECT}
     WHERE m.workspace_id = $1 AND m.booking_id = $2 AND m.mission_type = $3 AND m.is_automatic
       AND m.status <> 'cancelled'
       FOR UPDATE OF m
""")
PAGE = sql(f"{_SELECT} {_WHERE} ORDER BY m.scheduled_at, m.id LIMIT $11 OFFSET $12")
COUNT = sql(f"""
    SELECT count(*) FROM missions m JOIN properties p ON p.workspace_id = $1 AND p.id = m.property_id {_WHERE}
""")  # noqa: S608
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def get(reader: Reader, mission_id: int) -> Mission:
    """Raises NotFound."""
    mission = await reader.find(Mission, GET, mission_id)
    if mission is None:
        raise NotFound("Mission not found")
    return mission


async def check(reader: Reader, mission_id: int) -> Mission:
    """A mission that apps may see. Raises NotFound, Unentitled."""
    mission = await get(reader, mission_id)
    if not mission.is_entitled:
        raise properties.units.Unentitled("This property's plan does not include the API.")
    return mission


async def list_page(reader: Reader, wanted: Wanted, *, limit: int, offset: int) -> tuple[list[Mission], int]:
    """A page of missions of entitled properties, by when they are due, and how many there are."""
    which = (
        wanted.property_id,
        wanted.booking_id,
        wanted.team_member_id,
        wanted.mission_type,
        wanted.status,
        datetime.combine(wanted.since, time(), UTC) - timedelta(days=1) if wanted.since else _FIRST,
        datetime.combine(wanted.until, time(), UTC) + timedelta(days=2) if wanted.until else _LAST,
        wanted.since,
        wanted.until,
    )
    found = await reader.all(Mission, PAGE, *which, limit, offset)
    return found, int(await reader.value(COUNT, *which))


CREATE = sql("""
    INSERT INTO missions (workspace_id, id, property_id, booking_id, mission_type, status, title, description,
                          scheduled_at, time_zone, duration_minutes, team_member_id, is_automatic, created_at,
                          updated_at)
    VALUES ($1, coalesce($2, nextval('missions_id_seq')), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
    RETURNING id
""")


async def create(tx: Tx, new: NewMission, *, mission_id: int | None = None) -> Mission:
    """Plan a mission; whoever is assigned is told. Raises NotFound, Invalid."""
    unit = await properties.get(tx, new.property_id)
    if new.booking_id is not None:
        await _of_property(tx, new.booking_id, unit.id)
    if new.team_member_id is not None:
        await _covering(tx, new.team_member_id, unit.id)
    _check(new)
    made = await tx.value(
        CREATE,
        mission_id,
        unit.id,
        new.booking_id,
        new.mission_type,
        "pending" if new.team_member_id is None else "assigned",
        new.title or TYPES[new.mission_type],
        new.description,
        new.scheduled_at,
        new.time_zone or unit.time_zone,
        new.duration_minutes,
        new.team_member_id,
        new.is_automatic,
        tx.now,
    )
    mission = await get(tx, made)
    await _record(tx, mission, happenings.MissionCreated)
    if mission.team_member_id is not None:
        await _assigned(tx, mission)
    return mission


UPDATE = sql("""
    UPDATE missions
       SET booking_id = $3, mission_type = $4, status = $5, title = $6, description = $7, scheduled_at = $8,
           time_zone = $9, duration_minutes = $10, team_member_id = $11, started_at = $12, completed_at = $13,
           updated_at = $14
     WHERE workspace_id = $1 AND id = $2
""")


async def find_automatic(tx: Tx, booking_id: int, mission_type: str) -> Mission | None:
    """What the house planned for a booking by itself, locked; None when there is nothing, or it was cancelled."""
    return await tx.find(Mission, AUTOMATIC, booking_id, mission_type)


async def change(tx: Tx, mission_id: int, changes: Changes) -> Mission:
    """As `alter`. Raises NotFound too."""
    before = await tx.find(Mission, LOCK, mission_id)
    if before is None:
        raise NotFound("Mission not found")
    return await alter(tx, before, changes)


async def alter(tx: Tx, before: Mission, changes: Changes) -> Mission:
    """Change what is given and differs of a mission that is locked. Raises Invalid, Conflict for one that is over."""
    if before.status in _CLOSED:
        raise Conflict(f"This mission is {before.status} and cannot be changed")
    given = {field: value for field in Changes.__struct_fields__ if (value := getattr(changes, field)) is not UNSET}
    after = msgspec.structs.replace(before, **given)
    if after == before:
        return before
    await _check_change(tx, before, after)
    after = msgspec.structs.replace(after, **_moved(before, after, has_status="status" in given, now=tx.now))
    await tx.run(
        UPDATE,
        before.id,
        after.booking_id,
        after.mission_type,
        after.status,
        after.title,
        after.description,
        after.scheduled_at,
        after.time_zone,
        after.duration_minutes,
        after.team_member_id,
        after.started_at,
        after.completed_at,
        tx.now,
    )
    after = (
        await get(tx, before.id)
        if after.team_member_id != before.team_member_id
        else msgspec.structs.replace(after, updated_at=tx.now)
    )
    await _tell(tx, before, after, list(given))
    return after


async def _check_change(tx: Tx, before: Mission, after: Mission) -> None:
    if after.booking_id is not None and after.booking_id != before.booking_id:
        await _of_property(tx, after.booking_id, before.property_id)
    if after.team_member_id is not None and after.team_member_id != before.team_member_id:
        await _covering(tx, after.team_member_id, before.property_id)
    _check(after)
    if after.status not in STATUSES:
        raise Invalid(f"A status is one of: {', '.join(STATUSES)}", field="status")


def _moved(before: Mission, after: Mission, *, has_status: bool, now: datetime) -> dict[str, Any]:
    """The status after the change, and when work began and ended. Raises Invalid for a step that there is not."""
    status = after.status
    if not has_status and before.status in ("pending", "pending_host", "assigned"):
        # Who is assigned, or not any more, decides.
        if after.team_member_id is None and before.team_member_id is not None:
            status = "pending"
        elif after.team_member_id is not None and before.status != "assigned":
            status = "assigned"
    if status != before.status and status not in _NEXT[before.status]:
        raise Invalid(f"A mission that is {before.status} cannot become {status}", field="status")
    if status in ("assigned", "in_progress") and after.team_member_id is None:
        raise Invalid("Assign a team member first", field="status")
    is_withdrawn = status in ("pending", "pending_host") and before.status == "assigned"
    return {
        "status": status,
        "team_member_id": None if is_withdrawn and has_status else after.team_member_id,
        "started_at": before.started_at or (now if status in ("in_progress", "completed") else None),
        "completed_at": now if status == "completed" else None,
    }


async def _tell(tx: Tx, before: Mission, after: Mission, changed: list[str]) -> None:
    steps = {
        "in_progress": happenings.MissionStarted,
        "completed": happenings.MissionCompleted,
        "cancelled": happenings.MissionCancelled,
    }
    is_assigned = after.team_member_id is not None and after.team_member_id != before.team_member_id
    if is_assigned:
        await _assigned(tx, after)
    if after.status != before.status and after.status in steps:
        await _record(tx, after, steps[after.status])
    elif before.status == "assigned" and after.status in ("pending", "pending_host"):
        await _record(tx, after, happenings.MissionDeclined)
    elif not is_assigned:
        updated = happenings.MissionUpdated(**_about(after), changed=changed)
        await events.record(tx, updated, location_id=after.location_id)


def _about(mission: Mission) -> dict[str, Any]:
    return {
        "property_id": mission.property_id,
        "booking_id": mission.booking_id,
        "mission_id": mission.id,
        "mission_type": mission.mission_type,
    }


async def _record(tx: Tx, mission: Mission, kind: type[happenings.MissionEvent]) -> None:
    await events.record(tx, kind(**_about(mission)), location_id=mission.location_id)


async def _assigned(tx: Tx, mission: Mission) -> None:
    assert mission.team_member_id is not None
    told = happenings.MissionAssigned(**_about(mission), team_member_id=mission.team_member_id)
    await events.record(tx, told, location_id=mission.location_id)
    member = await properties.team.get(tx, mission.team_member_id)
    if member.email and "email" in member.channels:
        unit = await properties.get(tx, mission.property_id)
        await messaging.outbox.put(tx, _letter(member, mission, unit))


def _letter(member: properties.team.Member, mission: Mission, unit: properties.Property) -> messaging.outbox.Draft:
    at = mission.scheduled_at.astimezone(ZoneInfo(mission.time_zone))
    text = f"Hello {member.first_name},\n\n{mission.title} at {unit.name}: {at:%A %d %B %Y, %H:%M} ({at.tzname()}).\n"
    if mission.description:
        text += f"\n{mission.description}\n"
    return messaging.outbox.Draft(
        channel="email",
        purpose=messaging.templates.TRANSACTIONAL,
        address=member.email or "",
        subject=f"{TYPES[mission.mission_type]} at {unit.name}, {at:%d %B}",
        text=text,
    )


async def _of_property(tx: Tx, booking_id: int, property_id: int) -> None:
    booking = await bookings.get(tx, booking_id)
    if booking.property_id != property_id:
        raise Invalid("The booking is of another property", field="bookingId")


async def _covering(tx: Tx, member_id: int, property_id: int) -> None:
    member = await properties.team.get(tx, member_id)
    if not member.is_active or property_id not in member.property_ids:
        raise Invalid("The team member is inactive or does not cover this property", field="assignedTeamMemberId")


def _check(one: NewMission | Mission) -> None:
    if one.mission_type not in TYPES:
        raise Invalid(f"A mission type is one of: {', '.join(TYPES)}", field="missionType")
    if one.title is not None and not 1 <= len(one.title.strip()) <= 200:
        raise Invalid("A title has 1 to 200 characters", field="title")
    if one.description is not None and len(one.description) > 5000:
        raise Invalid("A description has at most 5,000 characters", field="description")
    if one.time_zone is not None and not zones.is_known(one.time_zone):
        raise Invalid("A time zone is an IANA name such as Europe/Paris", field="timezone")
    if one.duration_minutes is not None and not 1 <= one.duration_minutes <= 1440:
        raise Invalid("A mission takes 1 to 1,440 minutes", field="durationMinutes")
    if not 2000 <= one.scheduled_at.year < 2100:
        raise Invalid("A mission is scheduled between the years 2000 and 2100", field="scheduledAt")
