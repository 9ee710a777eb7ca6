"""Loyalty over the API: balance, tier, adding and redeeming."""

import asyncio
from typing import Any

import pytest

from hospes.capabilities import guests, loyalty
from tests.living import Api, Home, Receiver


async def silver_and_gold(api: Api) -> None:
    async with api.begin() as tx:
        await loyalty.tiers.create(tx, slug="silver", name="Silver", min_points=300, tier_id=2)
        await loyalty.tiers.create(tx, slug="gold", name="Gold", min_points=1000, tier_id=3)


async def test_points_are_added_and_redeemed_and_the_next_request_knows(api: Api) -> None:
    await silver_and_gold(api)
    anna = (await api.new_guest())["id"]

    added = await api.post(f"/loyalty/guests/{anna}/points", {"guest_id": anna, "points": 400, "note": "Birthday"})
    spent = await api.post(f"/loyalty/guests/{anna}/redeem", {"guest_id": anna, "points": 250})
    balance = (await api.get(f"/loyalty/guests/{anna}/points")).json()
    tier = (await api.get(f"/loyalty/guests/{anna}/tier")).json()
    guest = (await api.get(f"/crm/guests/{anna}")).json()
    [listed] = (await api.get("/crm/guests")).json()["items"]

    assert (added.status, added.json()["type"], added.json()["points"], added.json()["balance"]) == (
        200,
        "adjust",
        400,
        400,
    )
    assert (spent.json()["type"], spent.json()["points"], spent.json()["balance"]) == ("redeem", -250, 150)
    assert added.json()["note"] == "Birthday"
    assert [balance[name] for name in ("balance", "lifetime_earned", "lifetime_redeemed")] == [150, 400, 250]
    assert tier == {
        "guest_id": anna,
        "tier": {"id": 2, "slug": "silver", "name": "Silver", "min_points": 300},
        "next_tier": {"id": 3, "slug": "gold", "name": "Gold", "min_points": 1000},
        "qualifying_points": 400,
        "points_to_next": 600,
    }
    assert (guest["points_balance"], guest["tier"]) == (150, "silver")
    assert listed == guest


async def test_a_guest_who_never_had_points_has_none(api: Api) -> None:
    anna = (await api.new_guest())["id"]

    balance = (await api.get(f"/loyalty/guests/{anna}/points")).json()
    tier = (await api.get(f"/loyalty/guests/{anna}/tier")).json()

    assert balance == {"guest_id": anna, "balance": 0, "lifetime_earned": 0, "lifetime_redeemed": 0, "updated_at": None}
    assert (tier["tier"], tier["next_tier"], tier["points_to_next"]) == (None, None, None)


async def test_too_few_points_are_400_and_that_answer_is_kept(api: Api) -> None:
    anna = (await api.new_guest())["id"]
    body = {"points": 100, "idempotency_key": "rdm-001"}

    first = await api.post(f"/loyalty/guests/{anna}/redeem", body)
    await api.post(f"/loyalty/guests/{anna}/points", {"points": 500})
    again = await api.post(f"/loyalty/guests/{anna}/redeem", body)

    assert (first.status, first.json()) == (400, {"detail": "Insufficient points"})
    assert (again.status, again.body) == (400, first.body)
    assert (await api.get(f"/loyalty/guests/{anna}/points")).json()["balance"] == 500


@pytest.mark.parametrize("points", [0, -5, 1_000_001, 2**63, 2**70, 1.5, "50", True, None, []])
@pytest.mark.parametrize("path", ["points", "redeem"])
async def test_points_that_are_none_are_422_and_change_nothing(api: Api, path: str, points: Any) -> None:
    anna = (await api.new_guest())["id"]
    await api.post(f"/loyalty/guests/{anna}/points", {"points": 10})

    answer = await api.post(f"/loyalty/guests/{anna}/{path}", {"points": points})

    assert answer.status == 422, answer
    assert (await api.get(f"/loyalty/guests/{anna}/points")).json()["balance"] == 10


async def test_another_guest_in_the_body_than_in_the_path_is_422(api: Api) -> None:
    anna, ben = (await api.new_guest())["id"], (await api.new_guest(name="Ben"))["id"]

    answer = await api.post(f"/loyalty/guests/{anna}/points", {"guest_id": ben, "points": 10})

    assert answer.status == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "guest_id"]


async def test_one_key_adds_once_byte_for_byte_also_when_asked_at_once(api: Api) -> None:
    anna = (await api.new_guest())["id"]
    body = {"guest_id": anna, "points": 50, "note": "Birthday bonus", "idempotency_key": "adj-001"}

    answers = await asyncio.gather(*(api.post(f"/loyalty/guests/{anna}/points", body) for _ in range(8)))
    other = await api.post(f"/loyalty/guests/{anna}/points", {**body, "points": 60})

    assert len({(answer.status, answer.body) for answer in answers}) == 1
    assert answers[0].json()["idempotency_key"] == "adj-001"
    assert other.status == 409
    assert (await api.get(f"/loyalty/guests/{anna}/points")).json()["balance"] == 50


async def test_each_movement_is_one_event_and_one_webhook(api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver, "loyalty.points_added", "loyalty.points_redeemed")
    anna = (await api.new_guest())["id"]

    added = (await api.post(f"/loyalty/guests/{anna}/points", {"points": 50})).json()
    spent = (await api.post(f"/loyalty/guests/{anna}/redeem", {"points": 20})).json()
    await api.deliver()

    bodies = sorted((one.json() for one in receiver.received), key=lambda body: body["event"])
    assert [(body["event"], body["payload"]) for body in bodies] == [
        (
            "loyalty.points_added",
            {"guest_id": anna, "points": 50, "balance": 50, "transaction_id": added["transaction_id"]},
        ),
        (
            "loyalty.points_redeemed",
            {"guest_id": anna, "points": 20, "balance": 30, "transaction_id": spent["transaction_id"]},
        ),
    ]


async def test_the_record_of_a_merged_guest_shows_what_both_have(home: Home, api: Api) -> None:
    await silver_and_gold(api)
    anna, ann = (await api.new_guest(name="Anna"))["id"], (await api.new_guest(name="Ann"))["id"]
    for guest_id in (anna, ann):
        await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 200})
    async with api.begin() as tx:
        await guests.merge(tx, anna, ann, evidence="same person")

    shown = [(await api.get(f"/crm/guests/{guest_id}")).json() for guest_id in (anna, ann)]
    [listed] = (await api.get("/crm/guests")).json()["items"]

    assert shown == [listed, listed]
    assert (listed["points_balance"], listed["tier"]) == (400, "silver")
