"""Signed links to a guest's wallet: no sign-in, one guest, an end. Contract 11.2."""

from datetime import UTC, datetime, timedelta

import msgspec

from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import NotFound
from hospes.base.secrets import Unreadable, Vault
from hospes.capabilities import guests

PURPOSE = "wallet"


class LinkEnded(NotFound):
    """The link is no longer valid. Ask for a new one."""


class Link(msgspec.Struct, frozen=True):
    """Whose wallet a token opens, in which portal's colours, until when."""

    workspace_id: int
    guest_id: int
    portal_id: int
    expires_at: datetime


HAS_PORTAL = sql("SELECT EXISTS (SELECT FROM portals WHERE workspace_id = $1 AND id = $2)")


async def issue(tx: Tx, vault: Vault, *, guest_id: int, portal_id: int, ttl: timedelta) -> tuple[str, Link]:
    """A token for the guest's wallet. Raises NotFound for the guest or the portal."""
    guest = await guests.get(tx, guest_id)
    if not await tx.value(HAS_PORTAL, portal_id):
        raise NotFound("Portal not found")
    expires_at = (tx.now + ttl).replace(microsecond=0)
    link = Link(tx.workspace_id, guest.id, portal_id, expires_at)
    return sign(vault, link), link


def sign(vault: Vault, link: Link) -> str:
    """The token that says what the link says."""
    claims = {"w": link.workspace_id, "g": link.guest_id, "p": link.portal_id, "e": int(link.expires_at.timestamp())}
    return vault.sign(claims, PURPOSE)


def read(vault: Vault, token: str) -> Link:
    """What a token says; whether it has ended is for `follow`. Raises LinkEnded for one that is not ours."""
    try:
        claims = vault.signed(token, PURPOSE)
    except Unreadable:
        raise LinkEnded from None
    return Link(claims["w"], claims["g"], claims["p"], datetime.fromtimestamp(claims["e"], UTC))


async def follow(reader: Reader, link: Link) -> guests.Guest:
    """The guest whose wallet the link opens.

    Raises LinkEnded when it is past its end, and when its guest was merged into another: whoever has
    the link was given that guest's wallet, not the other's.
    """
    if reader.now >= link.expires_at:
        raise LinkEnded
    try:
        guest = await guests.get(reader, link.guest_id)
    except NotFound:
        raise LinkEnded from None
    if guest.id != link.guest_id:
        raise LinkEnded
    return guest
