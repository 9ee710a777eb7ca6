"""Who may call: cases O105 to O112, scopes, limits, walls."""

import re
from typing import Any

import pytest

from hospes.capabilities import oauth, properties
from hospes.doors import property_api
from tests.living import Home, Receiver
from tests.property_api.account import Account

PATH = "/properties"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer", "invalid_token"),
        ("Bearer ", "invalid_token"),
        ("Bearer  nis_at_x", "invalid_token"),
        ("Bearer nis_at_a, Bearer nis_at_b", "invalid_token"),
        ("Bearer nis_at_\x01", "invalid_token"),
        ("Bearer nk_" + "a" * 32, "invalid_token"),
        ("Bearer nis_at_unknown", "invalid_token"),
        ("Basic YTpi", "invalid_token"),
        ("Bearer nis_" + "ü" * 10, "invalid_token"),
        ("Bearer nis_" + "a" * 5000, "invalid_token"),
    ],
)
async def test_what_is_no_token_of_ours_is_refused(account: Account, header: str, code: str) -> None:
    """Cases O106, O108, O111."""
    answer = await account.get(PATH, headers={"authorization": header})

    assert (answer.status, answer.json()["error"]["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_nothing_sent_is_a_challenge_without_an_error(account: Account) -> None:
    """Cases O105, O107: a token in query, form or cookie is nothing sent."""
    from tests.living import ask

    sent = [(b"host", b"testserver"), (b"cookie", f"access_token={account.app.token}".encode())]
    query = f"access_token={account.app.token}".encode()

    answer = await ask(account.home.application, "GET", "/public/v1/properties", headers=sent, query=query)

    assert (answer.status, answer.json()["error"]["code"]) == (401, "unauthorized")
    url = account.home.server.settings.public_url
    metadata = f'resource_metadata="{url}/.well-known/oauth-protected-resource/public/v1"'
    assert answer.headers["www-authenticate"] == f"Bearer {metadata}"


async def test_the_scheme_is_read_in_any_case(account: Account) -> None:
    """Case O110."""
    answer = await account.get(PATH, headers={"authorization": f"bEaReR {account.app.token}"})

    assert answer.status == 200


async def test_a_token_ends_at_its_instant(home: Home) -> None:
    """Case O108: by a clock that stands still until it is moved, and says that it expired."""
    from datetime import timedelta

    from hospes.capabilities import workspaces

    account = await Account.open(home, await home.new_api(is_sandbox=True))

    async def advance(**by: float) -> None:
        await workspaces.move_clock(home.server.database, account.workspace_id, by=timedelta(**by))

    await advance(seconds=3599)
    before = await account.get(PATH)
    await advance(seconds=1)
    after = await account.get(PATH)

    assert before.status == 200
    assert (after.status, after.json()["error"]["code"]) == (401, "token_expired")
    assert 'error="invalid_token"' in after.headers["www-authenticate"]


@pytest.mark.parametrize("kind", ["password", "inactive", "left", "revoked"])
async def test_a_token_dies_with_what_it_rests_on(account: Account, home: Home, kind: str) -> None:
    """Case O94."""
    from hospes.capabilities import staff

    database = home.server.database
    assert (await account.get(PATH)).status == 200
    home.clock.advance(seconds=1)

    if kind == "password":
        await staff.set_password(database, account.person, "another long password", now=home.clock.now())
    elif kind == "inactive":
        await staff.set_active(database, account.person.id, is_active=False)
    else:
        async with account.api.begin() as tx:
            if kind == "left":
                await tx.run(staff.people.JOIN, (await _second(home)).id, "owner", tx.now)
                await staff.leave(tx, account.person.id)
            else:
                await oauth.grants.disconnect(tx, account.app.grant_id)
    home.server.forget_keys()  # what the notification does within a second; that it comes, test_access tells

    answer = await account.get(PATH)

    assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_token")


async def _second(home: Home) -> Any:
    from hospes.base import ids
    from hospes.capabilities import staff

    return await staff.create(
        home.server.database,
        email=f"{ids.token('', 10).lower()}@example.com",
        name="Second",
        password="correct horse battery",
        now=home.clock.now(),
    )


def needed(route: Any) -> list[set[str]]:
    return [set(these.split(" ")) for these in route.scope.split("|")]


@pytest.mark.parametrize("route", property_api.ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_endpoint_asks_for_its_scopes_before_it_looks(account: Account, route: Any) -> None:
    """Case O109: each endpoint with each scope alone, and with all but what it needs."""
    path = re.sub(r"{\w+}", "1", route.path)
    body = route.example if route.body else None
    for scope in oauth.scopes.SCOPES:
        if any(these <= {scope} for these in needed(route)):
            continue
        app = await account.new_app(scope)
        answer = await account.ask(route.method, path, body, token=app.token)
        assert (answer.status, answer.json()["error"]["code"]) == (403, "insufficient_scope"), (scope, answer)
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_the_scopes_of_an_update_follow_from_its_body(account: Account) -> None:
    booking = await account.new_booking()
    await account.post("/booking-parameters", {"key": "external_status", "name": "External status"})
    path = f"/bookings/{booking.id}"
    fields, custom = {"adults": 2}, {"customParameters": {"external_status": "ready"}}
    writer = (await account.new_app("bookings.write")).token
    marker = (await account.new_app("booking_parameters.write")).token

    async def status(body: dict[str, Any], token: str) -> int:
        return (await account.patch(path, body, token=token)).status

    assert (await status(fields, writer), await status(custom, marker)) == (200, 200)
    assert (await status(fields, marker), await status(custom, writer)) == (403, 403)
    assert (await status({**fields, **custom}, writer), await status({**fields, **custom}, marker)) == (403, 403)


async def test_limits_count_by_app_account_and_route(account: Account) -> None:
    other = await account.new_app()

    answers = [await account.get(f"/bookings/{number}") for number in range(1, 121)]
    over = await account.get("/bookings/121")

    assert {answer.status for answer in answers} == {404}
    assert answers[-1].headers["ratelimit-remaining"] == "0" and answers[0].headers["ratelimit-limit"] == "120"
    assert (over.status, over.json()["error"]["message"]) == (429, "Rate limit exceeded")
    assert int(over.headers["retry-after"]) >= 1
    assert (await account.get("/bookings")).status == 200
    assert (await account.get("/bookings/1", token=other.token)).status == 404
    writes = [(await account.post("/booking-parameters", {"key": "K", "name": "x"})).status for _ in range(31)]
    assert writes == [422] * 30 + [429]


async def test_an_account_without_an_entitled_property_is_told_so_everywhere(account: Account, home: Home) -> None:
    """Case O112."""
    async with account.api.begin() as tx:
        await properties.entitle(tx, account.property_id, is_entitled=False)
    home.server.forget_keys()

    answers = [await account.get(path) for path in ("/properties", "/bookings", "/booking-parameters", "/missions")]

    assert {(one.status, one.json()["error"]["code"]) for one in answers} == {(403, "entitlement_required")}


@pytest.mark.parametrize(
    "route",
    [route for route in property_api.ROUTES if "{" in route.path],
    ids=lambda route: f"{route.method} {route.path}",
)
async def test_another_accounts_ids_are_404_and_nothing_of_theirs_changes(
    account: Account, home: Home, receiver: Receiver, route: Any
) -> None:
    theirs = await Account.open(home, await home.new_api())
    booking = await theirs.new_booking()
    hook = {"propertyId": theirs.property_id, "url": receiver.url, "events": ["booking.created"]}
    ids = {
        "property_id": theirs.property_id,
        "booking_id": booking.id,
        "mission_id": booking.mission_ids[0] if booking.mission_ids else 0,
        "team_member_id": await theirs.new_member(),
        "webhook_id": (await theirs.post("/webhooks", hook)).json()["id"],
    }
    before = [(await theirs.get(path)).body for path in ("/bookings", "/missions", "/webhooks", "/team-members")]

    path = re.sub(r"{(\w+)}", lambda found: str(ids[found[1]]), route.path)
    body = {"status": "cancelled"} if route.body else None
    answer = await account.ask(route.method, path, body)

    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found"), answer
    after = [(await theirs.get(path)).body for path in ("/bookings", "/missions", "/webhooks", "/team-members")]
    assert after == before


async def test_preflights_are_answered_and_answers_may_be_read_by_pages_of_any_origin(account: Account) -> None:
    from tests.living import ask

    sent = [
        (b"host", b"testserver"),
        (b"origin", b"https://app.example.com"),
        (b"access-control-request-method", b"PATCH"),
    ]

    preflight = await ask(account.home.application, "OPTIONS", "/public/v1/bookings/1", headers=sent)
    answer = await account.get(PATH)

    assert preflight.status == 204 and "PATCH" in preflight.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


async def test_errors_have_the_envelope_also_where_no_route_is(account: Account) -> None:
    nowhere = await account.get("/nowhere")
    wrong_method = await account.ask("PUT", "/bookings", {})
    not_json = await account.ask("POST", "/booking-parameters", raw=b"{")
    wrong_type = await account.ask("POST", "/booking-parameters", raw=b"{}", headers={"content-type": "text/plain"})
    exists = [await account.post("/booking-parameters", {"key": "a", "name": "A"}) for _ in range(2)][1]

    told = [(one.status, one.json()["error"]["code"]) for one in (nowhere, wrong_method, not_json, wrong_type, exists)]
    assert told == [
        (404, "not_found"),
        (405, "method_not_allowed"),
        (400, "bad_request"),
        (415, "unsupported_media_type"),
        (409, "conflict"),
    ]
    named = await account.get(PATH, headers={"x-request-id": "mine"})
    assert named.headers["x-request-id"].startswith("req_")


async def test_the_contracts_own_error_is_word_for_word(account: Account) -> None:
    answer = await account.post("/booking-parameters", {"key": "External Status", "name": "External status"})

    assert answer.status == 422
    told = answer.json()["error"]
    assert (told["code"], told["message"]) == (
        "validation_error",
        "Parameter key must be lowercase snake_case, start with a letter, and be at most 40 characters",
    )
