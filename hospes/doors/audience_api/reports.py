"""Reports: how often events happened, and how campaigns fared. Contract 6, 9.3."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Reader
from hospes.base.errors import Invalid
from hospes.capabilities import campaigns, tracking
from hospes.capabilities.access.brand_keys import Brand
from hospes.doors.audience_api import shapes
from hospes.doors.audience_api.campaigns import name_of
from hospes.doors.audience_api.shapes import CampaignOut, CampaignsOut, Envelope, Point, SeriesOut

_LONGEST = timedelta(days=366)
# Which figures each channel has, by the names that this contract gives them.
_STATS = {
    "email": {
        "sent": "sent",
        "delivered": "delivered",
        "opened": "opens",
        "unique_opened": "opened",
        "clicked": "clicks",
        "unique_clicked": "clicked",
        "bounced": "bounced",
        "rejected": "failed",
        "unsubscribed": "unsubscribed",
    },
    "sms": {"sent": "sent", "delivered": "delivered", "unique_clicked": "clicked", "rejected": "failed"},
    "push": {"sent": "sent", "delivered": "delivered", "clicked": "clicked", "unregistered": "bounced"},
}


async def get_event(reader: Reader, body: shapes.SeriesIn, caller: Brand) -> Envelope[SeriesOut]:
    """Count an event over time

    Both days are part of it. Filters are combined: all have to hold.
    """
    total, buckets = await tracking.series.count(
        reader,
        body.event_name,
        since=tracking.times.read_day(body.since, field="fromDate"),
        until=tracking.times.read_day(body.until, field="toDate"),
        interval=body.timeseries,
        metric=body.trend_metric,
        filters=body.event_property,
        zone=caller.settings.time_zone,
    )
    series = [Point(f"{bucket.on}", bucket.value) for bucket in buckets]
    return shapes.told(SeriesOut(body.event_name, body.trend_metric, body.timeseries, total, series))


async def get_campaign(reader: Reader, body: shapes.CampaignsIn, caller: Brand) -> Envelope[CampaignsOut]:
    """Get campaigns and how they fared

    Those that start on these days, the last ones first; or one, by its id.
    """
    found, total = await _found(reader, body, caller.settings.time_zone)
    ids = [campaign.id for campaign in found]
    figures = await campaigns.reports.figures(reader, ids)
    revenue = await campaigns.revenue.by_campaign(reader, ids)
    series = await _series(reader, body, ids, caller.settings.time_zone)
    shown = [
        CampaignOut(
            name_of(campaign.id),
            campaign.name,
            campaign.channel,
            campaign.segment_id,
            campaign.state,
            tracking.times.show(campaign.starts_at),
            _stats(campaign.channel, figures[campaign.id]) | {"revenue": revenue.get(campaign.id, 0)},
            series.get(campaign.id, []) if body.timeseries else None,
        )
        for campaign in found
    ]
    return shapes.told(CampaignsOut(total, body.page, body.limit, shown))


async def _found(reader: Reader, body: shapes.CampaignsIn, zone: str) -> tuple[list[campaigns.Campaign], int]:
    if body.campaign_id is not None:
        campaign = await campaigns.get(reader, int(body.campaign_id.removeprefix("c-")))
        found = [campaign] if body.channel in (None, campaign.channel) else []
        return found, len(found)
    if body.since is None or body.until is None:
        raise Invalid("fromDate and toDate are required, or campaign_id", field="fromDate")
    since, until = (
        tracking.times.read_day(body.since, field="fromDate"),
        tracking.times.read_day(body.until, field="toDate"),
    )
    if not since <= until <= since + _LONGEST:
        raise Invalid("toDate must not be before fromDate, or more than 366 days after it", field="toDate")
    begin, end = (
        datetime.combine(on, time(), ZoneInfo(zone)).astimezone(UTC) for on in (since, until + timedelta(days=1))
    )
    return await campaigns.list_between(
        reader, begin, end, channel=body.channel, limit=body.limit, offset=(body.page - 1) * body.limit
    )


def _stats(channel: str, figures: campaigns.reports.Figures) -> dict[str, float]:
    return {name: getattr(figures, figure) for name, figure in _STATS[channel].items()}


async def _series(
    reader: Reader, body: shapes.CampaignsIn, ids: list[int], zone: str
) -> dict[int, list[dict[str, Any]]]:
    if body.timeseries is None:
        return {}
    series: dict[int, list[dict[str, Any]]] = {}
    for bucket in await campaigns.reports.series(reader, ids, every=body.timeseries, zone=zone):
        told = msgspec.to_builtins(bucket)
        campaign_id, day = told.pop("campaign_id"), told.pop("day_on")
        series.setdefault(campaign_id, []).append({"date": day, **told})
    return series
