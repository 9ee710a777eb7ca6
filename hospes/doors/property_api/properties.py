"""Properties, their team, and what happened at them. Contract 8, 12, 13."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hospes.base.db import Reader
from hospes.base.errors import Invalid
from hospes.capabilities import automations, bookings, events, missions, properties
from hospes.doors.property_api import shapes
from hospes.doors.property_api.shapes import paged

CATEGORIES = {
    "booking": (
        bookings.BookingCreated.TYPE,
        bookings.BookingUpdated.TYPE,
        bookings.BookingCancelled.TYPE,
    ),
    "mission": missions.happenings.TYPES,
    "automation": automations.TYPES,
}
_CATEGORY_OF = {type_: category for category, types in CATEGORIES.items() for type_ in types}
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def list_properties(reader: Reader, query: shapes.Paging) -> shapes.Properties:
    """List properties

    Those whose plan includes this API.
    """
    found = await properties.list_page(reader, limit=query.limit, offset=query.start)
    total = await properties.count(reader)
    return shapes.Page([shapes.PropertyOut.of(unit) for unit in found], paged(query, total))


async def get_property(reader: Reader, property_id: int) -> shapes.PropertyOut:
    """Get property"""
    return shapes.PropertyOut.of(await properties.check(reader, property_id))


async def list_team_members(reader: Reader, query: shapes.TeamQuery) -> shapes.Team:
    """List team members"""
    if query.property_id is not None:
        await properties.check(reader, query.property_id)
    if query.role is not None and query.role not in properties.team.ROLES:
        raise Invalid(f"A role is one of: {', '.join(properties.team.ROLES)}", field="role")
    found, total = await properties.team.list_page(
        reader,
        property_id=query.property_id,
        role=query.role,
        is_active=query.active,
        limit=query.limit,
        offset=query.start,
    )
    return shapes.Page([shapes.MemberOut.of(member) for member in found], paged(query, total))


async def get_team_member(reader: Reader, team_member_id: int) -> shapes.MemberOut:
    """Get team member"""
    return shapes.MemberOut.of(await properties.team.get(reader, team_member_id))


async def list_activity(reader: Reader, property_id: int, query: shapes.ActivityQuery) -> shapes.Activity:
    """List activity

    What happened at a property, the newest first: bookings, missions, and what was done by itself.
    Days are of the property's time zone.
    """
    unit = await properties.check(reader, property_id)
    if query.category is not None and query.category not in CATEGORIES:
        raise Invalid(f"A category is one of: {', '.join(CATEGORIES)}", field="category")
    if query.from_date and query.to_date and query.to_date < query.from_date:
        raise Invalid("toDate is before fromDate", field="toDate")
    zone = ZoneInfo(unit.time_zone)
    since = datetime.combine(query.from_date, time(), zone) if query.from_date else _FIRST
    before = datetime.combine(query.to_date + timedelta(days=1), time(), zone) if query.to_date else _LAST
    found, total = await events.list_at_property(
        reader,
        property_id,
        list(CATEGORIES[query.category] if query.category else _CATEGORY_OF),
        booking_id=query.booking_id,
        since=since,
        before=before,
        limit=query.limit,
        offset=query.start,
    )
    lines = [shapes.ActivityOut.of(property_id, _CATEGORY_OF[one.type], one) for one in found]
    return shapes.Page(lines, paged(query, total))
