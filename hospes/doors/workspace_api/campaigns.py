"""Campaigns: planned, tried out, steered, and what came of them; and sending to one guest."""

from typing import Any

import msgspec

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns
from hospes.capabilities.campaigns import reports
from hospes.doors.workspace_api.campaign_shapes import (
    Behind,
    CampaignIn,
    CampaignOut,
    Campaigns,
    ChannelFigures,
    Every,
    ExportIn,
    ExportOut,
    Listing,
    MessageRow,
    Overview,
    Period,
    Planned,
    RehearsalOut,
    ReportOut,
    Rows,
    Rules,
    RulesOut,
    SendIn,
    Sent,
    Series,
    Window,
    buckets,
)
from hospes.doors.workspace_api.shapes import next_after
from hospes.web.routes import Route


async def list_campaigns(reader: Reader, query: Listing) -> Campaigns:
    """List campaigns

    Those that start last come first. Sends to one guest are not in it.
    """
    if query.state is not None and query.state not in campaigns.STATES:
        raise Invalid(f"A state is one of {', '.join(campaigns.STATES)}.", field="state")
    found = await campaigns.list_after(reader, query.after, limit=query.limit, state=query.state)
    return Campaigns(items=[CampaignOut.of(one) for one in found], next_after=next_after(found, query.limit))


async def plan_campaign(tx: Tx, body: CampaignIn) -> Planned:
    """Plan campaign

    It starts at `scheduled_at`, when each guest's clock shows `local_at`, or at once. Texts take
    `@{attribute}@`, `@{attribute|fallback}@` and Liquid.
    """
    plan = body.plan()
    campaign = await campaigns.get(tx, await campaigns.broadcast(tx, plan))
    return Planned(campaign.id, campaign.state, campaign.starts_at.isoformat(), await campaigns.count(tx, plan))


async def rehearse_campaign(tx: Tx, body: CampaignIn) -> RehearsalOut:
    """Try campaign

    Whom it would reach now, and why not the others. Nothing is written or sent.
    """
    found = await campaigns.rehearse(tx, body.plan())
    return RehearsalOut(found.targeted, found.sent, found.waiting, found.excluded)


async def get_campaign(reader: Reader, campaign_id: int) -> CampaignOut:
    """Get campaign"""
    return CampaignOut.of(await campaigns.get(reader, campaign_id))


async def pause_campaign(tx: Tx, campaign_id: int) -> CampaignOut:
    """Pause campaign

    Nothing more of it is taken for sending.
    """
    await campaigns.pause(tx, campaign_id)
    return CampaignOut.of(await campaigns.get(tx, campaign_id))


async def resume_campaign(tx: Tx, campaign_id: int) -> CampaignOut:
    """Resume campaign"""
    await campaigns.resume(tx, campaign_id)
    return CampaignOut.of(await campaigns.get(tx, campaign_id))


async def cancel_campaign(tx: Tx, campaign_id: int) -> CampaignOut:
    """Cancel campaign

    What was not taken for sending yet never is.
    """
    await campaigns.cancel(tx, campaign_id)
    return CampaignOut.of(await campaigns.get(tx, campaign_id))


async def report_campaign(reader: Reader, campaign_id: int, query: Window) -> ReportOut:
    """Report on campaign

    `booked`, `visited` and `redeemed` are what guests did within `window_days` after their message.
    Each figure opens to its messages.
    """
    found = await reports.report(reader, campaign_id, window_days=query.window_days)
    counted = msgspec.structs.asdict(found.figures) | msgspec.structs.asdict(found.followed)
    counted.pop("campaign_id")
    return ReportOut(campaign_id, query.window_days, counted, found.excluded)


async def list_rows(reader: Reader, campaign_id: int, query: Behind) -> Rows:
    """List the messages behind a figure

    By guest. `figure` is one of the report's, or `excluded.` and a cause.
    """
    found = await reports.rows(
        reader, campaign_id, query.figure, after=query.after, limit=query.limit, window_days=query.window_days
    )
    following = found[-1].message_id if len(found) == query.limit else None
    return Rows(items=[MessageRow.of(row) for row in found], next_after=following)


async def show_series(reader: Reader, campaign_id: int, query: Every) -> Series:
    """Report over time

    By day, week (from Monday), month or year: `every` is daily, weekly, monthly or annual.
    """
    await campaigns.get(reader, campaign_id)
    found = await reports.series(reader, [campaign_id], every=query.every)
    return Series(buckets(found))


