"""Sending a template to a guest. Contract 12.1."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, Invalid, ProviderFailed, TooOften
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import events, guests
from hospes.capabilities.messaging import outbox, rendering, suppressions, templates
from hospes.capabilities.messaging.happenings import MessageQueued
from hospes.capabilities.messaging.templates import MARKETING, TRANSACTIONAL, Content, Template

UNSUBSCRIBE = "unsubscribe"
# Emails to one guest within an hour: a caller that runs wild must not fill anybody's mailbox.
MOST_AN_HOUR = 30
_HOUR = timedelta(hours=1)


class Rendered(msgspec.Struct, frozen=True):
    subject: str
    html: str
    text: str


class _House(msgspec.Struct, frozen=True):
    business: str
    mail_down_since: datetime | None


HOUSE = sql(
    """
    SELECT w.name AS business, i.mail_down_since
      FROM workspaces w
      LEFT JOIN installation i ON true
     WHERE w.id = $1
    """,
    across="reads the workspace's own row, and the installation's",
)


async def send(tx: Tx, guest_id: int, slug: str, variables: Mapping[str, Any], *, vault: Vault, public_url: str) -> int:
    """Send a template to a guest's email address; returns the message's id.

    Raises NotFound for guest or template, Conflict when the guest has no address or gave no consent,
    Invalid for a missing variable, TooOften when the guest was sent 30 within an hour, ProviderFailed
    when the mail server is known not to answer.
    """
    guest = await guests.get(tx, guest_id)
    template = await templates.find(tx, slug)
    house = await tx.find(_House, HOUSE)
    if guest.email is None:
        raise Conflict("Guest has no email address")
    if template.purpose == MARKETING and not guest.email_consent:
        raise Conflict("Guest has not given marketing consent")
    if await suppressions.holds(tx, "email", guest.email):
        raise Conflict("The guest's email address does not take messages: an earlier one bounced or was complained of")
    if house is None or house.mail_down_since is not None:
        raise ProviderFailed("Email provider error")
    await _take_turn(tx, guest.id)
    message_id = await write(
        tx, guest, template, variables, business=house.business, slug=slug, vault=vault, public_url=public_url
    )
    await events.record(
        tx, MessageQueued(guest_id=guest.id, request_id=message_id, channel="email", template=template.slug)
    )
    return message_id


async def write(
    tx: Tx,
    guest: guests.Guest,
    template: Template | Content,
    variables: Mapping[str, Any],
    *,
    business: str,
    slug: str,
    vault: Vault,
    public_url: str,
) -> int:
    """Put a letter to a guest who has an address into the outbox; returns its id.

    A text without an HTML part goes out as text alone. Raises Invalid for a missing variable.
    """
    unsubscribe = unsubscribe_url(tx, guest.id, vault=vault, public_url=public_url)
    rendered = render(template, guest, business, variables, unsubscribe)
    return await outbox.put(
        tx,
        outbox.Draft(
            channel="email",
            purpose=template.purpose if isinstance(template, Template) else TRANSACTIONAL,
            address=guest.email or "",
            subject=rendered.subject,
            html=rendered.html or None,
            text=rendered.text,
            guest_id=guest.id,
            template_slug=slug,
        ),
    )


# The so-many-th newest, of all records that are this guest.
NEWEST = sql("""
    SELECT m.queued_at
      FROM unnest($2::bigint[]) AS family (guest_id)
     CROSS JOIN LATERAL (
           SELECT queued_at
             FROM messages
            WHERE workspace_id = $1 AND guest_id = family.guest_id AND channel = 'email'
            ORDER BY id DESC
            LIMIT $3) m
     ORDER BY m.queued_at DESC
    OFFSET $3::bigint - 1
     LIMIT 1
""")


async def _take_turn(tx: Tx, guest_id: int) -> None:
    """Callers of one guest take turns from here, so that their number is exact. Raises TooOften."""
    family = await guests.hold(tx, guest_id)
    at: datetime | None = await tx.value(NEWEST, family, MOST_AN_HOUR)
    if at is not None and at > tx.now - _HOUR:
        wait = math.ceil((at + _HOUR - tx.now).total_seconds())
        raise TooOften(f"The guest was sent {MOST_AN_HOUR} emails within an hour", seconds=wait)


async def preview(
    reader: Reader,
    template: Template,
    guest: guests.Guest | None,
    variables: Mapping[str, Any],
    *,
    vault: Vault,
    public_url: str,
) -> Rendered:
    """What a guest would get, or nobody in particular. Raises Invalid for a missing variable."""
    house = await reader.find(_House, HOUSE)
    unsubscribe = unsubscribe_url(reader, guest.id if guest else 0, vault=vault, public_url=public_url)
    return render(template, guest, house.business if house else "", variables, unsubscribe)


def render(
    template: Template | Content,
    guest: guests.Guest | None,
    business: str,
    variables: Mapping[str, Any],
    unsubscribe: str,
) -> Rendered:
    """The template with its places filled. Raises Invalid for a declared variable that is not given."""
    for name in template.variables:
        if variables.get(name) is None:
            raise Invalid(f"Missing template variable: {name}", field="variables")
    facts = {**variables, "guest": _facts(guest), "business": {"name": business}, "unsubscribe_url": unsubscribe}
    subject = rendering.render(template.subject, facts, field="subject")
    return Rendered(
        # One line: whatever a variable holds, a header cannot be added (RFC 5322 section 2.2).
        " ".join("".join(char if char.isprintable() else " " for char in subject).split())[:500],
        rendering.render(template.html, facts, is_html=True, field="html"),
        rendering.render(template.text, facts, field="text"),
    )


def _facts(guest: guests.Guest | None) -> dict[str, Any]:
    if guest is None:
        return {"name": "", "first_name": "", "email": "", "phone": "", "is_vip": False, "tags": [], "attributes": {}}
    return {
        "name": guest.name or "",
        "first_name": (guest.name or "").partition(" ")[0],
        "email": guest.email or "",
        "phone": guest.phone or "",
        "is_vip": guest.is_vip,
        "tags": list(guest.tags),
        "attributes": dict(guest.attributes),
    }


def unsubscribe_url(
    reader: Reader, guest_id: int, *, vault: Vault, public_url: str, message_id: int | None = None
) -> str:
    """Where the guest takes consent back; the link has no end, as a mail has none (RFC 8058)."""
    claims = {"w": reader.workspace_id, "g": guest_id, **({"m": message_id} if message_id is not None else {})}
    return f"{public_url}/u/{vault.sign(claims, UNSUBSCRIBE)}"


class Unsubscribing(msgspec.Struct, frozen=True):
    """Whom an unsubscribe link stands for, and the message it came with, where it is known."""

    workspace_id: int
    guest_id: int
    message_id: int | None


def unsubscribed(vault: Vault, token: str) -> Unsubscribing:
    """What an unsubscribe link says. Raises Unreadable."""
    claims = vault.signed(token, UNSUBSCRIBE)
    workspace_id, guest_id, message_id = claims.get("w"), claims.get("g"), claims.get("m")
    if not isinstance(workspace_id, int) or not isinstance(guest_id, int):
        raise Unreadable
    return Unsubscribing(workspace_id, guest_id, message_id if isinstance(message_id, int) else None)
