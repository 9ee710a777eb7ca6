"""Guests who agreed to hear of us, campaigns for them, and what came of each message."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import msgspec

from hospes.base.db import sql
from hospes.capabilities import campaigns, guests
from tests.living import Answer, Api, Home, ask

NEWS = campaigns.Content(subject="News for @{first_name|you}@", html="<p>Hello @{first_name|there}@.</p>")

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


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


def mail_to(home: Home, api: Api, address: str) -> EmailMessage:
    """The newest mail to this address in the folder."""
    folder = home.server.settings.data_dir / "outbox"
    found = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(folder.glob(f"{api.workspace_id}.*.eml"), key=lambda path: int(path.name.split(".")[1]))
    ]
    return next(mail for mail in reversed(found) if mail["To"] == address)  # type: ignore[return-value]


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


async def visit(home: Home, url: str, *, agent: str = PERSON, method: str = "GET", form: str = "") -> Answer:
    """Somebody's browser asks for one of our addresses."""
    path, _, query = url.removeprefix(home.server.settings.public_url).partition("?")
    headers = [(b"host", b"testserver"), (b"user-agent", agent.encode())]
    if form:
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
    return await ask(home.application, method, path, headers=headers, query=query.encode(), body=form.encode())
