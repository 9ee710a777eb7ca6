"""Campaigns: what is said to whom and when, and how far each has come."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities.campaigns import audiences, content, rules, sources
from hospes.capabilities.campaigns.audiences import Audience
from hospes.capabilities.campaigns.content import Content
from hospes.capabilities.messaging.templates import MARKETING, TRANSACTIONAL

JOB = "campaigns"
STATES = ("scheduled", "running", "paused", "completed", "cancelled", "failed")
# The first place on earth where a time of day comes.
_EARLIEST = timezone(timedelta(hours=14))
_FARTHEST = timedelta(days=366)


class Campaign(msgspec.Struct, frozen=True):
    id: int
    name: str
    channel: str
    platform: str | None
    purpose: str
    is_single: bool
    state: str
    audience: str
    segment_id: int | None
    list_id: int | None
    guest_ids: list[int] | None
    kept: dict[str, Any]
    starts_at: datetime
    local_at: datetime | None
    tracks_opens: bool
    tracks_clicks: bool
    is_open: bool
    error: str | None
    made_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def content(self) -> Content:
        return content.decoded(self.kept)


COLUMNS = """
           id, name, channel, platform, purpose, is_single, state, audience, segment_id, list_id, guest_ids,
           content AS kept, starts_at, local_at, tracks_opens, tracks_clicks, is_open, error, made_by,
           created_at, started_at, ended_at
"""
GET = sql(f"SELECT {COLUMNS} FROM campaigns WHERE workspace_id = $1 AND id = $2")  # noqa: S608
LIST = sql(f"""
    SELECT {COLUMNS}
      FROM campaigns
     WHERE workspace_id = $1 AND NOT is_single
       AND ($2::bigint IS NULL OR (starts_at, id) < (SELECT starts_at, id FROM campaigns
                                                      WHERE workspace_id = $1 AND id = $2))
       AND ($3::text IS NULL OR state = $3)
     ORDER BY starts_at DESC, id DESC
     LIMIT $4
""")  # noqa: S608
_BETWEEN = """
      FROM campaigns
     WHERE workspace_id = $1 AND NOT is_single AND starts_at >= $2 AND starts_at < $3
       AND ($4::text IS NULL OR channel = $4)
"""
BETWEEN = sql(f"""
    SELECT {COLUMNS}
    {_BETWEEN}
     ORDER BY starts_at DESC, id DESC
     LIMIT $5 OFFSET $6