async def show_overview(reader: Reader, query: Period) -> Overview:
    """Report on all campaigns

    Those that start from `since` until before `before`, by channel, and when it happened.
    """
    found = await reports.by_channel(reader, query.since, query.before, every=query.every)
    return Overview([ChannelFigures(one.channel, one.campaigns, one.figures, buckets(one.series)) for one in found])


async def export_campaign(tx: Tx, campaign_id: int, body: ExportIn, vault: Vault, public_url: str) -> ExportOut:
    """Export messages

    The answer's address gives the table once within a day. It names nobody.
    """
    made = await campaigns.exports.offer(tx, vault, campaign_id, body.format, figure=body.figure)
    return ExportOut(f"{public_url}/exports/{made.token}", made.expires_at.isoformat())


async def send_message(tx: Tx, body: SendIn) -> Sent:
    """Send to one guest

    At once. `skipped` messages are not sent, for the reason in `cause`.
    """
    made = await campaigns.send_one(
        tx,
        body.guest_id,
        body.channel,
        body.content(),
        platform=body.platform,
        name=body.name,
        is_transactional=body.is_transactional,
    )
    return Sent(made.campaign_id, made.recipients, made.skipped, made.cause)


async def get_rules(reader: Reader) -> RulesOut:
    """Get rules for campaigns"""
    return RulesOut(*msgspec.structs.astuple(await campaigns.rules.get(reader)))


async def set_rules(tx: Tx, body: Rules) -> RulesOut:
    """Set rules for campaigns

    Quiet hours, the most messages a guest gets, and what is tracked. What is left out is not set.
    """
    fields = {name: getattr(body, name) for name in campaigns.rules.Rules.__struct_fields__}
    await campaigns.rules.change(tx, campaigns.rules.Rules(**fields))
    return RulesOut(*msgspec.structs.astuple(await campaigns.rules.get(tx)))


def _route(method: str, path: str, handler: Any, *, role: str | None = None, **more: Any) -> Route:
    asked = role or ("staff" if method == "GET" else "manager")
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=asked,
        printed_scope=asked,
        module="communication",
        group="Campaigns",
        **more,
    )


_NEWS = {
    "channel": "email",
    "name": "May offer",
    "subject": "An offer for @{first_name|you}@",
    "html": "<p>Hello @{first_name|there}@.</p>",
    "guest_ids": [42],
}

ROUTES = [
    _route("GET", "/campaigns", list_campaigns, query=Listing, answer=Campaigns),
    _route("POST", "/campaigns", plan_campaign, body=CampaignIn, answer=Planned, status=201, example=_NEWS),
    _route(
        "POST",
        "/campaigns/rehearsal",
        rehearse_campaign,
        role="staff",
        body=CampaignIn,
        answer=RehearsalOut,
        example=_NEWS,
    ),
    _route("GET", "/campaigns/overview", show_overview, query=Period, answer=Overview),
    _route("GET", "/campaigns/rules", get_rules, answer=RulesOut),
    _route(
        "PUT",
        "/campaigns/rules",
        set_rules,
        body=Rules,
        answer=RulesOut,
        example={"quiet_from": "22:00", "quiet_until": "08:00", "email_most": 3, "email_days": 7},
    ),
    _route("GET", "/campaigns/{campaign_id}", get_campaign, answer=CampaignOut, errors=(404,)),
    _route("POST", "/campaigns/{campaign_id}/pause", pause_campaign, answer=CampaignOut, errors=(404, 409)),
    _route("POST", "/campaigns/{campaign_id}/resumption", resume_campaign, answer=CampaignOut, errors=(404, 409)),
    _route("POST", "/campaigns/{campaign_id}/cancellation", cancel_campaign, answer=CampaignOut, errors=(404, 409)),
    _route("GET", "/campaigns/{campaign_id}/report", report_campaign, query=Window, answer=ReportOut, errors=(404,)),
    _route("GET", "/campaigns/{campaign_id}/messages", list_rows, query=Behind, answer=Rows, errors=(404,)),
    _route("GET", "/campaigns/{campaign_id}/series", show_series, query=Every, answer=Series, errors=(404,)),
    _route(
        "POST",
        "/campaigns/{campaign_id}/export",
        export_campaign,
        body=ExportIn,
        answer=ExportOut,
        status=201,
        errors=(404,),
        example={"format": "csv"},
    ),
    _route(
        "POST",
        "/messages",
        send_message,
        body=SendIn,
        answer=Sent,
        status=202,
        example={"guest_id": 42, "channel": "email", "subject": "Your key", "html": "<p>It is ready.</p>"},
    ),
]
