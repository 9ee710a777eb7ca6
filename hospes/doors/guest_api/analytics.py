"""Analytics: headline figures, guests, promotions. Contract 14."""

from typing import Annotated, Any

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


class PromotionOut(msgspec.Struct, frozen=True):
    promotion_id: int
    name: str
    grants: int
    redemptions: int
    redemption_rate: float


class PromotionFigures(msgspec.Struct, frozen=True):
    grants_total: int
    redemptions_total: int
    redemption_rate: float
    items: list[PromotionOut]


async def show_overview(reader: Reader, query: LocationQuery) -> Overview:
    """Headline KPIs

    The last thirty days end today in the location's time zone (UTC without a location). `guests_returning_30d`
    counts guests who came in that time and on an earlier day, too.
    """
    figures = await analytics.overview(reader, location_id=query.location_id)
    return Overview(
        query.location_id,
        figures.guests_total,
        figures.guests_new,
        figures.guests_returning,
        figures.sessions_open,
        figures.visits,
        figures.granted,
        figures.redeemed,
        figures.points_added,
        figures.points_redeemed,
        reader.now.isoformat(),
    )


async def show_promotions(reader: Reader, query: LocationQuery) -> PromotionFigures:
    """Grants and redemptions

    Of all time; the newest 200 promotions one by one. At a location, what was granted and redeemed there.
    """
    total, each = await analytics.promotion_figures(reader, location_id=query.location_id)
    return PromotionFigures(
        total.granted,
        total.redeemed,
        _rate(total),
        [PromotionOut(one.promotion_id, one.name, one.granted, one.redeemed, _rate(one)) for one in each],
    )


def _rate(figures: analytics.PromotionFigures) -> float:
    return round(figures.redeemed / figures.granted, 4) if figures.granted else 0.0


def _route(path: str, handler: Any, answer: Any) -> Route:
    return Route(
        method="GET",
        path="/analytics" + path,
        handler=handler,
        scope="analytics:read",
        printed_scope="analytics:read",
        module="analytics",
        group="Analytics",
        query=LocationQuery,
        answer=answer,
        errors=(404,),
    )


ROUTES = [
    _route("/overview", show_overview, Overview),
    _route("/guests", show_guests, GuestFigures),
    _route("/promotions", show_promotions, PromotionFigures),
]
