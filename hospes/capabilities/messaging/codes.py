"""Codes that prove an address: six digits, ten minutes, five tries."""

import re
from datetime import timedelta

from hospes.base import ids
from hospes.base.db import Tx, sql
from hospes.base.errors import Exhausted
from hospes.base.secrets import Vault, same
from hospes.capabilities.messaging import outbox

LIFE = timedelta(minutes=10)
_DIGITS = 6
_TRIES = 5
# Codes for one address within an hour.
_MOST_SENT = 5

# Within the hour the count goes on; after it, it starts anew.
ISSUE = sql("""
    INSERT INTO address_codes AS c (workspace_id, purpose, channel, address, hash, tries_left, sent, first_sent_at,
                                    expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)
        ON CONFLICT (workspace_id, purpose, channel, address) DO UPDATE
       SET hash = excluded.hash,
           tries_left = excluded.tries_left,
           expires_at = excluded.expires_at,
           sent = CASE WHEN c.first_sent_at <= $9 THEN 1 ELSE c.sent + 1 END,
           first_sent_at = CASE WHEN c.first_sent_at <= $9 THEN $7 ELSE c.first_sent_at END
     WHERE c.first_sent_at <= $9 OR c.sent < $10
""")
TRY = sql("""
    UPDATE address_codes
       SET tries_left = tries_left - 1
     WHERE workspace_id = $1 AND purpose = $2 AND channel = $3 AND address = $4 AND tries_left > 0 AND expires_at > $5
    RETURNING hash
""")
SPEND = sql("""
    UPDATE address_codes
       SET tries_left = 0
     WHERE workspace_id = $1 AND purpose = $2 AND channel = $3 AND address = $4
""")
SWEEP = sql("DELETE FROM address_codes WHERE workspace_id = $1 AND first_sent_at < $2 AND expires_at < $3")


async def issue(tx: Tx, vault: Vault, *, purpose: str, draft: outbox.Draft) -> None:
    """Send a new code to the draft's address; `{code}` in its texts becomes the code. The one before ends.

    Raises Exhausted when the address was sent five within an hour.
    """
    code = ids.digits(_DIGITS)
    place = (purpose, draft.channel, _one_spelling(draft.channel, draft.address))
    written = await tx.run(
        ISSUE,
        *place,
        _hashed(vault, tx.workspace_id, place, code),
        _TRIES,
        tx.now,
        tx.now + LIFE,
        tx.now - timedelta(hours=1),
        _MOST_SENT,
    )
    if not written:
        raise Exhausted("Too many codes were sent to this address. Try again in an hour.")
    filled = outbox.Draft(
        channel=draft.channel,
        purpose=draft.purpose,
        address=draft.address,
        subject=draft.subject.replace("{code}", code) if draft.subject else None,
        html=draft.html.replace("{code}", code) if draft.html else None,
        text=draft.text.replace("{code}", code),
        guest_id=draft.guest_id,
    )
    await outbox.put(tx, filled)


async def is_right(tx: Tx, vault: Vault, *, purpose: str, channel: str, address: str, code: str) -> bool:
    """Whether this is the newest code of the address. Each call is a try; a right code works once."""
    place = (purpose, channel, _one_spelling(channel, address))
    hashed = await tx.value(TRY, *place, tx.now)
    if hashed is None or not same(hashed, _hashed(vault, tx.workspace_id, place, code)):
        return False
    await tx.run(SPEND, *place)
    return True


async def sweep(tx: Tx) -> None:
    """Forget codes that ended, when they no longer count against the hour."""
    await tx.run(SWEEP, tx.now - timedelta(hours=1), tx.now)


def _one_spelling(channel: str, address: str) -> str:
    """However it is written, an address gets its five codes once: capitals and blanks reach the same person."""
    return address.casefold() if channel == "email" else re.sub(r"[^0-9+]", "", address)


def _hashed(vault: Vault, workspace_id: int, place: tuple[str, ...], code: str) -> bytes:
    # Keyed: six digits could be found from a plain hash.
    return vault.derive("\n".join((str(workspace_id), *place, code)), "address code")[:10].hex().encode()
