"""Codes for the till: each lives a minute and works once, so a photo of one is worth nothing."""

from datetime import UTC, datetime, timedelta

import msgspec

from hospes.base import ids
from hospes.base.db import Reader, Tx, sql
from hospes.base.errors import Conflict, Invalid
from hospes.base.secrets import Unreadable, Vault

PURPOSE = "code"
LIFE = timedelta(minutes=1)
_KEPT = timedelta(days=1)
_NONCE_LENGTH = 12


class Code(msgspec.Struct, frozen=True):
    """What a code says: which guest, and which reward when it is for one."""

    workspace_id: int
    guest_id: int
    reward_id: int | None
    nonce: str
    expires_at: datetime


def make(reader: Reader, vault: Vault, *, guest_id: int, reward_id: int | None) -> str:
    """The text of a QR code. It costs nothing to make one: only a used one is written down."""
    claims = {
        "w": reader.workspace_id,
        "g": guest_id,
        "r": reward_id,
        "n": ids.token("", _NONCE_LENGTH),
        "e": int((reader.now + LIFE).timestamp()),
    }
    return vault.sign(claims, PURPOSE)


def read(reader: Reader, vault: Vault, text: str) -> Code:
    """What a code says. Raises Invalid for one that is not this workspace's, Conflict for one too old."""
    try:
        claims = vault.signed(text, PURPOSE)
    except Unreadable:
        raise Invalid("This is not a code of ours.", field="qr_payload") from None
    code = Code(claims["w"], claims["g"], claims["r"], claims["n"], datetime.fromtimestamp(claims["e"], UTC))
    if code.workspace_id != reader.workspace_id:
        raise Invalid("This is not a code of ours.", field="qr_payload")
    if reader.now >= code.expires_at:
        raise Conflict("The code is too old: it lives for a minute. Ask the guest for a new one.")
    return code


USE = sql("""
    INSERT INTO wallet_codes (workspace_id, nonce, used_at)
    VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
""")


async def use(tx: Tx, code: Code) -> None:
    """Spend a code; of two tills, one succeeds. Raises Conflict for the other (case D23)."""
    if not await tx.run(USE, code.nonce, tx.now):
        raise Conflict("The code was used already.")


SWEEP = sql("DELETE FROM wallet_codes WHERE workspace_id = $1 AND used_at < $2")


async def sweep(tx: Tx) -> None:
    """Forget used codes that nobody could use again anyway."""
    await tx.run(SWEEP, tx.now - _KEPT)
