"""The scope matrix of the Guest API, cell by cell (case A6)."""

import pytest

from hospes.base.errors import Invalid
from hospes.capabilities.access import scopes
from hospes.doors.guest_api.routes import ROUTES
from hospes.web.routes import Route

CRM_WRITE = "crm:write crm:* crm.write"
CRM_READ = f"crm:read crm.read {CRM_WRITE}"

# Guest API 3.4, row by row: endpoint → what its route names, and any one of these. `*` always satisfies.
TABLE = {
    "GET /crm/guests": ("guests.read", f"{CRM_READ} guests.read guests.write"),
    "POST /crm/guests": ("guests.write", f"{CRM_WRITE} guests.write"),
    "GET /crm/guests/{guest_id}": ("guests.read", f"{CRM_READ} guests.read guests.write"),
    "PATCH /crm/guests/{guest_id}": ("guests.write", f"{CRM_WRITE} guests.write"),
    "GET /crm/guests/{guest_id}/timeline": ("events.read", f"{CRM_READ} events.read"),
    "GET /crm/tags": ("tags.read", f"{CRM_READ} tags.write"),
    "POST /crm/tags": ("tags.write", f"{CRM_WRITE} tags.write"),
    "GET /crm/guests/{guest_id}/notes": ("notes.read", f"{CRM_READ} notes.write"),
    "POST /crm/guests/{guest_id}/notes": ("notes.write", f"{CRM_WRITE} notes.write"),
    "GET /crm/events": ("events.read", f"{CRM_READ} events.read"),
    "GET /promotions": ("promotions:read", "promotions:read promotions:write promotions:*"),
    "POST /promotions/{promotion_id}/grant": ("promotions.grant", "promotions:write promotions:* promotions.grant"),
    "POST /promotions/redeem": ("promotions:write", "promotions:write promotions:*"),
    "GET /loyalty/guests/{guest_id}/points": ("loyalty:read", "loyalty:read loyalty:write loyalty:*"),
    "GET /loyalty/guests/{guest_id}/tier": ("loyalty:read", "loyalty:read loyalty:write loyalty:*"),
    "POST /loyalty/guests/{guest_id}/points": ("loyalty.adjust", "loyalty:write loyalty:* loyalty.adjust"),
    "POST /loyalty/guests/{guest_id}/redeem": ("loyalty:write", "loyalty:write loyalty:*"),
    "GET /wallet/guests/{guest_id}": ("wallet:read", "wallet:read wallet:write wallet:*"),
    "POST /wallet/link": ("wallet:write", "wallet:write wallet:*"),
    "POST /wallet/redeem": ("wallet:write", "wallet:write wallet:*"),
    "POST /communication/email/send": (
        "communication.send",
        "communication:write communication:* communication.send",
    ),
    "GET /communication/deliveries/{request_id}": (
        "communication:read",
        "communication:read communication:write communication:*",
    ),
    "GET /wifi/locations": ("wifi:read", "wifi:read wifi:*"),
    "GET /wifi/portals": ("wifi:read", "wifi:read wifi:*"),
    "GET /wifi/sessions": ("wifi:read", "wifi:read wifi:*"),
    "GET /wifi/live-guests": ("wifi:read", "wifi:read wifi:*"),
    "GET /analytics/overview": ("analytics:read", "analytics:read analytics:*"),
    "GET /analytics/guests": ("analytics:read", "analytics:read analytics:*"),
    "GET /analytics/promotions": ("analytics:read", "analytics:read analytics:*"),
    "GET /webhooks": ("webhooks.read", "webhooks.read webhooks.write"),
    "GET /webhooks/{webhook_id}": ("webhooks.read", "webhooks.read webhooks.write"),
    "GET /webhooks/{webhook_id}/deliveries": ("webhooks.read", "webhooks.read webhooks.write"),
    "POST /webhooks": ("webhooks.write", "webhooks.write"),
    "PATCH /webhooks/{webhook_id}": ("webhooks.write", "webhooks.write"),
    "DELETE /webhooks/{webhook_id}": ("webhooks.write", "webhooks.write"),
    "POST /webhooks/{webhook_id}/rotate-secret": ("webhooks.write", "webhooks.write"),
    "POST /webhooks/{webhook_id}/test": ("webhooks.write", "webhooks.write"),
}

