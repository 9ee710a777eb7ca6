"""An example of each answer, for the OpenAPI document. The same people as in the demo."""

from collections.abc import Mapping
from typing import Any

from hospes.doors.guest_api import analytics, communication, loyalty, promotions, shapes, wallet, wifi

_AT = "2026-06-20T12:00:00+00:00"

_GUEST = {
    "id": 42,
    "location_id": 1,
    "portal_id": 1,
    "name": "Alex",
    "email": "alex@example.com",
    "phone": None,
    "marketing_consent": True,
    "is_vip": False,
    "tags": ["regular"],
    "points_balance": 150,
    "tier": "silver",
    "visit_count": 3,
    "attributes": {"table": "window"},
    "first_seen_at": "2026-05-02T17:30:00+00:00",
    "last_seen_at": _AT,
    "created_at": "2026-05-02T17:30:00+00:00",
    "updated_at": _AT,
}
_ENTRY = {
    "id": 590275641344,
    "type": "visit.started",
    "guest_id": 42,
    "sequence": 7,
    "location_id": 1,
    "title": "Connected to WiFi",
    "data": {"session_id": 5001},
    "occurred_at": "2026-06-20T11:40:00+00:00",
}
_TAG = {
    "id": 3,
    "slug": "vip",
    "label": "VIP",
    "color": "#6366f1",
    "guest_count": 12,
    "created_at": "2026-05-01T09:00:00+00:00",
}
_NOTE = {"id": 77, "guest_id": 42, "text": "Prefers window seat.", "author": "API key: POS", "created_at": _AT}
_WEBHOOK = {
    "id": 12,
    "url": "https://partner.example.com/hooks/guest",
    "events": ["guest.created", "guest.updated"],
    "description": "CRM sync",
    "is_active": True,
    "disabled_reason": None,
    "last_success_at": _AT,
    "last_failure_at": None,
    "created_at": _AT,
    "updated_at": _AT,
}
_DELIVERY = {
    "id": "dlv_01JY0Z6K3T6C9F2M8B4N5P7QRS",
    "webhook_id": 12,
    "event": "guest.created",
    "status": "succeeded",
    "attempts": 1,
    "response_status": 200,
    "next_attempt_at": None,
    "created_at": _AT,
}


def page(item: Any) -> dict[str, Any]:
    """A list of one."""
    return {"total": 1, "limit": 50, "offset": 0, "items": [item]}


