"""What came of campaigns: figures, each of which opens to its rows.

A figure is a condition on messages. The same text counts them and lists them, so the two agree.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import msgspec

from hospes.base.db import Reader, sql
from hospes.base.errors import Invalid
from hospes.capabilities.campaigns import plans
from hospes.capabilities.campaigns.judging import CAUSES

WINDOW_DAYS = 7
_LONGEST = timedelta(days=366)
_UNITS = {"daily": "day", "weekly": "week", "monthly": "month", "annual": "year"}

# A guest's ids: the message's own, the one it became, and those that became it.
_FAMILY = """
    ARRAY[m.guest_id]
    || ARRAY(SELECT g.merged_into FROM guests g
              WHERE g.workspace_id = $1 AND g.id = m.guest_id AND g.merged_into IS NOT NULL)
    || ARRAY(SELECT f.id FROM guests f WHERE f.workspace_id = $1 AND f.merged_into = m.guest_id)
"""


def _followed(*types: str) -> str:
    named = ", ".join(f"'{type_}'" for type_ in types)
    return f"""
        m.sent_at IS NOT NULL
        AND EXISTS (SELECT FROM events e
                     WHERE e.workspace_id = $1 AND e.guest_id = ANY ({_FAMILY}) AND e.type IN ({named})
                       AND e.occurred_at >= m.sent_at AND e.occurred_at < m.sent_at + $3 * interval '1 day')
    """


# Each figure counts messages. People's opens and clicks are told apart from machines'.
FIGURES: Mapping[str, str] = {
    "targeted": "true",
    "queued": "m.status = 'queued'",
    "excluded": "m.status = 'excluded'",
    "sent": "m.sent_at IS NOT NULL",
    "delivered": "m.status = 'delivered'",
    "bounced": "m.status = 'bounced'",
    "failed": "m.status = 'failed'",
    "opened": "m.opened_at IS NOT NULL",
    "opened_by_machines": "m.machine_opens > 0",
    "clicked": "m.clicked_at IS NOT NULL",
    "clicked_by_machines": "m.machine_clicks > 0",
    "unsubscribed": "m.unsubscribed_at IS NOT NULL",
    "complained": "m.complained_at IS NOT NULL",
}
# What the guest did within so many days after the message was sent, through whichever door.
FOLLOWED: Mapping[str, str] = {
    "booked": _followed("booking.created"),
    "visited": _followed("visit.started"),
    "redeemed": _followed("promotion.redeemed", "wallet.redeemed"),
}


class Figures(msgspec.Struct, frozen=True):
    """`opens` and `clicks` are all of people's, however often each; the others count messages."""

    campaign_id: int
    targeted: int
    queued: int
    excluded: int
    sent: int
    delivered: int
    bounced: int
    failed: int
    opened: int
    opened_by_machines: int
    clicked: int
    clicked_by_machines: int
    unsubscribed: int
    complained: int
    opens: int
    clicks: int


_COUNTS = ",\n           ".join(
    f"count(m.id) FILTER (WHERE {condition}) AS {name}" for name, condition in FIGURES.items()
)
COUNT = sql(f"""
    SELECT asked.id AS campaign_id,
           {_COUNTS},
           coalesce(sum(m.opens), 0)::bigint AS opens,
           coalesce(sum(m.clicks), 0)::bigint AS clicks
      FROM unnest($2::bigint[]) AS asked (id)
      LEFT JOIN messages m ON m.workspace_id = $1 AND m.campaign_id = asked.id
     GROUP BY asked.id
""")  # noqa: S608 (constants only)


async def figures(reader: Reader, campaign_ids: list[int]) -> dict[int, Figures]:
    """The figures of these campaigns; zeros where there is nothing."""
    return {found.campaign_id: found for found in await reader.all(Figures, COUNT, campaign_ids)}


class _Cause(msgspec.Struct, frozen=True):
    cause: str
    count: int


