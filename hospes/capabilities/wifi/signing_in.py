"""Signing in at a portal: finds or makes the guest, notes the consent, opens the way.

Who types an address has not proved that it is theirs. So an address without a code finds the guest
it belongs to, but no name or address of that guest is changed, and nothing of theirs is shown.
"""

from datetime import datetime, timedelta

import msgspec

from hospes.base.db import Tx, sql
from hospes.base.errors import Duplicate
from hospes.capabilities import events, guests
from hospes.capabilities.wifi import portals, sessions
from hospes.capabilities.wifi.happenings import SignedIn


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest filled in. `marketing_words` are those that were ticked, None when they were not."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    marketing_words: str | None = None
    mac: str | None = None
    verified: str | None = None


class SignIn(msgspec.Struct, frozen=True):
    """`is_theirs` when the guest is new, or a code proved the address: only then may a wallet be shown."""

    guest_id: int
    session_id: int
    access_until: datetime
    is_theirs: bool


DEVICE = sql("""
    INSERT INTO devices AS d (workspace_id, mac, guest_id, portal_id, signed_in_at, access_until)
    VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (workspace_id, mac) DO UPDATE
       SET guest_id = excluded.guest_id, portal_id = excluded.portal_id, signed_in_at = excluded.signed_in_at,
           access_until = excluded.access_until
""")
OPEN_OF_DEVICE = sql("""
    SELECT id, guest_id, location_id, portal_id, mac, started_at, last_seen_at, ended_at
      FROM wifi_sessions
     WHERE workspace_id = $1 AND mac = $2 AND location_id = $3 AND ended_at IS NULL
     ORDER BY id DESC
     LIMIT 1
       FOR UPDATE
""")
OPEN = sql("""
    INSERT INTO wifi_sessions (workspace_id, guest_id, location_id, portal_id, mac, started_at, last_seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    RETURNING id
""")
CLOSE = sql("""
    UPDATE wifi_sessions
       SET ended_at = greatest(started_at, $3), end_cause = 'another guest'
     WHERE workspace_id = $1 AND id = $2
""")


async def sign_in(tx: Tx, portal: portals.Portal, form: Form) -> SignIn:
    """Let a guest in; what the form holds was checked against the portal's settings.

    Raises Invalid for an address that is none.
    """
    settings = portal.ask()
    is_verified = form.verified is not None
    guest_id, is_new = await _guest(tx, portal, form)
    family = await guests.hold(tx, guest_id)
    recorded = await events.record(
        tx,
        SignedIn(guest_id=family[0], portal_id=portal.id, is_verified=is_verified),
        location_id=portal.location_id,
    )
    if form.marketing_words is not None and not is_new:
        await _agree(tx, family[0], form.marketing_words, position=recorded.position, is_verified=is_verified)
    access_until = tx.now + timedelta(minutes=settings.access_minutes)
    if form.mac:
        await tx.run(DEVICE, form.mac, family[0], portal.id, tx.now, access_until)
    session_id = await _session(tx, portal, form, family)
    await guests.seen(tx, family[0])
    return SignIn(family[0], session_id, access_until, is_new or is_verified)


async def _guest(tx: Tx, portal: portals.Portal, form: Form) -> tuple[int, bool]:
    """The guest whom email or phone name, the proved one first, else a new one."""
    known = await guests.known_by(tx, email=form.email, phone=form.phone, first=form.verified)
    if known is not None:
        if form.verified is not None:
            await _complete(tx, known, form)
        return known, False
    profile = guests.Profile(
        location_id=portal.location_id,
        portal_id=portal.id,
        name=form.name,
        email=form.email,
        phone=form.phone,
        marketing_consent=True if form.marketing_words is not None else None,
    )
    evidence = f"portal, {form.verified} proved" if form.verified else "portal, not proved"
    try:
        async with tx.undoable():
            return await guests.create(tx, profile, evidence=evidence, words=form.marketing_words), True
    except Duplicate as duplicate:
        # Somebody else made the guest in this moment.
        if duplicate.existing_id is None:
            raise
        return duplicate.existing_id, False


async def _complete(tx: Tx, guest_id: int, form: Form) -> None:
    """Add what was not known; nothing is overwritten, and nobody else's address is taken."""
    guest = await guests.get(tx, guest_id)
    changes = guests.Changes(
        **{
            field: value
            for field in ("name", "email", "phone")
            if (value := getattr(form, field)) is not None
            and getattr(guest, field) is None
            and (field == "name" or await guests.known_by(tx, **{field: value}) is None)
        }
    )
    await guests.update(tx, guest_id, changes, evidence=f"portal, {form.verified} proved")


async def _agree(tx: Tx, guest_id: int, words: str, *, position: int, is_verified: bool) -> None:
    evidence = "portal, proved" if is_verified else "portal, not proved"
    everywhere = dict.fromkeys(guests.channels.CHANNELS, True)
    answers = (await guests.get(tx, guest_id)).answers
    if answers == answers.answered(everywhere):
        await guests.consents.confirm(tx, guest_id, "marketing", words=words, evidence=evidence, position=position)
    else:
        await guests.update(tx, guest_id, guests.Changes(consents=everywhere), evidence=evidence, words=words)


async def _session(tx: Tx, portal: portals.Portal, form: Form, family: list[int]) -> int:
    """The session of the device that is open already, else one that waits for its accounting."""
    found = await tx.find(sessions.Session, OPEN_OF_DEVICE, form.mac, portal.location_id) if form.mac else None
    if found is not None and found.guest_id in family:
        return found.id
    if found is not None and found.guest_id is None:
        await sessions.attach(tx, found.id, family, portal, started_at=found.started_at)
        return found.id
    if found is not None:
        await tx.run(CLOSE, found.id, tx.now)
    session_id = int(await tx.value(OPEN, family[0], portal.location_id, portal.id, form.mac, tx.now))
    await sessions.attach(tx, session_id, family, portal, started_at=tx.now)
    return session_id
