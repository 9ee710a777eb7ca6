"""Scopes: one table of what each granted scope is treated as holding. Guest API 3."""

from collections.abc import Iterable

from hospes.base.errors import Invalid

EVERYTHING = "*"
# Modules with colon scopes, the actions each has, and the dotted scope that narrows its write.
_MODULES = {
    "crm": (("read", "write"), None),
    "promotions": (("read", "write"), "promotions.grant"),
    "loyalty": (("read", "write"), "loyalty.adjust"),
    "wallet": (("read", "write"), None),
    "communication": (("read", "write"), "communication.send"),
    "wifi": (("read",), None),
    "analytics": (("read",), None),
}
# Reading tags and notes has no scope of its own; these two names are for routes only.
_INTERNAL = {"tags.read", "notes.read"}
_CRM_READ = {"crm.read", "crm:read", "guests.read", "events.read", *_INTERNAL}
_CRM_WRITE = {*_CRM_READ, "crm.write", "crm:write", "guests.write", "tags.write", "notes.write"}

# Granted scope → what it is treated as holding (reference 3.3).
HOLDS: dict[str, set[str]] = {
    "crm.read": _CRM_READ,
    "crm:read": _CRM_READ,
    "crm.write": _CRM_WRITE,
    "crm:write": _CRM_WRITE,
    "guests.read": {"guests.read"},
    "guests.write": {"guests.read", "guests.write"},
    "tags.write": {"tags.read", "tags.write"},
    "notes.write": {"notes.read", "notes.write"},
    "events.read": {"events.read"},
    "webhooks.read": {"webhooks.read"},
    "webhooks.write": {"webhooks.read", "webhooks.write"},
}
for _module, (_actions, _narrow) in _MODULES.items():
    if _module != "crm":
        _read = {f"{_module}:read"}
        HOLDS[f"{_module}:read"] = _read
        if "write" in _actions:
            HOLDS[f"{_module}:write"] = _read | {f"{_module}:write"} | ({_narrow} if _narrow else set())
        if _narrow:
            HOLDS[_narrow] = {_narrow}

KNOWN = frozenset(HOLDS)
WILDCARDS = frozenset({EVERYTHING, *(f"{module}:*" for module in _MODULES)})
_ALL = frozenset().union(*HOLDS.values())


def check(granted: Iterable[str]) -> tuple[str, ...]:
    """Scopes as they may be given to a key, sorted, each once. Raises Invalid naming the unknown one."""
    scopes = sorted(set(granted))
    for scope in scopes:
        if scope not in KNOWN and scope not in WILDCARDS:
            raise Invalid(
                f"Unknown scope: {scope}. Known scopes: {', '.join(sorted(KNOWN))}; "
                f"wildcards: {', '.join(sorted(WILDCARDS))}.",
                field="scopes",
            )
    if not scopes:
        raise Invalid("A key needs at least one scope.", field="scopes")
    return tuple(scopes)


def held(granted: Iterable[str]) -> frozenset[str]:
    """Everything a key with these scopes is treated as holding."""
    holding: set[str] = set()
    for scope in granted:
        if scope == EVERYTHING:
            return _ALL
        module, _, action = scope.partition(":")
        if action == "*":
            actions, _narrow = _MODULES[module]
            holding |= HOLDS[f"{module}:{actions[-1]}"]
        else:
            holding |= HOLDS.get(scope, set())
    return frozenset(holding)
