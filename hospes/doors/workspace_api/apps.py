"""Connected apps, and the audit log."""

from typing import Any

import msgspec

from hospes.base.db import Reader, Tx
from hospes.capabilities import oauth, staff
from hospes.doors.workspace_api.shapes import Id, Instant, Paging, next_after
from hospes.web.routes import Route


class AppOut(msgspec.Struct, frozen=True, kw_only=True):
    """`used_at` is when the app last got new tokens."""

    id: int
    client_id: str
    name: str
    scopes: list[str]
    allowed_by: str
    allowed_at: Instant
    used_at: Instant


class Apps(msgspec.Struct, frozen=True, kw_only=True):
    items: list[AppOut]


class EntryOut(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    actor: str
    action: str
    facts: dict[str, Any]
    acted_at: Instant


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    items: list[EntryOut]
    next_after: Id | None


async def list_apps(reader: Reader) -> Apps:
    """List connected apps"""
    return Apps(
        items=[
            AppOut(
                id=app.grant_id,
                client_id=app.client_id,
                name=app.name,
                scopes=app.scope.split(" "),
                allowed_by=app.given_by,
                allowed_at=app.created_at.isoformat(),
                used_at=app.rotated_at.isoformat(),
            )
            for app in await oauth.grants.list_of(reader)
        ]
    )


async def disconnect_app(tx: Tx, app_id: int) -> None:
    """Disconnect app

    Its tokens and webhooks end at once.
    """
    await oauth.grants.disconnect(tx, app_id)


async def list_audit(reader: Reader, query: Paging) -> Entries:
    """List audit log

    Who signed in, which apps were connected and disconnected, who joined and left.
    """
    found = await staff.audit.list_after(reader, query.after, limit=query.limit)
    items = [
        EntryOut(id=one.id, actor=one.actor, action=one.action, facts=one.facts, acted_at=one.acted_at.isoformat())
        for one in found
    ]
    return Entries(items=items, next_after=next_after(items, query.limit))


ROUTES = [
    Route(
        method="GET",
        path="/apps",
        handler=list_apps,
        scope="manager",
        printed_scope="manager",
        group="Apps",
        answer=Apps,
    ),
    Route(
        method="DELETE",
        path="/apps/{app_id}",
        handler=disconnect_app,
        scope="manager",
        printed_scope="manager",
        group="Apps",
        status=204,
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/audit",
        handler=list_audit,
        scope="owner",
        printed_scope="owner",
        group="Audit",
        query=Paging,
        answer=Entries,
    ),
]
