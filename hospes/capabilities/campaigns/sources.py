"""The statements that find whom a campaign is for, and write a row for each, so many at a time.

One text a kind of audience and channel, all made here and none from anybody's input. A campaign
that goes by each guest's clock reads their zones too.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from hospes.base import zones
from hospes.base.db import Reader, Statement, Tx, sql
from hospes.capabilities.campaigns.audiences import Audience

# Who comes behind guest `$2`, the first `$3` of them; `$4` says which segment, list, guests or platform.
_WITH_ADDRESS = """
    SELECT id AS guest_id
      FROM guests
     WHERE workspace_id = $1 AND merged_into IS NULL AND {address} IS NOT NULL AND id > $2 AND $4::text IS NULL
     ORDER BY id
     LIMIT $3
"""
_EVERYONE = {
    "email": _WITH_ADDRESS.format(address="email"),
    "sms": _WITH_ADDRESS.format(address="phone"),
    "push": """
    SELECT DISTINCT guest_id
      FROM push_registrations
     WHERE workspace_id = $1 AND ended_at IS NULL AND guest_id > $2 AND ($4::text IS NULL OR platform = $4)
     ORDER BY guest_id
     LIMIT $3
""",
}
# On a list may stand guests who have become others; one whose other is on it too is there once.
_CHOSEN = {
    "segment": """
    SELECT guest_id
      FROM segment_members
     WHERE workspace_id = $1 AND segment_id = $4 AND guest_id > $2
     ORDER BY guest_id
     LIMIT $3
""",
    "list": """
    SELECT m.guest_id
      FROM list_members m
      JOIN guests g ON g.workspace_id = $1 AND g.id = m.guest_id
     WHERE m.workspace_id = $1 AND m.list_id = $4 AND m.guest_id > $2
       AND NOT EXISTS (SELECT
                         FROM list_members t
                        WHERE t.workspace_id = $1 AND t.list_id = $4 AND t.guest_id = g.merged_into)
     ORDER BY m.guest_id
     LIMIT $3
""",
    "guests": """
    SELECT id AS guest_id
      FROM guests
     WHERE workspace_id = $1 AND id = ANY ($4::bigint[]) AND id > $2
     ORDER BY id
     LIMIT $3
""",
}
KINDS = ("everyone", *_CHOSEN)

# Every live registration of the guest, under whichever id it was made.
_REGISTRATIONS = """
      LEFT JOIN LATERAL (
           SELECT r.id
             FROM push_registrations r
            WHERE r.workspace_id = $1 AND r.ended_at IS NULL AND ($7::text IS NULL OR r.platform = $7)
              AND r.guest_id = ANY (ARRAY[chosen.guest_id]
                                    || ARRAY(SELECT f.id
                                               FROM guests f
                                              WHERE f.workspace_id = $1 AND f.merged_into = chosen.guest_id))) r ON true
"""
_ZONES = """
      LEFT JOIN guests g ON g.workspace_id = $1 AND g.id = chosen.guest_id
      LEFT JOIN locations l ON l.workspace_id = $1 AND l.id = g.location_id
      LEFT JOIN unnest($10::text[], $11::timestamptz[]) AS own (zone, due_at) ON own.zone = g.attributes ->> 'time_zone'
      LEFT JOIN unnest($10::text[], $11::timestamptz[]) AS place (zone, due_at) ON place.zone = l.time_zone
"""


# Only pushes have a platform.
_NO_PLATFORM = """
     WHERE $7::text IS NULL
"""


def _chosen(kind: str, channel: str) -> str:
    return _EVERYONE[channel] if kind == "everyone" else _CHOSEN[kind]


def _write(kind: str, channel: str, *, is_local: bool) -> Statement:
    is_push = channel == "push"
    due_at = "coalesce(own.due_at, place.due_at, $9)" if is_local else "$9"
    return sql(f"""
    WITH chosen AS MATERIALIZED ({_chosen(kind, channel)}), written AS (
        INSERT INTO messages (workspace_id, campaign_id, guest_id, recipient, channel, purpose, address, plain,
                              due_at, queued_at)
        SELECT $1, $5, chosen.guest_id, {"coalesce(r.id, 0)" if is_push else "0"}, '{channel}', $6, '', '',
               {due_at}::timestamptz, $8
          FROM chosen{_ZONES if is_local else ""}{_REGISTRATIONS if is_push else _NO_PLATFORM}
            ON CONFLICT DO NOTHING
    )
    SELECT count(*) AS chosen, max(guest_id) AS last_guest_id FROM chosen
