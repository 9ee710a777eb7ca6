"""Guests who agreed to hear of us, campaigns for them, and what came of each message."""

from typing import Any

import msgspec

from hospes.base.db import sql
from hospes.capabilities import campaigns, guests
from tests.living import Api

NEWS = campaigns.Content(subject="News for @{first_name|you}@", html="<p>Hello @{first_name|there}@.</p>")


async def new_guest(api: Api, name: str, *, email: str | None = None, **fields: Any) -> int:
    """A guest who agreed to marketing, unless `marketing_consent` says otherwise; returns the id."""
    profile: dict[str, Any] = {"marketing_consent": True, "location_id": api.location_id} | fields
    address = f"{name.lower().replace(' ', '.')}@example.com" if email is None else email or None
    async with api.begin() as tx:
        return await guests.create(tx, guests.Profile(name=name, email=address, **profile), evidence="test")


async def broadcast(api: Api, *guest_ids: int, content: campaigns.Content = NEWS, **more: Any) -> int:
    """An email campaign to these guests, now; returns its id."""
    plan: dict[str, Any] = {
        "channel": "email",
        "content": content,
        "audience": campaigns.audiences.named(list(guest_ids)),
    }
    async with api.begin() as tx:
        return await campaigns.broadcast(tx, campaigns.Plan(**(plan | more)))


class Row(msgspec.Struct, frozen=True):
    guest_id: int
    status: str
    cause: str | None


ROWS = sql("""
    SELECT guest_id, status, cause
      FROM messages
     WHERE workspace_id = $1 AND campaign_id = $2
     ORDER BY guest_id, recipient
""")


async def rows(api: Api, campaign_id: int) -> dict[int, str]:
    """What became of each guest's message: its status, or the cause of its exclusion."""
    found = await api.reader().all(Row, ROWS, campaign_id)
    return {row.guest_id: row.cause or row.status for row in found}


async def state(api: Api, campaign_id: int) -> str:
    return (await campaigns.get(api.reader(), campaign_id)).state
