"""Promotions: granted and redeemed within their limits, exactly, whoever asks at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from hospes.base.errors import Conflict, Invalid, NotFound
from hospes.capabilities import guests, places, promotions
from tests.conftest import IS_FULL
from tests.living import ACTOR, Api, Home, Receiver

AT_ONCE = 200 if IS_FULL else 60


async def offer(api: Api, *, is_active: bool = True, **terms: Any) -> int:
    async with api.begin() as tx:
        made = await promotions.definitions.create(
            tx, promotions.Terms(**{"name": "Free coffee", "kind": "free_item", **terms})
        )
        if is_active:
            await promotions.definitions.activate(tx, made)
        return made


async def give(api: Api, promotion_id: int, guest_id: int, **more: Any) -> promotions.Grant:
    async with api.begin() as tx:
        return await promotions.grant(tx, promotion_id, guest_id, **more)


async def use(api: Api, grant_id: int, *, location_id: int | None = None, at: datetime | None = None) -> Any:
    database = api.home.server.database
    async with database.begin(api.workspace_id, now=at or api.home.clock.now(), actor=ACTOR) as tx:
        return await promotions.redeem(tx, grant_id, location_id=location_id or api.location_id)


async def nothing_is_wrong(home: Home) -> None:
    connection = await asyncpg.connect(home.dsn)
    wrong = {what: await connection.fetchval(check.text) for what, check in promotions.redemptions.CHECKS.items()}
    await connection.close()
    assert set(wrong.values()) == {0}, wrong


async def test_an_offer_is_listed_granted_and_redeemed_once(api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver, "promotion.granted", "promotion.redeemed")
    promotion = await offer(api)
    anna = (await api.new_guest())["id"]

    granted = await api.post(f"/promotions/{promotion}/grant", {"guest_id": anna, "location_id": api.location_id})
    grant = granted.json()
    body = {"grant_id": grant["id"], "location_id": api.location_id, "idempotency_key": "pos-001"}
    redeemed = await api.post("/promotions/redeem", body)
    repeated = await api.post("/promotions/redeem", body)
    again = await api.post("/promotions/redeem", {**body, "idempotency_key": "pos-002"})
    other = await api.post("/promotions/redeem", {**body, "location_id": api.location_id + 1})
    [listed] = (await api.get("/promotions", limit=50)).json()["items"]
    await api.deliver()

    assert (granted.status, grant["status"], grant["grant_id"]) == (201, "granted", grant["id"])
    assert len(grant["code"]) == 6
    assert (redeemed.status, redeemed.json()["status"]) == (200, "redeemed")
    assert (repeated.status, repeated.body) == (200, redeemed.body)
    assert (again.status, again.json()["detail"]) == (409, "Grant already redeemed")
    assert other.status == 409
    assert (listed["type"], listed["status"], listed["grants_count"], listed["redemptions_count"]) == (
        "free_item",
        "active",
        1,
        1,
    )
    payload = {"guest_id": anna, "promotion_id": promotion, "grant_id": grant["id"], "location_id": api.location_id}
    assert sorted((one.json()["event"], one.json()["payload"]) for one in receiver.received) == [
        ("promotion.granted", payload),
        ("promotion.redeemed", payload),
    ]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"is_active": False}, "Promotion is not active"),
        ({"starts_at": datetime(2099, 1, 1, tzinfo=UTC)}, "Promotion is not active"),
        ({"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, "Promotion is not active"),
        ({"is_for_vip": True}, "Promotion is not for this guest"),
        ({"tag_slugs": ["vip"]}, "Promotion is not for this guest"),
    ],
)
async def test_what_cannot_be_granted_says_why(api: Api, terms: dict[str, Any], reason: str) -> None:
    promotion = await offer(api, **terms)
    anna = (await api.new_guest())["id"]

    answer = await api.post(f"/promotions/{promotion}/grant", {"guest_id": anna})

    assert (answer.status, answer.json()["detail"]) == (409, reason)


async def test_an_audience_is_let_in_by_tag_or_as_vip(api: Api) -> None:
    tagged, vip = await offer(api, tag_slugs=["vip"]), await offer(api, is_for_vip=True)
    anna = (await api.new_guest(is_vip=True, tags=["vip"]))["id"]

    assert (await give(api, tagged, anna)).status == "granted"
    assert (await give(api, vip, anna)).status == "granted"


async def test_a_guest_gets_no_more_grants_than_it_may_also_at_once(home: Home, api: Api) -> None:
    promotion = await offer(api, max_grants_per_guest=2)
    anna = (await api.new_guest())["id"]

    outcomes = await asyncio.gather(*(give(api, promotion, anna) for _ in range(8)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 6 + ["Grant"] * 2
    first = next(outcome for outcome in outcomes if isinstance(outcome, promotions.Grant))
    async with api.begin() as tx:
        await promotions.revoke(tx, first.id)
    assert (await give(api, promotion, anna)).status == "granted"
    await nothing_is_wrong(home)


async def test_a_grant_ends_at_its_instant_and_not_before(home: Home, api: Api) -> None:
    promotion = await offer(api, valid_days=7)
    anna = (await api.new_guest())["id"]
    end = home.clock.now() + timedelta(days=7)
    grants = [await give(api, promotion, anna) for _ in range(2)]

    assert (await use(api, grants[0].id, at=end - timedelta(microseconds=1))).id
    with pytest.raises(Conflict, match="Grant expired"):  # case D22: the end itself is past the end
        await use(api, grants[1].id, at=end)


async def test_a_revoked_foreign_or_unknown_grant_and_a_wrong_place_are_refused(home: Home, api: Api) -> None:
    async with api.begin() as tx:
        elsewhere = await places.create_location(tx, name="Elsewhere")
    promotion = await offer(api, location_ids=[api.location_id])
    anna = (await api.new_guest())["id"]
    grant, revoked = await give(api, promotion, anna), await give(api, promotion, anna)
    async with api.begin() as tx:
        await promotions.revoke(tx, revoked.id)
    other = await home.new_api()

    async def told(who: Api, grant_id: int, location_id: int) -> tuple[int, str]:
        answer = await who.post("/promotions/redeem", {"grant_id": grant_id, "location_id": location_id})
        return answer.status, answer.json()["detail"]

    assert await told(api, revoked.id, api.location_id) == (409, "Grant was revoked")
    assert await told(api, grant.id, elsewhere) == (409, "Promotion not valid at this location")
    assert await told(api, grant.id, other.location_id) == (404, "Location not found")
    assert await told(other, grant.id, other.location_id) == (404, "Grant not found")
    assert await told(api, 2**62, api.location_id) == (404, "Grant not found")
    assert (await promotions.grants.get(api.reader(), grant.id)).status == "granted"


async def test_a_paused_promotion_is_neither_listed_nor_redeemed_until_it_runs_again(api: Api) -> None:
    promotion = await offer(api)
    grant = await give(api, promotion, (await api.new_guest())["id"])

    async with api.begin() as tx:
        await promotions.definitions.pause(tx, promotion)
    paused = (await api.get("/promotions")).json()["items"]
    with pytest.raises(Conflict, match="Promotion is not active"):
        await use(api, grant.id)
    async with api.begin() as tx:
        await promotions.definitions.activate(tx, promotion)

    assert paused == []
    assert (await use(api, grant.id)).grant_id == grant.id


@pytest.mark.parametrize("limit", [{"max_redemptions": 7}, {"max_per_day": 7}, {"max_per_location": 7}])
async def test_of_many_at_once_exactly_as_many_are_redeemed_as_the_limit_lets(
    home: Home, api: Api, limit: dict[str, int]
) -> None:
    promotion = await offer(api, **limit)  # case D20
    anna = (await api.new_guest())["id"]
    grants = [await give(api, promotion, anna) for _ in range(AT_ONCE)]

    outcomes = await asyncio.gather(*(use(api, grant.id) for grant in grants), return_exceptions=True)

    assert sum(isinstance(outcome, promotions.Redemption) for outcome in outcomes) == 7
    assert {str(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} == {"Promotion limit reached"}
    await nothing_is_wrong(home)


async def test_one_grant_at_many_tills_is_redeemed_once(home: Home, api: Api) -> None:
    promotion = await offer(api)
    grant = await give(api, promotion, (await api.new_guest())["id"])

    outcomes = await asyncio.gather(*(use(api, grant.id) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(outcome, promotions.Redemption) for outcome in outcomes) == 1
    await nothing_is_wrong(home)


async def test_the_limit_of_a_day_is_of_the_locations_day_also_through_summer_time(api: Api) -> None:
    promotion = await offer(api, max_per_day=1)  # case D21; Paris goes to summer time on 29 March 2026
    anna = (await api.new_guest())["id"]
    instants = [
        datetime(2026, 3, 28, 22, 59, tzinfo=UTC),  # 23:59 on the 28th
        datetime(2026, 3, 28, 23, 0, tzinfo=UTC),  # 0:00 on the 29th
        datetime(2026, 3, 29, 21, 59, tzinfo=UTC),  # 23:59 on the 29th, a day of 23 hours
        datetime(2026, 3, 29, 22, 0, tzinfo=UTC),  # 0:00 on the 30th
    ]
    grants = [await give(api, promotion, anna) for _ in instants]

    outcomes = []
    for grant, at in zip(grants, instants, strict=True):
        try:
            await use(api, grant.id, at=at)
            outcomes.append("redeemed")
        except Conflict as error:
            outcomes.append(str(error))

    assert outcomes == ["redeemed", "redeemed", "Promotion limit reached", "redeemed"]


async def test_a_limit_that_comes_later_counts_what_was_before(api: Api) -> None:
    promotion = await offer(api)
    anna = (await api.new_guest())["id"]
    for _ in range(3):
        await use(api, (await give(api, promotion, anna)).id)
    async with api.begin() as tx:
        terms = promotions.Terms(name="Free coffee", kind="free_item", max_redemptions=4)
        await promotions.definitions.update(tx, promotion, terms)

    await use(api, (await give(api, promotion, anna)).id)
    with pytest.raises(Conflict, match="Promotion limit reached"):
        await use(api, (await give(api, promotion, anna)).id)


async def test_a_merged_guests_grant_is_seen_with_the_guest_it_became(api: Api) -> None:
    promotion = await offer(api)
    anna, ann = (await api.new_guest(name="Anna"))["id"], (await api.new_guest(name="Ann"))["id"]
    grant = await give(api, promotion, ann)
    async with api.begin() as tx:
        await guests.merge(tx, anna, ann, evidence="same person")

    assert [one.id for one in await promotions.grants.of_guest(api.reader(), anna)] == [grant.id]
    assert (await use(api, grant.id)).guest_id == ann


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"kind": "percent", "value": Decimal(101)}, Invalid),
        ({"kind": "percent"}, Invalid),
        ({"kind": "amount", "value": Decimal(5)}, Invalid),
        ({"kind": "free_item", "currency": "EUR"}, Invalid),
        ({"kind": "amount", "value": Decimal(-1), "currency": "EUR"}, Invalid),
        ({"kind": "amount", "value": Decimal("NaN"), "currency": "EUR"}, Invalid),
        ({"kind": "gift"}, Invalid),
        ({"max_redemptions": 0}, Invalid),
        ({"location_ids": [2**40]}, NotFound),
        ({"tag_slugs": ["nobody"]}, Invalid),
        ({"starts_at": datetime(2026, 2, 1, tzinfo=UTC), "ends_at": datetime(2026, 1, 1, tzinfo=UTC)}, Invalid),
    ],
)
async def test_terms_that_make_no_sense_are_refused(api: Api, terms: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await offer(api, **terms)


async def test_promotions_are_managed_over_the_workspace_api(home: Home, api: Api) -> None:
    body = {"name": "Ten off", "type": "amount", "value": "10.50", "currency": "EUR", "max_redemptions": 5}

    made = await api.workspace("POST", "/promotions", body)
    path = f"/promotions/{made.json()['id']}"
    draft = (await api.get("/promotions")).json()["total"]
    active = await api.workspace("POST", path + "/activate")
    [listed] = (await api.get("/promotions")).json()["items"]
    grant = await give(api, made.json()["id"], (await api.new_guest())["id"])
    grants = (await api.workspace("GET", path + "/grants")).json()["items"]
    revoked = await api.workspace("POST", f"/grants/{grant.id}/revoke")
    changed = await api.workspace("PUT", path, {**body, "value": "12"})
    paused = await api.workspace("POST", path + "/pause")
    other = await home.new_api()

    assert (made.status, made.json()["status"], draft) == (201, "draft", 0)
    assert (active.json()["status"], listed["value"], listed["currency"]) == ("active", "10.50", "EUR")
    assert [one["id"] for one in grants] == [grant.id]
    assert (revoked.json()["status"], changed.json()["value"], paused.json()["status"]) == ("revoked", "12", "paused")
    assert [
        (await other.workspace(method, target, body if method == "PUT" else None)).status
        for method, target in [("GET", path), ("PUT", path), ("POST", path + "/pause"), ("GET", path + "/grants")]
    ] == [404] * 4
    for wrong in ("-1", "1e3", "NaN", "١٢", "1.23456", "1_000", " 1"):
        assert (await api.workspace("POST", "/promotions", {**body, "value": wrong})).status == 422
