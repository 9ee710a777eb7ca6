"""Every endpoint with what another brand has: as if it did not exist."""

from typing import Any

import pytest

from hospes.base.secrets import Vault
from hospes.doors import audience_api
from tests.audience_api.brand import Brand
from tests.audience_api.test_campaigns import EMAIL, device, new_segment
from tests.living import Home

# These make users, and so know nobody else's.
MAKES = ("/user/create", "/user_event/create", "/event/create", "/broadcast/all", "/get_event")


async def seen(brand: Brand) -> list[bytes]:
    campaigns = {"fromDate": "2026-06-01", "toDate": "2026-06-30"}
    return [
        (await brand.ask("GET", "/api/v1/user/userData", userID="u-77")).body,
        (await brand.api.get("/crm/guests")).body,
        (await brand.post("/api_in/v1/get_campaign", campaigns)).body,
    ]


@pytest.mark.parametrize("route", audience_api.ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_what_another_brand_has_is_not_there(home: Home, brand: Brand, vault: Vault, route: Any) -> None:
    other = await Brand.open(home, await home.new_api())
    await other.tell("u-77", name="Theirs", email="theirs@example.com", email_opt_in="1", push_opt_in="1")
    platform = route.path.split("/")[3]
    theirs = {
        "userID": "u-77",
        "segment_id": await new_segment(other),
        "campaign_id": (await other.post("/api/v1/email/broadcast/all", EMAIL)).json()["response"]["data"][
            "campaign_id"
        ],
    }
    if platform in ("android", "ios"):
        theirs["subscriber_id"] = str(await device(other, vault, "u-77", platform))
    before = await seen(other)

    body = {name: theirs.get(name, value) for name, value in (route.example or {}).items()}
    if route.path.endswith("/get_campaign"):
        body = {"campaign_id": theirs["campaign_id"]}
    if "subscriber_id" in theirs and route.path.endswith("/send"):
        body = {**body, "subscriber_id": theirs["subscriber_id"]}
        del body["userID"]
    query = {"userID": "u-77"} if route.method == "GET" else {}
    answer = await brand.ask(route.method, route.path, body if route.body else None, **query)

    assert answer.status == (200 if route.path.endswith(MAKES) else 400), answer
    assert await seen(other) == before