# Guest API 3.1, and the wildcards of 3.2.
SCOPES = """
    crm.read crm.write guests.read guests.write tags.write notes.write events.read webhooks.read webhooks.write
    crm:read crm:write promotions:read promotions:write promotions.grant loyalty:read loyalty:write loyalty.adjust
    wallet:read wallet:write communication:read communication:write communication.send wifi:read analytics:read
""".split()
WILDCARDS = "* crm:* promotions:* loyalty:* wallet:* communication:* wifi:* analytics:*".split()


def satisfying(endpoint: str) -> set[str]:
    return {"*", *TABLE[endpoint][1].split()}


def test_the_names_are_the_contracts() -> None:
    assert len(SCOPES) == 24
    assert frozenset(SCOPES) == scopes.KNOWN
    assert frozenset(WILDCARDS) == scopes.WILDCARDS


@pytest.mark.parametrize("granted", [*SCOPES, *WILDCARDS])
@pytest.mark.parametrize("endpoint", TABLE)
def test_one_scope_opens_exactly_what_the_contract_says(endpoint: str, granted: str) -> None:
    need = TABLE[endpoint][0]

    is_open = need in scopes.held([granted])

    assert is_open == (granted in satisfying(endpoint))


def test_no_scope_opens_nothing() -> None:
    assert scopes.held([]) == frozenset()


@pytest.mark.parametrize("endpoint", TABLE)
def test_the_table_of_needs_agrees_with_the_contract(endpoint: str) -> None:
    assert scopes.NEEDS[TABLE[endpoint][0]] == satisfying(endpoint)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_needs_what_the_contract_says_and_prints_a_scope_that_helps(route: Route) -> None:
    endpoint = f"{route.method} {route.path.replace('/crm/webhooks', '/webhooks')}"

    if endpoint in TABLE:
        assert route.scope == TABLE[endpoint][0]
    else:
        assert route.is_extension
    assert route.printed_scope in scopes.NEEDS[route.scope] & scopes.KNOWN


def test_several_scopes_open_what_each_opens() -> None:
    held = scopes.held(["guests.read", "promotions.grant"])

    assert held == {"guests.read", "promotions.grant"}


def test_webhooks_need_their_own_scope_because_they_send_data_away() -> None:
    every_other = [scope for scope in [*SCOPES, *WILDCARDS] if scope != "*" and not scope.startswith("webhooks")]

    assert not {"webhooks.read", "webhooks.write"} & scopes.held(every_other)


def test_a_scope_that_this_version_does_not_know_opens_nothing() -> None:
    assert scopes.held(["minibar:*", "minibar.read", ""]) == frozenset()


def test_scopes_of_a_key_are_sorted_and_stand_once() -> None:
    assert scopes.check(["wifi:read", "crm.read", "wifi:read", "*"]) == ("*", "crm.read", "wifi:read")


@pytest.mark.parametrize("scope", [*SCOPES, *WILDCARDS])
def test_every_known_scope_may_be_given(scope: str) -> None:
    assert scopes.check([scope]) == (scope,)


@pytest.mark.parametrize(
    "scope",
    [
        *("crm.*", "guests:*", "guests.*", "webhooks:*", "tags:*", "**", "*:*", "*:read", "crm:", ":read"),
        *("CRM:read", "Crm.Read", "crm:READ", " crm:read", "crm:read ", "crm:read,crm:write", "", "crm"),
        *("tags.read", "notes.read", "events.write", "wifi:write", "analytics:write", "promotions:grant"),
    ],
)
def test_anything_else_is_refused_by_name(scope: str) -> None:
    with pytest.raises(Invalid) as refused:
        scopes.check(["crm:read", scope])

    assert f"Unknown scope: {scope}." in refused.value.message
    assert "crm:read" in refused.value.message
    assert "crm:*" in refused.value.message
    assert refused.value.field == "scopes"


def test_a_key_needs_a_scope() -> None:
    with pytest.raises(Invalid, match="at least one"):
        scopes.check([])
