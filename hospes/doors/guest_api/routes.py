"""The Guest API's table, in the contract's order. Contract 3.4, 8 to 14, 16, 17."""

from typing import Any

import msgspec

from hospes.doors.guest_api import analytics, communication, crm, hooks, loyalty, promotions, shapes, wallet, wifi
from hospes.web.routes import Route

BASE = "/api/v1/external/v1"
DOCS = BASE

_GUEST = {"location_id": 1, "portal_id": 1, "name": "Alex", "email": "alex@example.com", "marketing_consent": True}


def _crm(method: str, path: str, handler: Any, scope: str, **more: Any) -> Route:
    printed = "crm:read" if method == "GET" else "crm:write"
    return Route(
        method=method, path=path, handler=handler, scope=scope, printed_scope=printed, module="crm", group="CRM", **more
    )


def _hook(method: str, path: str, handler: Any, **more: Any) -> Route:
    scope = "webhooks.read" if method == "GET" else "webhooks.write"
    return Route(
        method=method,
        path="/webhooks" + path,
        handler=handler,
        scope=scope,
        printed_scope=scope,
        module="webhooks",
        group="Webhooks",
        **more,
    )


_CRM = [
    _crm("GET", "/crm/guests", crm.list_guests, "guests.read", query=shapes.GuestQuery, answer=shapes.Guests),
    _crm(
        "POST",
        "/crm/guests",
        crm.create_guest,
        "guests.write",
        body=shapes.GuestIn,
        answer=shapes.GuestOut,
        status=201,
        errors=(404, 409),
        example=_GUEST,
    ),
    _crm("GET", "/crm/guests/{guest_id}", crm.get_guest, "guests.read", answer=shapes.GuestOut, errors=(404,)),
    _crm(
        "PATCH",
        "/crm/guests/{guest_id}",
        crm.update_guest,
        "guests.write",
        body=shapes.GuestPatch,
        answer=shapes.GuestOut,
        errors=(404, 409),
        example={"name": "Alex M.", "is_vip": True, "tags": ["vip"]},
    ),
    _crm(
        "GET",
        "/crm/guests/{guest_id}/timeline",
        crm.show_timeline,
        "events.read",
        query=shapes.TimelineQuery,
        answer=shapes.Entries,
        errors=(404,),
    ),
    _crm("GET", "/crm/tags", crm.list_tags, "tags.read", query=shapes.Page, answer=shapes.Tags),
    _crm(
        "POST",
        "/crm/tags",
        crm.create_tag,
        "tags.write",
        body=shapes.TagIn,
        answer=shapes.TagOut,
        status=201,
        errors=(409,),
        example={"slug": "vip", "label": "VIP", "color": "#6366f1"},
    ),
    _crm(
        "GET",
        "/crm/guests/{guest_id}/notes",
        crm.list_notes,
        "notes.read",
        query=shapes.Page,
        answer=shapes.Notes,
        errors=(404,),
    ),
    _crm(
        "POST",
        "/crm/guests/{guest_id}/notes",
        crm.add_note,
        "notes.write",
        body=shapes.NoteIn,
        answer=shapes.NoteOut,
        status=201,
        errors=(404,),
        example={"text": "Prefers window seat."},
    ),
    _crm(
        "GET",
        "/crm/events",
        crm.list_events,
        "events.read",
        query=shapes.EventQuery,
        answer=shapes.Entries,
        errors=(404,),
    ),
]

_HOOKS = [
    _hook("GET", "", hooks.list_webhooks, query=shapes.Page, answer=shapes.Webhooks),
    _hook(
        "POST",
        "",
        hooks.create_webhook,
        body=shapes.WebhookIn,
        answer=shapes.WebhookOut,
        status=201,
        errors=(409,),
        example={"url": "https://partner.example.com/hooks/guest", "events": ["guest.created", "guest.updated"]},
    ),
    _hook("GET", "/{webhook_id}", hooks.get_webhook, answer=shapes.WebhookOut, errors=(404,)),
    _hook(
        "PATCH",
        "/{webhook_id}",
        hooks.update_webhook,
        body=shapes.WebhookPatch,
        answer=shapes.WebhookOut,
        errors=(404,),
        example={"is_active": True},
    ),
    _hook("DELETE", "/{webhook_id}", hooks.delete_webhook, status=204, errors=(404,)),
    _hook(
        "POST",
        "/{webhook_id}/rotate-secret",
        hooks.rotate_secret,
        body=shapes.RotateIn,
        answer=shapes.SecretOut,
        errors=(404,),
        example={"immediate": False},
    ),
    _hook(
        "POST",
        "/{webhook_id}/test",
        hooks.test_webhook,
        body=shapes.TestIn,
        answer=shapes.SentOut,
        status=202,
        errors=(404,),
        example={"event": "guest.created"},
    ),
    _hook(
        "POST",
        "/{webhook_id}/replay",
        hooks.replay_webhook,
        body=shapes.ReplayIn,
        answer=shapes.ReplayedOut,
        status=202,
        errors=(404,),
        example={"since": "2026-06-20T12:00:00+00:00"},
        is_extension=True,
    ),
    _hook(
        "GET",
        "/{webhook_id}/deliveries",
        hooks.list_deliveries,
        query=shapes.DeliveryQuery,
        answer=shapes.Deliveries,
        errors=(404,),
    ),
    _hook(
        "GET",
        "/{webhook_id}/deliveries/{delivery_ref}",
        hooks.get_delivery,
        answer=shapes.DeliveryOut,
        errors=(404,),
        is_extension=True,
    ),
    _hook(
        "POST",
        "/{webhook_id}/deliveries/{delivery_ref}/replay",
        hooks.replay_delivery,
        answer=shapes.SentOut,
        status=202,
        errors=(404,),
        is_extension=True,
    ),
]

# The webhook scopes stand under the CRM in the contract, so the same handlers answer there too.
ROUTES = [
    *_CRM,
    *promotions.ROUTES,
    *loyalty.ROUTES,
    *wallet.ROUTES,
    *communication.ROUTES,
    *wifi.ROUTES,
    *analytics.ROUTES,
    *_HOOKS,
    *(msgspec.structs.replace(route, path="/crm" + route.path) for route in _HOOKS),
]