EXCLUDED = sql("""
    SELECT cause, count(*)
      FROM messages
     WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'excluded'
     GROUP BY cause
     ORDER BY cause
""")
COUNT_FOLLOWED = sql(f"""
    SELECT {", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in FOLLOWED.items())}
      FROM messages m
     WHERE m.workspace_id = $1 AND m.campaign_id = $2 AND m.sent_at IS NOT NULL
""")  # noqa: S608


class Followed(msgspec.Struct, frozen=True):
    """Messages whose guest booked, visited or redeemed something within the window."""

    booked: int
    visited: int
    redeemed: int


class Report(msgspec.Struct, frozen=True):
    figures: Figures
    excluded: dict[str, int]
    followed: Followed


async def report(reader: Reader, campaign_id: int, *, window_days: int = WINDOW_DAYS) -> Report:
    """Everything there is to say of a campaign. Raises NotFound."""
    await plans.get(reader, campaign_id)
    causes = await reader.all(_Cause, EXCLUDED, campaign_id)
    followed = await reader.find(Followed, COUNT_FOLLOWED, campaign_id, window_days)
    return Report(
        (await figures(reader, [campaign_id]))[campaign_id],
        {one.cause: one.count for one in causes},
        followed or Followed(0, 0, 0),
    )


class Row(msgspec.Struct, frozen=True):
    """One message behind a figure."""

    message_id: int
    guest_id: int
    recipient: int
    address: str
    status: str
    cause: str | None
    error: str | None
    opens: int
    clicks: int
    machine_opens: int
    machine_clicks: int
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None


def _rows(condition: str) -> str:
    return f"""
    SELECT m.id AS message_id, m.guest_id, m.recipient, m.address, m.status, m.cause, m.error, m.opens, m.clicks,
           m.machine_opens, m.machine_clicks, m.sent_at, m.delivered_at, m.opened_at, m.clicked_at,
           m.unsubscribed_at, m.complained_at
      FROM messages m
     WHERE m.workspace_id = $1 AND m.campaign_id = $2 AND ({condition})
       AND ($4::bigint IS NULL OR (m.guest_id, m.recipient) > (SELECT a.guest_id, a.recipient
                                                                FROM messages a
                                                               WHERE a.workspace_id = $1 AND a.id = $4))
     ORDER BY m.guest_id, m.recipient
     LIMIT $5
"""  # noqa: S608


# `$3` is the window in days, where a condition looks at one, else not looked at.
ROWS = {
    **{name: sql(_rows(f"{condition} AND $3::integer IS NOT NULL")) for name, condition in FIGURES.items()},
    **{name: sql(_rows(condition)) for name, condition in FOLLOWED.items()},
    **{
        f"excluded.{cause}": sql(_rows(f"m.status = 'excluded' AND m.cause = '{cause}' AND $3::integer IS NOT NULL"))
        for cause in CAUSES
    },
}


async def rows(
    reader: Reader,
    campaign_id: int,
    figure: str,
    *,
    after: int | None = None,
    limit: int,
    window_days: int = WINDOW_DAYS,
) -> list[Row]:
    """A page of the messages behind a figure, by guest, behind the message `after`.

    A figure is one of `FIGURES` and `FOLLOWED`, or `excluded.` and a cause. Raises NotFound, Invalid.
    """
    await plans.get(reader, campaign_id)
    if figure not in ROWS:
        raise Invalid(f"A figure is one of {', '.join(ROWS)}.", field="figure")
    return await reader.all(Row, ROWS[figure], campaign_id, window_days, after, limit)


class Bucket(msgspec.Struct, frozen=True):
    """What happened in a day, week, month or year that begins on `day_on`."""

    campaign_id: int
    day_on: date
    sent: int
    delivered: int
    bounced: int
    failed: int
    opened: int
    clicked: int
    unsubscribed: int
    complained: int


