"""What guests spent after a campaign's message reached them: the value of the events they are tracked with.

Audience API 9.3: `ltv` of events within seven days after the message was sent.
"""

import msgspec

from hospes.base.db import Reader, sql
from hospes.capabilities import events

WINDOW_DAYS = 7

BY_CAMPAIGN = sql(f"""
    SELECT m.campaign_id, round(sum((e.payload ->> 'ltv')::numeric), 2)::float8 AS amount
      FROM messages m
      JOIN events e ON e.workspace_id = $1 AND e.guest_id = m.guest_id AND e.type = '{events.TRACKED}'
                   AND e.occurred_at >= m.sent_at AND e.occurred_at < m.sent_at + make_interval(days => $3)
                   AND e.payload ? 'ltv'
     WHERE m.workspace_id = $1 AND m.campaign_id = ANY ($2::bigint[]) AND m.sent_at IS NOT NULL
     GROUP BY m.campaign_id
""")  # noqa: S608 (constants only)


class _Amount(msgspec.Struct, frozen=True):
    campaign_id: int
    amount: float


async def by_campaign(reader: Reader, campaign_ids: list[int]) -> dict[int, float]:
    """The revenue of each campaign that has any, in the workspace's currency."""
    found = await reader.all(_Amount, BY_CAMPAIGN, campaign_ids, WINDOW_DAYS)
    return {one.campaign_id: one.amount for one in found}
