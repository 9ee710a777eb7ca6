"""The wallet over the API: what it shows, links, codes of a minute, and one reward at two tills."""

import asyncio
from datetime import timedelta
from typing import Any

from hospes.capabilities import loyalty
from tests.living import Api, Home


async def reward(api: Api, points_cost: int = 100, **more: Any) -> int:
    async with api.begin() as tx:
        new = loyalty.rewards.NewReward(name="Free dessert", points_cost=points_cost, **more)
        return await loyalty.rewards.create(tx, new)


async def rich_guest(api: Api, points: int = 150) -> int:
    guest = await api.new_guest(name="Alex", is_vip=True)
    await api.post(f"/loyalty/guests/{guest['id']}/points", {"points": points})
    return int(guest["id"])


async def wallet(api: Api, guest_id: int) -> Any:
    answer = await api.get(f"/wallet/guests/{guest_id}")
    assert answer.status == 200, answer
    return answer.json()


async def test_the_wallet_shows_all_that_a_guest_holds_and_why_not_the_rest(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        await loyalty.tiers.create(tx, slug="silver", name="Silver", min_points=100)
        await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=1000)
    cheap, dear = await reward(api), await reward(api, 500)
    gone = await reward(api, 10, stock=1)
    guest_id = await rich_guest(api)
    other = await rich_guest(api)
    redeemed = {"guest_id": other, "reward_id": gone, "location_id": api.location_id}
    assert (await api.post("/wallet/redeem", redeemed)).status == 200
    promotion = (await api.workspace("POST", "/promotions", {"name": "Free coffee", "type": "free_item"})).json()["id"]
    await api.workspace("POST", f"/promotions/{promotion}/activate")
    grant = (await api.post(f"/promotions/{promotion}/grant", {"guest_id": guest_id})).json()

    shown = await wallet(api, guest_id)

    assert shown["guest"] == {"id": guest_id, "name": "Alex", "is_vip": True}
    assert shown["points"] == {"balance": 150, "lifetime_earned": 150}
    assert shown["tier"] == {"slug": "silver", "name": "Silver"}
    assert shown["next_tier"] == {"slug": "gold", "name": "Gold", "points_to_next": 850}
    reasons = {
        one["id"]: (one["available"], one["unavailable_reason"], one["points_missing"]) for one in shown["rewards"]
    }
    assert reasons == {cheap: (True, None, 0), dear: (False, "points", 350), gone: (False, "used_up", 0)}
    assert [one["qr_payload"] is not None for one in shown["rewards"]] == [one["available"] for one in shown["rewards"]]
    [offer] = shown["grants"]
    assert (offer["grant_id"], offer["code"], offer["status"]) == (grant["id"], grant["code"], "granted")


async def test_a_code_says_guest_and_reward_works_once_and_for_a_minute(home: Home, api: Api) -> None:
    reward_id, guest_id = await reward(api, 50), await rich_guest(api)
    code = (await wallet(api, guest_id))["rewards"][0]["qr_payload"]
    till = {"qr_payload": code, "location_id": api.location_id}

    first = await api.post("/wallet/redeem", till)
    second = await api.post("/wallet/redeem", till)
    late = (await wallet(api, guest_id))["rewards"][0]["qr_payload"]
    home.clock.advance(seconds=61)
    too_late = await api.post("/wallet/redeem", till | {"qr_payload": late})

    assert first.status == 200
    assert (first.json()["guest_id"], first.json()["reward_id"], first.json()["balance"]) == (guest_id, reward_id, 100)
    assert (second.status, second.json()["detail"]) == (409, "The code was used already.")
    assert too_late.status == 409
    assert "too old" in too_late.json()["detail"]


async def test_of_two_tills_with_one_code_one_succeeds(home: Home, api: Api) -> None:
    """D23"""
    await reward(api, 10)
    guest_id = await rich_guest(api)
    code = (await wallet(api, guest_id))["rewards"][0]["qr_payload"]

    tills = [api.post("/wallet/redeem", {"qr_payload": code, "location_id": api.location_id}) for _ in range(10)]
    answers = await asyncio.gather(*tills)

    assert sorted(answer.status for answer in answers) == [200] + [409] * 9
    assert (await wallet(api, guest_id))["points"]["balance"] == 140


async def test_a_code_stays_good_when_the_reward_cannot_be_had(home: Home, api: Api) -> None:
    reward_id, guest_id = await reward(api, 100), await rich_guest(api)
    code = (await wallet(api, guest_id))["rewards"][0]["qr_payload"]
    till = {"qr_payload": code, "location_id": api.location_id}
    await api.post(f"/loyalty/guests/{guest_id}/redeem", {"points": 100})

    poor = await api.post("/wallet/redeem", till)
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 100})
    rich = await api.post("/wallet/redeem", till)

    assert (poor.status, poor.json()["detail"]) == (400, "Insufficient points")
    assert (rich.status, rich.json()["reward_id"]) == (200, reward_id)


async def test_what_a_code_says_cannot_be_contradicted_or_made_up(home: Home, api: Api) -> None:
    await reward(api)
    guest_id, other = await rich_guest(api), await home.new_api()
    code = (await wallet(api, guest_id))["rewards"][0]["qr_payload"]

    theirs = await other.post("/wallet/redeem", {"qr_payload": code, "location_id": other.location_id})
    wrong = await api.post(
        "/wallet/redeem", {"qr_payload": code, "guest_id": guest_id + 1, "location_id": api.location_id}
    )
    forged = await api.post("/wallet/redeem", {"qr_payload": code[:-1] + "_", "location_id": api.location_id})
    nothing = await api.post("/wallet/redeem", {"location_id": api.location_id})

    assert [answer.status for answer in (theirs, wrong, forged, nothing)] == [422] * 4
    assert nothing.json()["detail"][0]["loc"] == ["body", "guest_id"]
    assert (await wallet(api, guest_id))["points"]["balance"] == 150


async def test_a_link_names_its_end_and_needs_a_guest_and_a_portal(home: Home, api: Api) -> None:
    guest_id = await rich_guest(api)
    body = {"guest_id": guest_id, "portal_id": api.portal_id}

    made = await api.post("/wallet/link", body)
    no_guest = await api.post("/wallet/link", body | {"guest_id": 5})
    no_portal = await api.post("/wallet/link", body | {"portal_id": 5})
    too_long = await api.post("/wallet/link", body | {"ttl_days": 366})

    assert made.status == 201
    assert made.json()["url"].startswith("http://127.0.0.1:8000/w/")
    assert made.json()["expires_at"] == (home.clock.now() + timedelta(days=14)).replace(microsecond=0).isoformat()
    assert (no_guest.json()["detail"], no_portal.json()["detail"]) == ("Guest not found", "Portal not found")
    assert too_long.status == 422


async def test_a_redeemed_reward_is_told_once(api: Api) -> None:
    reward_id, guest_id = await reward(api), await rich_guest(api)

    await api.post("/wallet/redeem", {"guest_id": guest_id, "reward_id": reward_id, "location_id": api.location_id})

    types = [one["type"] for one in (await api.get("/crm/events", guest_id=guest_id)).json()["items"]]
    assert types.count("wallet.redeemed") == 1
    assert "loyalty.points_redeemed" not in types
