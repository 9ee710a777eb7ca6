"""Analytics: headline figures, guests, promotions. Contract 14."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hospes.base.db import Reader
from hospes.capabilities import analytics
from hospes.doors.guest_api.shapes import Id, Instant
from hospes.web.routes import Route

Day = Annotated[str, Meta(extra_json_schema={"format": "date"}, examples=["2026-06-20"])]


class LocationQuery(msgspec.Struct, frozen=True, kw_only=True):
    location_id: Id | None = None


class Overview(msgspec.Struct, frozen=True):
    location_id: int | None
    guests_total: int
    guests_new_30d: int
    guests_returning_30d: int
    active_sessions: int
    visits_30d: int
    promotions_granted_30d: int
    promotions_redeemed_30d: int
    points_added_30d: int
    points_redeemed_30d: int
    generated_at: Instant


class DayOut(msgspec.Struct, frozen=True):
    date: Day
    new: int
    returning: int
    visits: int


class GuestFigures(msgspec.Struct, frozen=True):
    total: int
    new_30d: int
    returning_30d: int
    vip: int
    marketing_opt_in: int
    series: list[DayOut]


async def show_guests(reader: Reader, query: LocationQuery) -> GuestFigures:
    """Guest KPIs and a 30-day series

    The series has thirty days, oldest first, ending today in the location's time zone (UTC without a
    location). `returning` counts guests who came that day and had come on an earlier day.
    """
    figures = await analytics.guest_figures(reader, location_id=query.location_id)
    series = [DayOut(day.on.isoformat(), day.new, day.returning, day.visits) for day in figures.series]
    return GuestFigures(figures.total, figures.new, figures.returning, figures.vip, figures.opt_in, series)


ROUTES: list[Route] = [
    Route(
        method="GET",
        path="/analytics/guests",
        handler=show_guests,
        scope="analytics:read",
        printed_scope="analytics:read",
        module="analytics",
        group="Analytics",
        query=LocationQuery,
        answer=GuestFigures,
        errors=(404,),
    ),
]
