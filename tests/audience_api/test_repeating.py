"""Requests that come twice under one idempotency key: done once, and answered alike."""

import asyncio
from typing import Any

import pytest

from hospes.capabilities import access
from tests.audience_api.brand import Brand, data, said
from tests.living import Answer, Home

SERIES = {"fromDate": "2026-06-01", "toDate": "2026-06-30", "event_name": "Paid", "trend_metric": "total_events"}
SIGNUP = {"nv": {"userID": "u-2", "event_name": "Paid", "user_params": {"name": "Ben"}}}


async def keyed(brand: Brand, path: str, body: Any, key: str = "k-1", **more: str) -> Answer:
    return await brand.post(path, body, headers={**brand.credentials, "idempotency-key": key, **more})


def paid(user_id: str = "u-1", **more: Any) -> dict[str, Any]:
    return {"userID": user_id, "event_name": "Paid", **more}


async def times(brand: Brand) -> int:
    return int(data(await brand.post("/api_in/v1/get_event", SERIES))["total"])


async def test_users_that_come_again_are_answered_as_the_first_time_and_not_written_again(brand: Brand) -> None:
    body = {"nv": [{"userID": "u-1", "user_attributes": {"name": "Ann"}}, {"userID": ""}]}

    first = await keyed(brand, "/api/v1/user/create", body)
    await brand.tell("u-1", name="Anna")
    again = await keyed(brand, "/api/v1/user/create", body)

    assert (first.status, data(first)["accepted"]) == (200, 1)
    assert (again.status, again.body) == (200, first.body)
    assert (await brand.user("u-1"))["user_attributes"]["name"] == "Anna"


async def test_another_request_under_the_same_key_is_refused(brand: Brand) -> None:
    await keyed(brand, "/api/v1/user/create", {"nv": [{"userID": "u-1"}]})

    other = await keyed(brand, "/api/v1/user/create", {"nv": [{"userID": "u-9"}]})

    assert said(other)[:2] == (400, "error")
    assert (await brand.ask("GET", "/api/v1/user/userData", userID="u-9")).status == 400


async def test_a_user_with_an_event_comes_once_also_when_two_arrive_together(brand: Brand) -> None:
    answers = await asyncio.gather(*(keyed(brand, "/api/v1/user_event/create", SIGNUP) for _ in range(4)))

    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert await times(brand) == 1


async def test_a_request_that_was_refused_may_be_mended_under_its_key(brand: Brand) -> None:
    refused = await keyed(brand, "/api/v1/user/create", {"nv": [{"userID": ""}]})
    mended = await keyed(brand, "/api/v1/user/create", {"nv": [{"userID": "u-1"}]})

    assert (refused.status, mended.status) == (400, 200)


async def test_a_message_is_sent_once(brand: Brand) -> None:
    await brand.tell("u-1", name="Ann", email="ann@example.com", email_opt_in="1")
    body = {"userID": "u-1", "subject": "Hello", "message": "<p>Hello.</p>"}

    answers = [await keyed(brand, "/api/v1/email/send", body) for _ in range(3)]

    assert {answer.body for answer in answers} == {answers[0].body}
    other = await keyed(brand, "/api/v1/email/send", body, "k-2")
    assert data(other)["campaign_id"] != data(answers[0])["campaign_id"]


async def test_events_that_come_again_count_once_also_when_two_arrive_together(brand: Brand) -> None:
    body = {"nv": [paid(), paid(), paid("u-2", attributes={"amount": 5}), {"event_name": "Paid"}]}

    answers = await asyncio.gather(*(keyed(brand, "/api/v1/event/create", body) for _ in range(4)))
    reordered = {"nv": [dict(reversed(entry.items())) for entry in body["nv"]]}
    answers.append(await keyed(brand, "/api/v1/event/create", reordered))

    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert (data(answers[0])["received"], data(answers[0])["accepted"]) == (4, 3)
    assert await times(brand) == 3


async def test_an_event_that_is_another_is_recorded_under_the_same_key_too(home: Home, brand: Brand) -> None:
    other = await Brand.open(home, await home.new_api())
    second, secret = await access.brand_keys.create(
        home.server.database, brand.api.workspace_id, name="Till", now=home.clock.now()
    )
    await keyed(brand, "/api/v1/event/create", {"nv": [paid()]})

    await keyed(brand, "/api/v1/event/create", {"nv": [paid(attributes={"amount": 5})]})
    await keyed(brand, "/api/v1/event/create", {"nv": [paid(), paid()]})
    await keyed(brand, "/api/v1/event/create", {"nv": [paid()]}, "k-2")
    await keyed(brand, "/api/v1/event/create", {"nv": [paid()]}, **{"x-api-key": secret})
    await keyed(other, "/api/v1/event/create", {"nv": [paid()]})

    assert second.workspace_id == brand.api.workspace_id
    assert (await times(brand), await times(other)) == (5, 1)


async def test_an_entry_with_its_own_id_keeps_it(brand: Brand) -> None:
    await keyed(brand, "/api/v1/event/create", {"nv": [paid(event_id="p-1")]})
    await keyed(brand, "/api/v1/event/create", {"nv": [paid(event_id="p-1")]}, "k-2")

    assert await times(brand) == 1


@pytest.mark.parametrize("path", ["/api/v1/user/create", "/api/v1/event/create", "/api/v1/user_event/create"])
@pytest.mark.parametrize("key", ["", "k" * 129])
async def test_a_key_that_is_none_is_refused(brand: Brand, path: str, key: str) -> None:
    body = SIGNUP if "user_event" in path else {"nv": [paid()]}

    answer = await keyed(brand, path, body, key)

    assert answer.status == 400
    assert "1 to 128" in said(answer)[2]
    assert await times(brand) == 0
