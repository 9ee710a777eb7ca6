"""Loyalty over the Workspace API: what staff set up, and the ledger that follows."""

from typing import Any

import pytest

from tests.living import Api, Home


async def made(api: Api, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = await api.workspace("POST", path, body)
    assert answer.status == status, answer
    return answer.json()


async def test_programme_tiers_rewards_and_rules_are_set_up_and_seen(api: Api) -> None:
    program = await api.workspace("PUT", "/loyalty/program", {"name": "Club", "points_valid_days": 365})
    tier = await made(api, "/loyalty/tiers", {"slug": "gold", "name": "Gold", "min_points": 100})
    taken = await api.workspace("POST", "/loyalty/tiers", {"slug": "gold", "name": "Gold", "min_points": 200})
    reward = await made(api, "/loyalty/rewards", {"name": "Cake", "points_cost": 50, "stock": 3})
    await api.workspace("POST", f"/loyalty/rewards/{reward['id']}/withdraw")
    rule = await made(api, "/loyalty/rules", {"basis": "spend", "points": 2, "per_amount": "1.50", "currency": "EUR"})
    paused = await api.workspace("POST", f"/loyalty/rules/{rule['id']}/pause")

    assert program.json() == (await api.workspace("GET", "/loyalty/program")).json()
    assert (await api.workspace("GET", "/loyalty/tiers")).json()["items"] == [tier]
    assert taken.status == 409
    [listed] = (await api.workspace("GET", "/loyalty/rewards")).json()["items"]
    assert (listed["stock_left"], listed["is_active"]) == (3, False)
    assert (rule["per_amount"], paused.json()["is_active"]) == ("1.50", False)
    assert (await api.workspace("DELETE", f"/loyalty/tiers/{tier['id']}")).json() == tier
    assert (await api.workspace("GET", "/loyalty/tiers")).json()["items"] == []


async def test_spending_earns_by_the_rules_once_and_is_reversed_once(api: Api) -> None:
    await made(api, "/loyalty/rules", {"basis": "spend", "points": 2, "per_amount": "1.50", "currency": "EUR"})
    guest = await api.new_guest()
    bill = {"basis": "spend", "reference": "bill-1", "quantity": "10.00", "currency": "EUR"}

    earned = await made(api, f"/loyalty/guests/{guest['id']}/earn", bill, 200)
    twice = await api.workspace("POST", f"/loyalty/guests/{guest['id']}/earn", bill)
    other_currency = await made(
        api, f"/loyalty/guests/{guest['id']}/earn", bill | {"reference": "bill-2", "currency": "USD"}, 200
    )
    movement = earned["movement"]
    reversed_ = await made(api, f"/loyalty/movements/{movement['id']}/reverse", {"note": "Wrong bill"}, 200)
    again = await api.workspace("POST", f"/loyalty/movements/{movement['id']}/reverse", {})

    assert (movement["points"], movement["balance"]) == (12, 12)
    assert (twice.status, other_currency["movement"]) == (409, None)
    assert (reversed_["points"], reversed_["balance"], again.status) == (-12, 0, 409)
    listed = (await api.workspace("GET", f"/loyalty/guests/{guest['id']}/movements")).json()["items"]
    assert [one["points"] for one in listed] == [-12, 12]


async def test_a_tier_can_be_asked_for_a_past_instant_and_not_for_a_future_one(home: Home, api: Api) -> None:
    await made(api, "/loyalty/tiers", {"slug": "gold", "name": "Gold", "min_points": 100})
    guest = await api.new_guest()
    before = home.clock.now().isoformat()
    home.clock.advance(days=1)
    await api.post(f"/loyalty/guests/{guest['id']}/points", {"points": 100})
    path = f"/loyalty/guests/{guest['id']}/standing"

    now = (await api.workspace("GET", path)).json()
    past = (await api.workspace("GET", path, at=before)).json()
    future = await api.workspace("GET", path, at="2099-01-01T00:00:00+00:00")

    assert (now["tier"]["slug"], past["tier"], past["next_tier"]["slug"]) == ("gold", None, "gold")
    assert future.status == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/loyalty/guests/{guest}/movements", None),
        ("GET", "/loyalty/guests/{guest}/standing", None),
        ("POST", "/loyalty/guests/{guest}/earn", {"basis": "night", "reference": "x"}),
        ("POST", "/loyalty/movements/{movement}/reverse", {}),
        ("POST", "/loyalty/rewards/{reward}/withdraw", None),
        ("DELETE", "/loyalty/tiers/{tier}", None),
        ("POST", "/loyalty/rules/{rule}/pause", None),
        ("GET", "/portals/{portal}", None),
        ("PUT", "/portals/{portal}", {}),
        ("POST", "/network-devices", {"portal_id": "{portal}", "name": "x"}),
        ("DELETE", "/network-devices/{point}", None),
        ("GET", "/templates/{template}", None),
        ("GET", "/templates/{template}/versions", None),
        ("POST", "/templates/{template}/preview", {}),
        ("PUT", "/templates/{template}", {"subject": "x", "html": "x", "text": "x"}),
    ],
)
async def test_another_workspaces_ids_are_404(
    home: Home, api: Api, method: str, path: str, body: dict[str, Any] | None
) -> None:
    other = await home.new_api()
    guest = await other.new_guest()
    added = (await other.post(f"/loyalty/guests/{guest['id']}/points", {"points": 5})).json()
    theirs = {
        "guest": guest["id"],
        "movement": added["transaction_id"],
        "reward": (await made(other, "/loyalty/rewards", {"name": "Cake", "points_cost": 5}))["id"],
        "tier": (await made(other, "/loyalty/tiers", {"slug": "gold", "name": "Gold", "min_points": 1}))["id"],
        "rule": (await made(other, "/loyalty/rules", {"basis": "night", "points": 1}))["id"],
        "portal": other.portal_id,
        "point": (await made(other, "/network-devices", {"portal_id": other.portal_id, "name": "ap"}))["id"],
        "template": (await made(other, "/templates", {"slug": "a", "subject": "x", "html": "x", "text": "x"}))["id"],
    }
    sent = {name: theirs["portal"] if value == "{portal}" else value for name, value in (body or {}).items()}

    answer = await api.workspace(method, path.format(**theirs), sent if body is not None else None)

    assert answer.status == 404, answer