""")  # noqa: S608 (constants only)


def _count(kind: str, channel: str) -> Statement:
    return sql(f"SELECT count(*) FROM ({_chosen(kind, channel)}) chosen")  # noqa: S608


def _page(kind: str, channel: str) -> Statement:
    is_push = channel == "push"
    joined = _REGISTRATIONS if is_push else _NO_PLATFORM
    return sql(f"""
    WITH chosen AS MATERIALIZED ({_chosen(kind, channel)})
    SELECT chosen.guest_id, {"coalesce(r.id, 0)" if is_push else "0::bigint"} AS recipient
      FROM chosen{joined.replace("$7", "$5")}
     ORDER BY chosen.guest_id, recipient
""")  # noqa: S608


_CHANNELS = ("email", "sms", "push")
WRITE = {
    (kind, channel, is_local): _write(kind, channel, is_local=is_local)
    for kind in KINDS
    for channel in _CHANNELS
    for is_local in (False, True)
}
COUNT = {(kind, channel): _count(kind, channel) for kind in KINDS for channel in _CHANNELS}
PAGE = {(kind, channel): _page(kind, channel) for kind in KINDS for channel in _CHANNELS}


class Written(msgspec.Struct, frozen=True):
    """How many guests a batch found, and the last of them."""

    chosen: int
    last_guest_id: int | None


class Recipient(msgspec.Struct, frozen=True):
    """Somebody of an audience; `recipient` is the registration of a push, 0 for anything else."""

    guest_id: int
    recipient: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What to write: whose rows, behind which guest, how many, due when."""

    campaign_id: int
    audience: Audience
    channel: str
    platform: str | None
    purpose: str
    after: int
    most: int
    starts_at: datetime
    local_at: datetime | None


async def write(tx: Tx, batch: Batch) -> Written:
    """Write the rows of the next guests; rows that are there already stay as they are."""
    statement = WRITE[batch.audience.kind, batch.channel, batch.local_at is not None]
    found = await tx.find(
        Written,
        statement,
        batch.after,
        batch.most,
        _which(batch.audience, batch.platform, batch.channel),
        batch.campaign_id,
        batch.purpose,
        batch.platform,
        tx.now,
        max(batch.starts_at, tx.now) if batch.local_at is None else tx.now,
        *(_due(batch.local_at) if batch.local_at is not None else ()),
    )
    return found or Written(0, None)


async def count(reader: Reader, audience: Audience, channel: str, platform: str | None) -> int:
    """How many guests it is now."""
    which = _which(audience, platform, channel)
    return int(await reader.value(COUNT[audience.kind, channel], 0, None, which))


async def page(
    reader: Reader, audience: Audience, channel: str, platform: str | None, *, after: int, most: int
) -> list[Recipient]:
    """The next guests behind `after`, at most so many, each with their registrations."""
    which = _which(audience, platform, channel)
    return await reader.all(Recipient, PAGE[audience.kind, channel], after, most, which, platform)


def _which(audience: Audience, platform: str | None, channel: str) -> Any:
    if audience.kind == "everyone":
        return platform if channel == "push" else None
    return {"segment": audience.segment_id, "list": audience.list_id, "guests": audience.guest_ids}[audience.kind]


def _due(local_at: datetime) -> tuple[list[str], list[datetime]]:
    """When each zone's clocks show this time of day. Where they skip it, an hour later."""
    names = sorted(zones.all_known())
    return names, [local_at.replace(tzinfo=ZoneInfo(name)).astimezone(UTC) for name in names]
