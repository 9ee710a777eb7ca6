"""The three pages of figures agree with each other, with the lists, and with the log."""

from typing import Any

import pytest

from hospes.capabilities import analytics, loyalty
from hospes.house import chores
from tests.living import Api, Home, ask


async def figures(api: Api, page: str, **query: Any) -> Any:
    answer = await api.get(f"/analytics/{page}", **query)
    assert answer.status == 200, answer
    return answer.json()


async def visit(api: Api, email: str) -> None:
    headers = [(b"host", b"testserver"), (b"content-type", b"application/x-www-form-urlencoded")]
    slug = (await api.workspace("GET", f"/portals/{api.portal_id}")).json()["slug"]
    form = f"email={email}".encode()
    assert (await ask(api.home.application, "POST", f"/p/{slug}", headers=headers, body=form)).status == 200


async def busy_day(api: Api) -> dict[str, int]:
    """Two offers, one redeemed; points in and out; two guests on the Wi-Fi."""
    await visit(api, "ana@example.com")
    await visit(api, "bo@example.com")
    ana, bo = [one["id"] for one in (await api.get("/crm/guests")).json()["items"]][::-1]
    promotion = (await api.workspace("POST", "/promotions", {"name": "Free coffee", "type": "free_item"})).json()["id"]
    await api.workspace("POST", f"/promotions/{promotion}/activate")
    grants = [
        (await api.post(f"/promotions/{promotion}/grant", {"guest_id": one, "location_id": api.location_id})).json()
        for one in (ana, bo)
    ]
    await api.post("/promotions/redeem", {"grant_id": grants[0]["grant_id"], "location_id": api.location_id})
    await api.post(f"/loyalty/guests/{ana}/points", {"points": 120})
    await api.post(f"/loyalty/guests/{ana}/redeem", {"points": 20})
    async with api.begin() as tx:
        reward = await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name="Cake", points_cost=50))
    await api.post("/wallet/redeem", {"guest_id": ana, "reward_id": reward, "location_id": api.location_id})
    return {"promotion": promotion, "ana": ana}


async def test_the_overview_says_what_happened(home: Home, api: Api) -> None:
    await busy_day(api)

    shown = await figures(api, "overview")

    assert shown.pop("generated_at") == home.clock.now().isoformat()
    assert shown == {
        "location_id": None,
        "guests_total": 2,
        "guests_new_30d": 2,
        "guests_returning_30d": 0,
        "active_sessions": 2,
        "visits_30d": 2,
        "promotions_granted_30d": 2,
        "promotions_redeemed_30d": 1,
        "points_added_30d": 120,
        "points_redeemed_30d": 70,
    }


async def test_promotions_are_counted_in_all_and_one_by_one(api: Api) -> None:
    made = await busy_day(api)

    shown = await figures(api, "promotions")
    here = await figures(api, "promotions", location_id=api.location_id)

    assert shown == here
    assert (shown["grants_total"], shown["redemptions_total"], shown["redemption_rate"]) == (2, 1, 0.5)
    assert shown["items"] == [
        {
            "promotion_id": made["promotion"],
            "name": "Free coffee",
            "grants": 2,
            "redemptions": 1,
            "redemption_rate": 0.5,
        }
    ]


async def test_a_guest_count_on_one_page_equals_the_same_count_on_every_other(home: Home, api: Api) -> None:
    await busy_day(api)
    home.clock.advance(days=3)
    await chores.end_visits(home.server, api.workspace_id)
    await visit(api, "ana@example.com")
    await visit(api, "cy@example.com")

    for query in ({}, {"location_id": api.location_id}):
        overview, guests = await figures(api, "overview", **query), await figures(api, "guests", **query)
        listed = (await api.get("/crm/guests", **query)).json()["total"]
        assert overview["guests_total"] == guests["total"] == listed == 3
        assert overview["guests_new_30d"] == guests["new_30d"] == sum(day["new"] for day in guests["series"])
        assert overview["guests_returning_30d"] == guests["returning_30d"] == 1
        assert overview["visits_30d"] == sum(day["visits"] for day in guests["series"])
    live = (await api.get("/wifi/live-guests")).json()["total"]
    assert live <= (await figures(api, "overview"))["active_sessions"]


async def test_nothing_drifted_from_the_log(api: Api) -> None:
    await busy_day(api)

    async with api.begin() as tx:
        assert await analytics.recount(tx, mend=False) == []


@pytest.mark.parametrize("page", ["overview", "guests", "promotions"])
async def test_an_unknown_or_foreign_location_is_not_found_and_an_empty_workspace_has_zeros(
    home: Home, api: Api, page: str
) -> None:
    other = await home.new_api()

    for location_id in (5, other.location_id):
        answer = await api.get(f"/analytics/{page}", location_id=location_id)
        assert (answer.status, answer.json()["detail"]) == (404, "Location not found")
    assert "0" in (await api.get(f"/analytics/{page}")).body.decode()