SERIES = sql("""
    SELECT m.campaign_id,
           date_trunc($3, fact.at AT TIME ZONE $4)::date AS day_on,
           count(*) FILTER (WHERE fact.name = 'sent') AS sent,
           count(*) FILTER (WHERE fact.name = 'delivered') AS delivered,
           count(*) FILTER (WHERE fact.name = 'bounced') AS bounced,
           count(*) FILTER (WHERE fact.name = 'failed') AS failed,
           count(*) FILTER (WHERE fact.name = 'opened') AS opened,
           count(*) FILTER (WHERE fact.name = 'clicked') AS clicked,
           count(*) FILTER (WHERE fact.name = 'unsubscribed') AS unsubscribed,
           count(*) FILTER (WHERE fact.name = 'complained') AS complained
      FROM messages m
     CROSS JOIN LATERAL (
           VALUES ('sent', m.sent_at),
                  ('delivered', CASE WHEN m.status = 'delivered' THEN m.delivered_at END),
                  ('bounced', CASE WHEN m.status = 'bounced' THEN m.failed_at END),
                  ('failed', CASE WHEN m.status = 'failed' THEN m.failed_at END),
                  ('opened', m.opened_at),
                  ('clicked', m.clicked_at),
                  ('unsubscribed', m.unsubscribed_at),
                  ('complained', m.complained_at)) AS fact (name, at)
     WHERE m.workspace_id = $1 AND m.campaign_id = ANY ($2::bigint[]) AND fact.at IS NOT NULL
     GROUP BY 1, 2
     ORDER BY 1, 2
""")


async def series(reader: Reader, campaign_ids: list[int], *, every: str = "daily", zone: str = "UTC") -> list[Bucket]:
    """What happened when, by campaign and bucket; buckets without anything are left out.

    `every` is daily, weekly (from Monday), monthly or annual. Raises Invalid. Audience API 9.3.
    """
    if every not in _UNITS:
        raise Invalid(f"A time series is one of {', '.join(_UNITS)}.", field="timeseries")
    return await reader.all(Bucket, SERIES, campaign_ids, _UNITS[every], zone)


class OfChannel(msgspec.Struct, frozen=True):
    """What all campaigns of a channel came to."""

    channel: str
    campaigns: int
    figures: dict[str, int]
    series: list[Bucket]


IN_PERIOD = sql("""
    SELECT id, channel
      FROM campaigns
     WHERE workspace_id = $1 AND NOT is_single AND starts_at >= $2 AND starts_at < $3
     ORDER BY channel, id
""")


class _Named(msgspec.Struct, frozen=True):
    id: int
    channel: str


async def by_channel(
    reader: Reader, since: datetime, before: datetime, *, every: str = "daily", zone: str = "UTC"
) -> list[OfChannel]:
    """The figures of all campaigns that start in this time, at most a year of it, by channel; and when it was.

    `every` as in `series`; the campaign of a bucket is 0. Raises Invalid.
    """
    if not since <= before <= since + _LONGEST:
        raise Invalid("The time ends after it begins, and within 366 days.", field="before")
    found = await reader.all(_Named, IN_PERIOD, since, before)
    channels: dict[str, list[int]] = {}
    for one in found:
        channels.setdefault(one.channel, []).append(one.id)
    counted = await figures(reader, [one.id for one in found])
    return [
        OfChannel(
            channel,
            len(campaign_ids),
            _sum([counted[campaign_id] for campaign_id in campaign_ids]),
            _joined(await series(reader, campaign_ids, every=every, zone=zone)),
        )
        for channel, campaign_ids in channels.items()
    ]


def _sum(of: list[Figures]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in of:
        total.update(msgspec.structs.asdict(one))
    del total["campaign_id"]
    return dict(total)


def _joined(buckets: list[Bucket]) -> list[Bucket]:
    """The buckets of several campaigns as those of one."""
    days: dict[date, list[int]] = {}
    for bucket in buckets:
        counts = msgspec.structs.astuple(bucket)[2:]
        days[bucket.day_on] = [a + b for a, b in zip(days.get(bucket.day_on, [0] * len(counts)), counts, strict=True)]
    return [Bucket(0, day, *counts) for day, counts in sorted(days.items())]
