"""Guests: erased, and kept from being erased."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hospes.base.db import Tx
from hospes.base.secrets import Vault
from hospes.capabilities import record
from hospes.doors.workspace_api.shapes import Body, Instant
from hospes.web.routes import Route


class HoldIn(Body, frozen=True, kw_only=True):
    reason: Annotated[str, Meta(min_length=1, max_length=200, description="Why; shown to whoever asks to erase.")]


async def erase_guest(tx: Tx, guest_id: int) -> None:
    """Erase a guest

    The person goes for good, from everything; figures and ledgers stay as they are. Refused while a stay is
    not over, and for a guest who is held.
    """
    await record.erase(tx, guest_id, evidence="workspace API")


class ExportOut(msgspec.Struct, frozen=True):
    """An address that gives the file once, until then."""

    url: str
    expires_at: Instant


async def export_guest(tx: Tx, guest_id: int, vault: Vault, public_url: str) -> ExportOut:
    """Export a guest

    Everything that is known of them, as JSON and CSV in one zip file. The address works once within a day,
    and says nothing of the guest.
    """
    made = await record.exporting.offer(tx, vault, guest_id)
    return ExportOut(f"{public_url}/exports/{made.token}", made.expires_at.isoformat())


async def hold_guest(tx: Tx, guest_id: int, body: HoldIn) -> None:
    """Keep a guest from being erased

    For a lawsuit, or a bill that is not paid.
    """
    await record.keep(tx, guest_id, reason=body.reason)


async def release_guest(tx: Tx, guest_id: int) -> None:
    """Let a guest be erased again"""
    await record.let_go(tx, guest_id)


def _route(method: str, path: str, handler: Any, **more: Any) -> Route:
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope="manager",
        printed_scope="manager",
        group="Guests",
        **more,
    )


ROUTES = [
    _route("DELETE", "/guests/{guest_id}", erase_guest, status=204, errors=(404, 409)),
    _route("POST", "/guests/{guest_id}/export", export_guest, status=201, answer=ExportOut, errors=(404,)),
    _route(
        "PUT",
        "/guests/{guest_id}/hold",
        hold_guest,
        body=HoldIn,
        status=204,
        errors=(404,),
        example={"reason": "The bill of May is not paid."},
    ),
    _route("DELETE", "/guests/{guest_id}/hold", release_guest, status=204, errors=(404,)),
]
