"""The Workspace API's door: tokens, roles, limits, problems, its document."""

import pytest

from hospes.capabilities import access
from hospes.doors import workspace_api
from hospes.web.openapi import document
from tests.living import Api, Home, ask

LOCATION = {"name": "Main Street Cafe", "city": "Paris", "country_code": "FR", "timezone": "Europe/Paris"}


async def test_a_location_is_made_read_and_listed(api: Api) -> None:
    made = await api.workspace("POST", "/locations", LOCATION)
    one = await api.workspace("GET", f"/locations/{made.json()['id']}")
    first = await api.workspace("GET", "/locations", limit=1)
    second = await api.workspace("GET", "/locations", limit=1, after=first.json()["next_after"])
    third = await api.workspace("GET", "/locations", limit=1, after=second.json()["next_after"])

    assert made.status == 201
    assert one.json() == made.json()
    assert made.json()["timezone"] == "Europe/Paris"
    assert [item["id"] for item in first.json()["items"] + second.json()["items"]] == [
        made.json()["id"],
        api.location_id,
    ]
    assert third.json() == {"items": [], "next_after": None}


async def test_a_location_made_here_is_known_to_the_guest_api_in_the_next_request(api: Api) -> None:
    made = (await api.workspace("POST", "/locations", LOCATION)).json()

    guest = await api.post("/crm/guests", {"location_id": made["id"], "name": "Anna"})

    assert guest.status == 201


async def test_a_role_may_do_what_the_ones_before_it_may(api: Api) -> None:
    statuses = {
        role: (
            (await api.workspace("GET", "/locations", role=role)).status,
            (await api.workspace("POST", "/locations", LOCATION, role=role)).status,
        )
        for role in access.staff_tokens.ROLES
    }

    assert statuses == {"staff": (200, 403), "manager": (200, 201), "owner": (200, 201)}


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Basic hw_x", "Bearer nk_x", "Bearer hw_unknown", "Bearer hw_\xe9", "Bearer hw_" + "x" * 300],
)
async def test_without_a_known_token_nobody_is_let_in(home: Home, header: str | None) -> None:
    headers = [(b"host", b"testserver")]
    headers += [(b"authorization", header.encode("latin-1"))] if header is not None else []

    answer = await ask(home.application, "GET", workspace_api.BASE + "/locations", headers=headers)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401


async def test_a_revoked_token_is_refused(home: Home, api: Api) -> None:
    await api.workspace("GET", "/locations")
    [token] = await access.staff_tokens.list_all(home.server.database, api.workspace_id)

    await access.staff_tokens.revoke(home.server.database, token.id, now=home.clock.now())
    # Keys are forgotten when the change is heard; here the change is told at once.
    home.server.forget_keys()

    assert (await api.workspace("GET", "/locations")).status == 401


async def test_a_guest_api_key_opens_nothing_here_and_a_token_nothing_there(home: Home, api: Api) -> None:
    await api.workspace("GET", "/locations")
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {api.key}".encode())]

    here = await ask(home.application, "GET", workspace_api.BASE + "/locations", headers=headers)
    there = await api.get("/crm/guests", key=api.tokens["owner"])

    assert (here.status, there.status) == (401, 401)


async def test_the_601st_request_of_a_minute_waits(home: Home, api: Api) -> None:
    await api.workspace("GET", "/locations")
    [token] = await access.staff_tokens.list_all(home.server.database, api.workspace_id)
    for _ in range(workspace_api.admission.LIMIT - 1):
        home.server.windows.take(f"token:{token.id}", workspace_api.admission.LIMIT)

    refused = await api.workspace("GET", "/locations")
    home.clock.advance(seconds=61)
    after = await api.workspace("GET", "/locations")

    assert (refused.status, after.status) == (429, 200)
    assert int(refused.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.name"),
        ({"name": ""}, "body.name"),
        ({"name": "Cafe", "country_code": "fr"}, "body.country_code"),
        ({"name": "Cafe", "timezone": "Mars/Base"}, "time_zone"),
    ],
)
async def test_a_bad_value_names_its_field_and_changes_nothing(api: Api, body: dict[str, str], field: str) -> None:
    answer = await api.workspace("POST", "/locations", body)

    assert answer.status == 422
    assert answer.json()["errors"][0]["field"] == field
    assert len((await api.workspace("GET", "/locations")).json()["items"]) == 1


async def test_another_workspaces_location_is_not_found(home: Home, api: Api) -> None:
    other = await home.new_api()

    answer = await api.workspace("GET", f"/locations/{other.location_id}")

    assert answer.status == 404
    assert answer.json()["detail"] == "Location not found"


async def test_a_key_makes_a_write_happen_once(api: Api) -> None:
    first = await api.workspace("POST", "/locations", {**LOCATION, "idempotency_key": "loc-1"})
    again = await api.workspace("POST", "/locations", {**LOCATION, "idempotency_key": "loc-1"})
    other = await api.workspace("POST", "/locations", {"name": "Other", "idempotency_key": "loc-1"})

    assert again.body == first.body
    assert other.status == 409
    assert other.headers["content-type"] == "application/problem+json"


def test_every_route_asks_for_a_role_and_stands_in_the_document() -> None:
    described = document(workspace_api.ROUTES, workspace_api.DIALECT)

    for route in workspace_api.ROUTES:
        assert route.scope in access.staff_tokens.ROLES, route.path
        operation = described["paths"][route.path.replace("_ref}", "_id}")][route.method.lower()]
        assert operation["summary"]
        assert f"Role: `{route.printed_scope}`" in operation["description"]
        if route.body:
            assert route.example is not None, f"{route.method} {route.path} has no example"
