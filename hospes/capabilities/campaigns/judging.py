"""Whether a message may be sent now: address, consent, suppression, frequency, quiet hours.

One statement gathers what decides, one function decides. The sender and the dry run use both, so
what a dry run says is what is sent when nothing changes in between.
"""

from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from hospes.base import zones
from hospes.base.db import Reader, Statement, sql
from hospes.base.errors import NotFound
from hospes.capabilities import guests
from hospes.capabilities.campaigns.rules import Rules, quiet_ends
from hospes.capabilities.campaigns.sources import Recipient
from hospes.capabilities.messaging.templates import MARKETING

# Why a message was not sent; each stands in `messages.cause`.
CAUSES = (
    "no_address",
    "suppressed",
    "no_consent",
    "unsubscribed",
    "frequency_cap",
    "duplicate",
    "cancelled",
    "erased",
)


K = TypeVar("K", bound="Standing")


class Standing(msgspec.Struct, frozen=True):
    """What decides about a recipient at this moment. `had` is how many campaigns reached the guest lately."""

    asked_id: int
    recipient: int
    guest_id: int
    merged_into: int | None
    address: str | None
    consent: bool | None
    is_suppressed: bool
    own_zone: str | None
    place_zone: str
    had: int


class Facts(Standing, frozen=True):
    """And what a text may say of the guest."""

    name: str | None
    email: str | None
    phone: str | None
    is_vip: bool
    attributes: dict[str, Any]
    tags: list[str]


# `$4` is the channel, `$5` since when campaigns count (null: no cap), `$6` the campaign that does not count
# itself. What is in hand counts, so that no two workers give a guest one too many.
_STANDING = """
           asked.guest_id AS asked_id, asked.recipient, g.id AS guest_id, g.merged_into, address.text AS address,
           CASE $4 WHEN 'email' THEN g.email_consent WHEN 'sms' THEN g.sms_consent ELSE g.push_consent END AS consent,
           EXISTS (SELECT FROM suppressions s
                    WHERE s.workspace_id = $1 AND s.channel = $4 AND s.address = lower(address.text)) AS is_suppressed,
           g.attributes ->> 'time_zone' AS own_zone,
           coalesce(l.time_zone, w.time_zone) AS place_zone,
           CASE WHEN $5::timestamptz IS NULL THEN 0
                ELSE (SELECT count(DISTINCT m.campaign_id)
                        FROM messages m
                       WHERE m.workspace_id = $1 AND m.channel = $4 AND m.purpose = 'marketing'
                         AND m.campaign_id IS DISTINCT FROM $6
                         AND (m.sent_at > $5 OR m.claimed_by IS NOT NULL)
                         AND m.guest_id = ANY (ARRAY[g.id]
                                               || ARRAY(SELECT f.id
                                                          FROM guests f
                                                         WHERE f.workspace_id = $1 AND f.merged_into = g.id)))
            END AS had
"""
_OF = """
      FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked (guest_id, recipient, place)
      JOIN guests g ON g.workspace_id = $1 AND g.id = asked.guest_id
      JOIN workspaces w ON w.id = $1
      LEFT JOIN locations l ON l.workspace_id = $1 AND l.id = g.location_id
      LEFT JOIN push_registrations r ON r.workspace_id = $1 AND r.id = asked.recipient AND r.ended_at IS NULL
     CROSS JOIN LATERAL (
           SELECT CASE $4 WHEN 'email' THEN g.email WHEN 'sms' THEN g.phone ELSE r.id::text END AS text) AS address
     ORDER BY asked.place
"""
STANDING = sql(f"SELECT {_STANDING} {_OF}")
FACTS = sql(f"""
    SELECT {_STANDING},
           g.name, g.email, g.phone, g.is_vip, g.attributes,
           ARRAY(SELECT t.slug
                   FROM guest_tags gt
                   JOIN tags t ON t.workspace_id = gt.workspace_id AND t.id = gt.tag_id
                  WHERE gt.workspace_id = $1 AND gt.guest_id = g.id
                  ORDER BY t.slug) AS tags
    {_OF}
""")  # noqa: S608 (constants only)


async def standing(
    reader: Reader, recipients: list[Recipient], *, channel: str, rules: Rules, campaign_id: int | None = None
) -> list[Standing]:
    """What decides about each."""
    return await _known(reader, Standing, STANDING, recipients, channel=channel, rules=rules, campaign_id=campaign_id)


async def facts(
    reader: Reader, recipients: list[Recipient], *, channel: str, rules: Rules, campaign_id: int
) -> list[Facts]:
    """What decides about each, and what a text may say of them."""
    return await _known(reader, Facts, FACTS, recipients, channel=channel, rules=rules, campaign_id=campaign_id)


async def _known(
    reader: Reader,
    kind: type[K],
    statement: Statement,
    recipients: list[Recipient],
    *,
    channel: str,
    rules: Rules,
    campaign_id: int | None,
) -> list[K]:
    """Of a guest who was merged, what is known of whom it became."""
    cap = rules.cap(channel)
    which = channel, reader.now - timedelta(days=cap.days) if cap else None, campaign_id
    guest_ids, places = [one.guest_id for one in recipients], [one.recipient for one in recipients]
    found = await reader.all(kind, statement, guest_ids, places, *which)
    for place, one in enumerate(found):
        if one.merged_into is not None:
            try:
                answering = (await guests.get(reader, one.guest_id)).id
            except NotFound:
                continue  # erased: nothing is known any more, and no address either
            [became] = await reader.all(kind, statement, [answering], [one.recipient], *which)
            found[place] = msgspec.structs.replace(became, asked_id=one.asked_id)
    return found


class Verdict(msgspec.Struct, frozen=True):
    """Send it, or exclude it for this cause, or wait."""

    cause: str | None = None
    wait_until: datetime | None = None


SEND = Verdict()


def judge(known: Standing, *, channel: str, purpose: str, rules: Rules, now: datetime) -> Verdict:
    """The first reason that holds. What the guest asked for by an action of theirs needs an address alone."""
    if not known.address:
        return Verdict("no_address")
    if known.is_suppressed:
        return Verdict("suppressed")
    if purpose != MARKETING:
        return SEND
    if not known.consent:
        return Verdict("no_consent" if known.consent is None else "unsubscribed")
    cap = rules.cap(channel)
    if cap is not None and known.had >= cap.most:
        return Verdict("frequency_cap")
    return Verdict(wait_until=quiet_ends(rules, now, zone_of(known)))


def zone_of(known: Standing) -> str:
    """The guest's own zone where it is one, else that of their location or the workspace."""
    own = known.own_zone
    if own is not None and zones.is_known(own):
        return own
    return known.place_zone if zones.is_known(known.place_zone) else "UTC"
