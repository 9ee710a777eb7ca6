"""What of a guest stands in the ledger: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Tx, sql

TABLES = {
    name: rows.whole(name)
    for name in ("loyalty_movements", "loyalty_lots", "loyalty_entries", "loyalty_accounts", "reward_redemptions")
}

FORGET = sql("""
    UPDATE loyalty_movements
       SET note = NULL
     WHERE workspace_id = $1 AND guest_id = ANY ($2::bigint[]) AND note IS NOT NULL
""")


async def forget(tx: Tx, family: list[int]) -> None:
    """Every movement stays, so that the books balance; what somebody remarked on it goes."""
    await tx.run(FORGET, family)
