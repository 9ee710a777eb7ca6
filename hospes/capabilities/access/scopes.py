"""Scopes: one table of what each granted scope is treated as holding. Guest API 3."""

from collections.abc import Iterable, Mapping

from hospes.base.errors import Invalid

EVERYTHING = "*"

# Reading tags and notes has no scope of its own: `tags.read` and `notes.read` stand in routes, never in keys.
_READ_CRM = frozenset({"crm.read", "crm:read", "guests.read", "events.read", "tags.read", "notes.read"})
_WRITE_CRM = _READ_CRM | {"crm.write", "crm:write", "guests.write", "tags.write", "notes.write"}

# Granted scope → what it is treated as holding (3.3). A route names one of the things held.
# The action scopes (`promotions.grant`, …) give no read: add it in their rows to have them imply it.
HOLDS: Mapping[str, frozenset[str]] = {
    "crm.read": _READ_CRM,
    "crm:read": _READ_CRM,
    "crm.write": _WRITE_CRM,
    "crm:write": _WRITE_CRM,
    "guests.read": frozenset({"guests.read"}),
    "guests.write": frozenset({"guests.read", "guests.write"}),
    "tags.write": frozenset({"tags.read", "tags.write"}),
    "notes.write": frozenset({"notes.read", "notes.write"}),
    "events.read": frozenset({"events.read"}),
    "webhooks.read": frozenset({"webhooks.read"}),
    "webhooks.write": frozenset({"webhooks.read", "webhooks.write"}),
    "promotions:read": frozenset({"promotions:read"}),
    "promotions:write": frozenset({"promotions:read", "promotions:write", "promotions.grant"}),
    "promotions.grant": frozenset({"promotions.grant"}),
    "loyalty:read": frozenset({"loyalty:read"}),
    "loyalty:write": frozenset({"loyalty:read", "loyalty:write", "loyalty.adjust"}),
    "loyalty.adjust": frozenset({"loyalty.adjust"}),
    "wallet:read": frozenset({"wallet:read"}),
    "wallet:write": frozenset({"wallet:read", "wallet:write"}),
    "communication:read": frozenset({"communication:read"}),
    "communication:write": frozenset({"communication:read", "communication:write", "communication.send"}),
    "communication.send": frozenset({"communication.send"}),
    "wifi:read": frozenset({"wifi:read"}),
    "analytics:read": frozenset({"analytics:read"}),
}

KNOWN = frozenset(HOLDS)


def _wildcards() -> dict[str, frozenset[str]]:
    """`module:*` holds what the module's colon scopes hold together, `*` everything."""
    modules = {scope.partition(":")[0] for scope in KNOWN if ":" in scope}
    of_modules = {f"{name}:*": _united(scope for scope in KNOWN if scope.startswith(f"{name}:")) for name in modules}
    return {EVERYTHING: _united(KNOWN), **of_modules}


def _united(scopes: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(HOLDS[scope] for scope in scopes))


_GRANTED = {**HOLDS, **_wildcards()}
WILDCARDS = frozenset(_GRANTED) - KNOWN

# What a route may name → the granted scopes, wildcards included, that satisfy it (3.4).
NEEDS: Mapping[str, frozenset[str]] = {
    need: frozenset(scope for scope, holding in _GRANTED.items() if need in holding) for need in _GRANTED[EVERYTHING]
}


def check(granted: Iterable[str]) -> tuple[str, ...]:
    """Scopes as they may be given to a key, sorted, each once. Guest API 3.2.

    Raises Invalid for an unknown scope, naming it and what is allowed, and when there is none.
    """
    scopes = sorted(set(granted))
    for scope in scopes:
        if scope not in _GRANTED:
            raise Invalid(
                f"Unknown scope: {scope}. Known scopes: {', '.join(sorted(KNOWN))}; "
                f"wildcards: {', '.join(sorted(WILDCARDS))}.",
                field="scopes",
            )
    if not scopes:
        raise Invalid("A key needs at least one scope.", field="scopes")
    return tuple(scopes)


def held(granted: Iterable[str]) -> frozenset[str]:
    """Everything a key with these scopes is treated as holding; a scope we do not know opens nothing."""
    return frozenset().union(*(_GRANTED.get(scope, ()) for scope in granted))
