"""Webhooks: who wants to hear of what, and the deliveries that tell them."""

from hospes.capabilities.webhooks import personal, subscriptions
from hospes.capabilities.webhooks.courier import Courier, Headers, Sender
from hospes.capabilities.webhooks.endpoints import (
    EVENTS,
    MOST,
    Changes,
    Destinations,
    Endpoint,
    count,
    create,
    delete,
    get,
    list_all,
    rotate_secret,
    update,
)
from hospes.capabilities.webhooks.outbox import JOB, Attempt, Delivery, fan_out, replay, replay_since, send_test
from hospes.capabilities.webhooks.outbox import get as get_delivery
from hospes.capabilities.webhooks.outbox import list_of as list_deliveries

__all__ = [
    "EVENTS",
    "JOB",
    "MOST",
    "Attempt",
    "Changes",
    "Courier",
    "Delivery",
    "Destinations",
    "Endpoint",
    "Headers",
    "Sender",
    "count",
    "create",
    "delete",
    "fan_out",
    "get",
    "get_delivery",
    "list_all",
    "list_deliveries",
    "personal",
    "replay",
    "replay_since",
    "rotate_secret",
    "send_test",
    "subscriptions",
    "update",
]
