"""Missions: cleaning, check-in, check-out and other work on site. Contract 11."""

from msgspec import UNSET

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.capabilities import bookings, missions, properties
from hospes.doors.property_api import shapes
from hospes.doors.property_api.shapes import paged
from hospes.web.decode import Fault, Malformed


async def list_missions(reader: Reader, query: shapes.MissionQuery) -> shapes.Missions:
    """List missions

    By when they are due. Days are of each mission's own time zone.
    """
    kind = query.mission_type or query.type
    if kind is not None and kind not in missions.TYPES:
        raise Invalid(f"A mission type is one of: {', '.join(missions.TYPES)}", field="missionType")
    if query.status is not None and query.status not in missions.STATUSES:
        raise Invalid(f"A status is one of: {', '.join(missions.STATUSES)}", field="status")
    if query.from_date and query.to_date and query.to_date < query.from_date:
        raise Invalid("toDate is before fromDate", field="toDate")
    if query.property_id is not None:
        await properties.check(reader, query.property_id)
    wanted = missions.Wanted(
        property_id=query.property_id,
        booking_id=query.booking_id,
        team_member_id=query.assigned_team_member_id,
        mission_type=kind,
        status=query.status,
        since=query.from_date,
        until=query.to_date,
    )
    found, total = await missions.list_page(reader, wanted, limit=query.limit, offset=query.start)
    return shapes.Page([shapes.MissionOut.of(one) for one in found], paged(query, total))


async def get_mission(reader: Reader, mission_id: int) -> shapes.MissionDetail:
    """Get mission

    With the report, once the work is done.
    """
    mission = await missions.check(reader, mission_id)
    return _detail(mission)


async def create_mission(tx: Tx, body: shapes.MissionIn) -> shapes.MissionOut:
    """Create mission

    `scheduledAt` is an instant; `timezone` says by which clock it is shown. Who is assigned is told by email.
    """
    kind = body.mission_type or body.type
    if kind is None:
        raise Malformed((Fault("missing", ("body", "missionType"), "Field required"),))
    await properties.check(tx, body.property_id)
    if body.booking_id is not None:
        await bookings.check(tx, body.booking_id)
    new = missions.NewMission(
        property_id=body.property_id,
        booking_id=body.booking_id,
        mission_type=kind,
        title=body.title,
        description=body.description,
        scheduled_at=body.scheduled_at,
        time_zone=body.timezone,
        duration_minutes=body.duration_minutes,
        team_member_id=body.assigned_team_member_id,
    )
    return shapes.MissionOut.of(await missions.create(tx, new))


async def update_mission(tx: Tx, mission_id: int, body: shapes.MissionPatch) -> shapes.MissionDetail:
    """Update mission

    `assignedTeamMemberId: null` takes the work back from whoever has it. A mission that is completed or cancelled
    stays as it is.
    """
    before = await missions.check(tx, mission_id)
    if body.property_id not in (UNSET, before.property_id):
        raise Invalid("A mission stays at its property", field="propertyId")
    changes = missions.Changes(
        booking_id=body.booking_id,
        mission_type=body.mission_type if body.mission_type is not UNSET else body.type,
        status=body.status,
        title=body.title,
        description=body.description,
        scheduled_at=body.scheduled_at,
        time_zone=body.timezone,
        duration_minutes=body.duration_minutes,
        team_member_id=body.assigned_team_member_id,
    )
    return _detail(await missions.change(tx, mission_id, changes))


def _detail(mission: missions.Mission) -> shapes.MissionDetail:
    detail = shapes.MissionDetail.of(mission, report=mission.report)
    assert isinstance(detail, shapes.MissionDetail)
    return detail
