"""What of a guest stands in campaigns: handed out, and forgotten."""

from hospes.base import rows
from hospes.base.db import Tx, sql
from hospes.capabilities.campaigns import launching

# What was said to many is nobody's own.
TABLES = {"campaigns": rows.whole("campaigns", "t.is_single AND t.guest_ids && $2::bigint[]")}

FORGET = sql("""
    UPDATE campaigns
       SET content = '{}', name = 'Erased'
     WHERE workspace_id = $1 AND id = ANY ($3::bigint[]) AND is_single AND guest_ids && $2::bigint[]
""")


async def forget(tx: Tx, family: list[int], campaign_ids: set[int]) -> None:
    """What was written for this guest alone goes; a campaign that waited for them alone is over."""
    ordered = sorted(campaign_ids)
    await tx.run(FORGET, family, ordered)
    for campaign_id in ordered:
        await launching.complete(tx, campaign_id)