""")
COUNT_BETWEEN = sql(f"SELECT count(*) {_BETWEEN}")


async def get(reader: Reader, campaign_id: int) -> Campaign:
    """Raises NotFound."""
    campaign = await reader.find(Campaign, GET, campaign_id)
    if campaign is None:
        raise NotFound("Campaign not found")
    return campaign


async def list_after(reader: Reader, after: int | None, *, limit: int, state: str | None = None) -> list[Campaign]:
    """A page of campaigns, those that start last first, behind the id `after`. Sends to one guest are left out."""
    return await reader.all(Campaign, LIST, after, state, limit)


async def list_between(
    reader: Reader, since: datetime, before: datetime, *, channel: str | None, limit: int, offset: int
) -> tuple[list[Campaign], int]:
    """A page of the campaigns that start in this time, and how many there are. Audience API 9.3."""
    found = await reader.all(Campaign, BETWEEN, since, before, channel, limit, offset)
    return found, int(await reader.value(COUNT_BETWEEN, since, before, channel))


CREATE = sql("""
    INSERT INTO campaigns (workspace_id, name, channel, platform, purpose, is_single, state, audience, segment_id,
                           list_id, guest_ids, content, starts_at, local_at, tracks_opens, tracks_clicks, made_by,
                           created_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'scheduled', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    RETURNING id
""")
LAUNCH = sql("INSERT INTO campaign_launches (workspace_id, campaign_id) VALUES ($1, $2)")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign to be. `at` is an instant, `local_at` a time of day on each guest's own clock; neither is now."""

    channel: str
    content: Content
    audience: Audience
    name: str | None = None
    platform: str | None = None
    at: datetime | None = None
    local_at: datetime | None = None
    is_transactional: bool = False
    is_single: bool = False


async def broadcast(tx: Tx, plan: Plan) -> int:
    """Plan a campaign, which starts by itself; returns its id. Whom it reaches is looked up when it starts.

    Raises Invalid for an audience that is not there, content that does not fit its channel, and a
    time that is over or more than a year ahead.
    """
    said = content.checked(plan.content, plan.channel, platform=plan.platform)
    name = (plan.name or said.subject or said.title or said.text or "").strip()[:200]
    audience = await audiences.checked(tx, plan.audience)
    set_rules = await rules.get(tx)
    is_tracked = not plan.is_transactional or set_rules.tracks_transactional
    campaign_id = await tx.value(
        CREATE,
        name,
        plan.channel,
        plan.platform,
        TRANSACTIONAL if plan.is_transactional else MARKETING,
        plan.is_single,
        audience.kind,
        audience.segment_id,
        audience.list_id,
        audience.guest_ids,
        content.encoded(said),
        await _start(tx, plan),
        plan.local_at,
        is_tracked and set_rules.tracks_opens,
        is_tracked and set_rules.tracks_clicks,
        tx.actor.name,
        tx.now,
    )
    await tx.run(LAUNCH, campaign_id)
    tx.wake(JOB)
    return int(campaign_id)


ZONE = sql("SELECT time_zone FROM workspaces WHERE id = $1", across="reads the workspace's own row")


async def count(reader: Reader, plan: Plan) -> int:
    """How many guests the audience holds now."""
    audience = await audiences.checked(reader, plan.audience)
    return await sources.count(reader, audience, plan.channel, plan.platform)


async def _start(tx: Tx, plan: Plan) -> datetime:
    if plan.local_at is not None:
        if plan.at is not None or plan.local_at.tzinfo is not None:
            raise Invalid("Give an instant, or a time of day without an offset.", field="local_at")
        here = plan.local_at.replace(tzinfo=ZoneInfo(await tx.value(ZONE)))
        _check_ahead(here, tx.now, field="local_at")
        return plan.local_at.replace(tzinfo=_EARLIEST).astimezone(UTC)
    if plan.at is not None:
        _check_ahead(plan.at, tx.now, field="scheduled_at")
    return plan.at or tx.now


def _check_ahead(at: datetime, now: datetime, *, field: str) -> None:
    if at < now:
        raise Invalid("The time is over already.", field=field)
    if at > now + _FARTHEST:
        raise Invalid("The time is more than a year ahead.", field=field)


MOVE = sql("""
    UPDATE campaigns
       SET state = $3,
           ended_at = CASE WHEN $3 = 'cancelled' THEN $4::timestamptz END
     WHERE workspace_id = $1 AND id = $2 AND state = ANY ($5::text[])
    RETURNING id
""")


async def pause(tx: Tx, campaign_id: int) -> None:
    """Nothing more of it is taken for sending once this commits. Raises NotFound, Conflict when it is over."""
    await _move(tx, campaign_id, "paused", ["scheduled", "running"])


async def resume(tx: Tx, campaign_id: int) -> None:
    """Go on where it stood; one that had not begun begins at its time. Raises NotFound, Conflict."""
    started = (await get(tx, campaign_id)).started_at is not None
    await _move(tx, campaign_id, "running" if started else "scheduled", ["paused"])
    tx.wake(JOB)


async def cancel(tx: Tx, campaign_id: int) -> None:
    """Nothing more of it is sent, ever: what was not taken yet is excluded. Raises NotFound, Conflict."""
    await _move(tx, campaign_id, "cancelled", ["scheduled", "running", "paused"])
    tx.wake(JOB)


async def _move(tx: Tx, campaign_id: int, state: str, from_states: list[str]) -> None:
    if await tx.value(MOVE, campaign_id, state, tx.now, from_states) is None:
        campaign = await get(tx, campaign_id)
        raise Conflict(f"The campaign is {campaign.state}.")
