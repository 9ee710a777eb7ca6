"""Properties: rentable units at locations, and the team that looks after them."""

from hospes.capabilities.properties import team
from hospes.capabilities.properties.units import (
    NewProperty,
    Property,
    check,
    count,
    create,
    entitle,
    get,
    has_entitled,
    list_after,
    list_every,
    list_page,
    renew_calendar,
    set_lock,
)

__all__ = [
    "NewProperty",
    "Property",
    "check",
    "count",
    "create",
    "entitle",
    "get",
    "has_entitled",
    "list_after",
    "list_every",
    "list_page",
    "renew_calendar",
    "set_lock",
    "team",
]