ANSWERS: Mapping[type, Any] = {
    shapes.GuestOut: _GUEST,
    shapes.Guests: page(_GUEST),
    shapes.Entries: page(_ENTRY),
    shapes.TagOut: _TAG,
    shapes.Tags: page(_TAG),
    shapes.NoteOut: _NOTE,
    shapes.Notes: page(_NOTE),
    shapes.WebhookOut: _WEBHOOK,
    shapes.Webhooks: page(_WEBHOOK),
    shapes.SecretOut: {"id": 12, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    shapes.SentOut: {"delivery_id": "dlv_01JY0Z6K3T6C9F2M8B4N5P7QRS"},
    shapes.ReplayedOut: {"replayed": 18},
    shapes.Deliveries: page(_DELIVERY),
    shapes.DeliveryOut: {
        **_DELIVERY,
        "attempt_log": [
            {
                "number": 1,
                "is_manual": False,
                "response_status": 200,
                "error": None,
                "latency_ms": 38,
                "response_body": "ok",
                "attempted_at": _AT,
            }
        ],
    },
    promotions.Promotions: page(
        {
            "id": 7,
            "name": "Free coffee",
            "description": "One free coffee on your next visit",
            "type": "free_item",
            "value": None,
            "currency": None,
            "status": "active",
            "location_ids": [1],
            "starts_at": "2026-06-01T00:00:00+00:00",
            "ends_at": None,
            "max_grants_per_guest": 1,
            "grants_count": 35,
            "redemptions_count": 12,
            "created_at": "2026-05-28T10:00:00+00:00",
        }
    ),
    promotions.GrantOut: {
        "id": 100,
        "grant_id": 100,
        "promotion_id": 7,
        "guest_id": 42,
        "location_id": 1,
        "status": "granted",
        "code": "K7Q2M9",
        "granted_at": _AT,
        "expires_at": None,
        "redeemed_at": None,
    },
    promotions.RedemptionOut: {
        "redemption_id": 555,
        "grant_id": 100,
        "promotion_id": 7,
        "guest_id": 42,
        "location_id": 1,
        "status": "redeemed",
        "redeemed_at": "2026-06-20T12:05:00+00:00",
        "idempotency_key": "pos-001",
    },
    loyalty.BalanceOut: {
        "guest_id": 42,
        "balance": 150,
        "lifetime_earned": 400,
        "lifetime_redeemed": 250,
        "updated_at": _AT,
    },
    loyalty.RankOut: {
        "guest_id": 42,
        "tier": {"id": 2, "slug": "silver", "name": "Silver", "min_points": 300},
        "next_tier": {"id": 3, "slug": "gold", "name": "Gold", "min_points": 1000},
        "qualifying_points": 400,
        "points_to_next": 600,
    },
    loyalty.MovementOut: {
        "transaction_id": 8801,
        "guest_id": 42,
        "type": "adjust",
        "points": 50,
        "balance": 200,
        "note": "Birthday bonus",
        "idempotency_key": "adj-001",
        "created_at": _AT,
    },
    wifi.Locations: page(
        {
            "id": 1,
            "name": "Main Street Cafe",
            "address": "1 Main Street",
            "city": "Paris",
            "country_code": "FR",
            "timezone": "Europe/Paris",
            "is_active": True,
            "created_at": "2026-01-10T09:00:00+00:00",
        }
    ),
    wifi.Portals: page(
        {
            "id": 1,
            "location_id": 1,
            "name": "Guest WiFi",
            "slug": "main-street",
            "is_active": True,
            "created_at": "2026-01-10T09:05:00+00:00",
        }
    ),
    wifi.Sessions: page(
        {
            "id": 5001,
            "guest_id": 42,
            "location_id": 1,
            "portal_id": 1,
            "device_mac": "a4:83:e7:**:**:**",
            "started_at": "2026-06-20T11:40:00+00:00",
            "ended_at": None,
            "duration_seconds": 1500,
            "is_active": True,
        }
    ),
    wifi.LiveGuests: page(
        {
            "guest_id": 42,
            "name": "Alex",
            "is_vip": True,
            "location_id": 1,
            "session_id": 5001,
            "connected_since": "2026-06-20T11:40:00+00:00",
        }
    ),
    wallet.WalletOut: {
        "guest": {"id": 42, "name": "Alex", "is_vip": True},
        "points": {"balance": 150, "lifetime_earned": 400},
        "tier": {"slug": "silver", "name": "Silver"},
        "next_tier": {"slug": "gold", "name": "Gold", "points_to_next": 600},
        "rewards": [
            {
                "id": 3,
                "name": "Free dessert",
                "points_cost": 100,
                "available": True,
                "unavailable_reason": None,
                "points_missing": 0,
                "qr_payload": "eyJ3IjoxLCJnIjo0Mn0.sig",
            }
        ],
        "grants": [
            {
                "grant_id": 100,
                "promotion_id": 7,
                "name": "Free coffee",
                "status": "granted",
                "code": "K7Q2M9",
                "expires_at": None,
            }
        ],
        "updated_at": _AT,
    },
    wallet.PassOut: {"guest_id": 42, "portal_id": 1},
    wallet.LinkOut: {
        "url": "https://hospes.example.com/w/eyJnIjo0Mn0.sig",
        "guest_id": 42,
        "portal_id": 1,
        "expires_at": "2026-07-04T12:00:00+00:00",
    },
    wallet.HandedOut: {
        "redemption_id": 912,
        "guest_id": 42,
        "reward_id": 3,
        "location_id": 1,
        "points_spent": 100,
        "balance": 50,
        "redeemed_at": "2026-06-20T12:10:00+00:00",
    },
    communication.QueuedOut: {"request_id": 1001, "status": "queued"},
    communication.MessageOut: {
        "request_id": 1001,
        "guest_id": 42,
        "channel": "email",
        "template_slug": "welcome_email",
        "status": "delivered",
        "error": None,
        "queued_at": _AT,
        "sent_at": "2026-06-20T12:00:02+00:00",
        "delivered_at": "2026-06-20T12:00:05+00:00",
    },
    analytics.Overview: {
        "location_id": 1,
        "guests_total": 1200,
        "guests_new_30d": 140,
        "guests_returning_30d": 310,
        "active_sessions": 8,
        "visits_30d": 900,
        "promotions_granted_30d": 75,
        "promotions_redeemed_30d": 31,
        "points_added_30d": 12000,
        "points_redeemed_30d": 4300,
        "generated_at": _AT,
    },
    analytics.PromotionFigures: {
        "grants_total": 410,
        "redemptions_total": 160,
        "redemption_rate": 0.3902,
        "items": [
            {
                "promotion_id": 7,
                "name": "Free coffee",
                "grants": 35,
                "redemptions": 12,
                "redemption_rate": 0.3429,
            }
        ],
    },
    analytics.GuestFigures: {
        "total": 1200,
        "new_30d": 140,
        "returning_30d": 310,
        "vip": 25,
        "marketing_opt_in": 640,
        "series": [{"date": "2026-05-22", "new": 4, "returning": 9, "visits": 20}],
    },
}
