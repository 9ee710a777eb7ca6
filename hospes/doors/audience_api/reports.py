"""Reports: how often events happened, and how campaigns fared. Contract 6, 9.3."""

from hospes.base.db import Reader
from hospes.capabilities import tracking
from hospes.capabilities.access.brand_keys import Brand
from hospes.doors.audience_api import shapes
from hospes.doors.audience_api.shapes import Envelope, Point, SeriesOut


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
