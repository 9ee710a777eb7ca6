"""Figures of the last thirty days and of all time, read from the days' counts."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities import guests, places, promotions, wifi
from hospes.capabilities.analytics import days

WINDOW_DAYS = 30
_MOST_PROMOTIONS = 200


class Day(msgspec.Struct, frozen=True):
    """Guests who became known, guests who came and had come before, and visits."""

    on: date
    new: int
    returning: int
    visits: int


class GuestFigures(msgspec.Struct, frozen=True):
    """`new` and `returning` are of the last thirty days; `series` has thirty, oldest first, ending today."""

    total: int
    new: int
    returning: int
    vip: int
    opt_in: int
    series: list[Day]


class _Sum(msgspec.Struct, frozen=True):
    metric: str
    day_on: date
    value: int


BY_DAY = sql("""
    SELECT metric, day_on, sum(value)::bigint AS value
      FROM day_counts
     WHERE workspace_id = $1 AND location_id = $2 AND metric = ANY ($3::text[]) AND day_on BETWEEN $4 AND $5
     GROUP BY metric, day_on
""")
ALL_DAYS = sql("""
    SELECT metric, sum(value)::bigint AS value
      FROM day_counts
     WHERE workspace_id = $1 AND location_id = $2 AND metric = ANY ($3::text[])
     GROUP BY metric
""")


async def window(reader: Reader, location_id: int | None) -> tuple[date, date]:
    """The first and the last of the thirty days that end today, where the location is. Raises NotFound."""
    zone = (await places.get(reader, location_id)).time_zone if location_id is not None else "UTC"
    today = _local(reader.now, zone)
    return today - timedelta(days=WINDOW_DAYS - 1), today


async def sums(reader: Reader, metrics: list[str], *, location_id: int | None) -> dict[str, int]:
    """Each metric's sum over the last thirty days. Raises NotFound for the location."""
    since, until = await window(reader, location_id)
    found = await reader.all(_Sum, BY_DAY, location_id or days.EVERYWHERE, metrics, since, until)
    return {metric: sum(row.value for row in found if row.metric == metric) for metric in metrics}


class _Total(msgspec.Struct, frozen=True):
    metric: str
    value: int


async def totals(reader: Reader, metrics: list[str], *, location_id: int | None) -> dict[str, int]:
    """Each metric's sum over all days."""
    found = await reader.all(_Total, ALL_DAYS, location_id or days.EVERYWHERE, metrics)
    return dict.fromkeys(metrics, 0) | {row.metric: row.value for row in found}


async def guest_figures(reader: Reader, *, location_id: int | None) -> GuestFigures:
    """Guests in all and lately; at a location, those first met there. Raises NotFound for the location."""
    since, until = await window(reader, location_id)
    metrics = [days.NEW, days.GUESTS, days.FIRSTS, days.VISITS, days.LAST_SEEN_AGAIN]
    found = await reader.all(_Sum, BY_DAY, location_id or days.EVERYWHERE, metrics, since, until)
    by_day = {(row.metric, row.day_on): row.value for row in found}
    series = []
    for step in range(WINDOW_DAYS):
        on = since + timedelta(days=step)
        new, came, first, visits = (by_day.get((metric, on), 0) for metric in metrics[:4])
        series.append(Day(on, new, came - first, visits))
    return GuestFigures(
        total=await _guests(reader, guests.counts.ALL, location_id),
        new=sum(day.new for day in series),
        returning=sum(value for (metric, _), value in by_day.items() if metric == days.LAST_SEEN_AGAIN),
        vip=await _guests(reader, guests.counts.VIP, location_id),
        opt_in=await _guests(reader, guests.counts.OPT_IN, location_id),
        series=series,
    )


class Overview(msgspec.Struct, frozen=True):
    """Headline figures; those without a name for their time are of the last thirty days."""

    guests_total: int
    guests_new: int
    guests_returning: int
    sessions_open: int
    visits: int
    granted: int
    redeemed: int
    points_added: int
    points_redeemed: int


async def overview(reader: Reader, *, location_id: int | None) -> Overview:
    """Raises NotFound for the location. Guest API 14.1."""
    metrics = [
        days.NEW,
        days.LAST_SEEN_AGAIN,
        days.VISITS,
        days.GRANTED,
        days.REDEEMED,
        days.POINTS_ADDED,
        days.POINTS_REDEEMED,
    ]
    new, returning, visits, granted, redeemed, added, spent = (
        await sums(reader, metrics, location_id=location_id)
    ).values()
    return Overview(
        guests_total=await _guests(reader, guests.counts.ALL, location_id),
        guests_new=new,
        guests_returning=returning,
        sessions_open=await wifi.sessions.count_open(reader, location_id),
        visits=visits,
        granted=granted,
        redeemed=redeemed,
        points_added=added,
        points_redeemed=spent,
    )


class PromotionFigures(msgspec.Struct, frozen=True):
    """Of all time."""

    promotion_id: int
    name: str
    granted: int
    redeemed: int


async def promotion_figures(
    reader: Reader, *, location_id: int | None
) -> tuple[PromotionFigures, list[PromotionFigures]]:
    """All promotions together, and the newest 200 one by one. Raises NotFound for the location. Guest API 14.3."""
    if location_id is not None:
        await places.get(reader, location_id)
    listed = await promotions.definitions.list_after(reader, None, limit=_MOST_PROMOTIONS)
    each = [days.of_promotion(metric, one.id) for one in listed for metric in (days.GRANTED, days.REDEEMED)]
    found = await totals(reader, [days.GRANTED, days.REDEEMED, *each], location_id=location_id)

    def of(promotion_id: int) -> tuple[int, int]:
        granted, redeemed = (days.of_promotion(metric, promotion_id) for metric in (days.GRANTED, days.REDEEMED))
        return found[granted], found[redeemed]

    everything = PromotionFigures(0, "", found[days.GRANTED], found[days.REDEEMED])
    return everything, [PromotionFigures(one.id, one.name, *of(one.id)) for one in listed]


async def _guests(reader: Reader, group: str, location_id: int | None) -> int:
    if location_id is None:
        return await guests.counts.total(reader, group)
    name = guests.counts.at_location(location_id) if group == guests.counts.ALL else f"{group}@{location_id}"
    return await guests.counts.total(reader, name)


def _local(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
