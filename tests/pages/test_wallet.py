"""The wallet's pages: what a link opens, for how long, and the code for the till."""

from typing import Any

import pytest

from hospes.capabilities import guests, loyalty
from tests.living import Answer, Api, Home, ask


async def browse(home: Home, url: str, method: str = "GET") -> Answer:
    path, _, query = url.removeprefix("http://127.0.0.1:8000").partition("?")
    return await ask(home.application, method, path, headers=[(b"host", b"testserver")], query=query.encode())


async def link(api: Api, guest: dict[str, Any], days: int = 14) -> str:
    answer = await api.post("/wallet/link", {"guest_id": guest["id"], "portal_id": api.portal_id, "ttl_days": days})
    url: str = answer.json()["url"]
    return url


async def reward(api: Api, points_cost: int, name: str = "Free dessert") -> int:
    async with api.begin() as tx:
        return await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name=name, points_cost=points_cost))


async def test_a_link_opens_this_guests_wallet_until_its_end(home: Home, api: Api) -> None:
    guest = await api.new_guest(name="Alex <b>")
    await api.post(f"/loyalty/guests/{guest['id']}/points", {"points": 1234})
    cheap, _ = await reward(api, 100), await reward(api, 2000, "Dinner")
    url = await link(api, guest, days=1)

    shown = await browse(home, url)
    home.clock.advance(days=1)
    ended = await browse(home, url)

    body = shown.body.decode()
    assert shown.status == 200
    assert "Hello Alex" in body
    assert "1,234" in body
    assert f"/rewards/{cheap}" in body
    assert "766 points missing" in body
    assert (ended.status, "This link has ended" in ended.body.decode()) == (410, True)


async def test_the_code_on_the_page_is_what_the_till_takes_once(home: Home, api: Api) -> None:
    guest = await api.new_guest(name="Alex")
    await api.post(f"/loyalty/guests/{guest['id']}/points", {"points": 150})
    reward_id = await reward(api, 100)
    url = await link(api, guest)

    shown = await browse(home, f"{url}/rewards/{reward_id}")
    cannot = await browse(home, f"{url}/rewards/{reward_id + 1}")

    body = shown.body.decode()
    assert "<svg" in body
    assert "Free dessert" in body
    assert shown.headers["refresh"] == "50"
    assert cannot.status == 404


@pytest.mark.parametrize("path", ["/w/nonsense", "/w/eyJ3IjoxfQ.AAAA", "/w/a.b/code", "/w/é", "/w/" + "x" * 1900])
async def test_a_link_that_is_not_ours_opens_nothing(home: Home, path: str) -> None:
    answer = await browse(home, path)

    assert answer.status in (404, 410)


async def test_a_link_of_a_guest_who_was_merged_away_ends(home: Home, api: Api) -> None:
    one, other = await api.new_guest(name="Ana"), await api.new_guest(name="Ana B")
    url = await link(api, other)

    async with api.begin() as tx:
        await guests.merge(tx, one["id"], other["id"], evidence="test")

    assert (await browse(home, url)).status == 410
