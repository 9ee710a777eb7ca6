"""What of a guest stands in the wallet: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Tx, sql

TABLES = {"passes": rows.whole("passes", without=("token_hash",))}

# A phone that has passes of nobody else in this workspace is forgotten with them. A pass itself stays, void.
FORGET = sql("""
    WITH taken AS (
        DELETE FROM pass_registrations r
         USING passes p
         WHERE r.workspace_id = $1 AND p.workspace_id = $1 AND p.id = r.pass_id AND p.guest_id = ANY ($2::bigint[])
        RETURNING r.device, r.pass_id
    )
    SELECT DISTINCT t.device
      FROM taken t
     WHERE NOT EXISTS (SELECT
                         FROM pass_registrations o
                         JOIN passes p ON p.workspace_id = $1 AND p.id = o.pass_id
                        WHERE o.workspace_id = $1 AND o.device = t.device AND NOT p.guest_id = ANY ($2::bigint[]))
""")
FORGET_DEVICES = sql("DELETE FROM pass_devices WHERE workspace_id = $1 AND device = ANY ($2::bytea[])")
FORGET_PHONES = sql("DELETE FROM pass_phones WHERE workspace_id = $1 AND device = ANY ($2::bytea[])")


async def forget(tx: Tx, family: list[int]) -> None:
    """The guest's passes are void from now on, and no phone hears of them any more."""
    devices = await tx.column(FORGET, family)
    if devices:
        await tx.run(FORGET_DEVICES, devices)
        await tx.run(FORGET_PHONES, devices)
