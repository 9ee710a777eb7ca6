"""Same key, same request: the work is done once, and the first answer comes back."""

import asyncio
from typing import Any

import pytest

from tests.living import Api, Home


def once(key: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


async def test_the_first_answer_comes_back_byte_for_byte_and_the_work_is_done_once(api: Api) -> None:
    body = {"location_id": api.location_id, "name": "Anna"}

    first = await api.post("/crm/guests", body, **once("k1"))
    again = await api.post("/crm/guests", body, **once("k1"))

    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
    assert (await api.get("/crm/guests")).json()["total"] == 1
    assert (await api.get("/crm/events")).json()["total"] == 1


async def test_another_request_under_the_same_key_is_409(api: Api) -> None:
    guest = await api.new_guest()
    await api.post("/crm/guests", {"location_id": api.location_id, "name": "Anna"}, **once("k1"))

    other_body = await api.post("/crm/guests", {"location_id": api.location_id, "name": "Bert"}, **once("k1"))
    other_path = await api.post(f"/crm/guests/{guest['id']}/notes", {"text": "Hi"}, **once("k1"))

    for answer in (other_body, other_path):
        assert answer.status == 409
        assert answer.json() == {"detail": "Idempotency key already used with a different request"}


async def test_the_order_of_members_blanks_and_a_trailing_zero_do_not_matter(api: Api) -> None:
    first = await api.ask("POST", "/crm/tags", raw=b'{"slug": "a", "label": "A"}', **once("k1"))
    again = await api.ask("POST", "/crm/tags", raw=b'{  "label":"A","slug":"a"}', **once("k1"))

    assert again.body == first.body


async def test_two_at_once_do_the_work_once(api: Api) -> None:
    body = {"location_id": api.location_id, "name": "Anna"}

    answers = await asyncio.gather(*(api.post("/crm/guests", body, **once("k1")) for _ in range(8)))

    assert {answer.body for answer in answers} == {answers[0].body}
    assert (await api.get("/crm/guests")).json()["total"] == 1


async def test_a_refusal_of_the_business_is_kept_and_a_mistake_is_not(api: Api) -> None:
    await api.new_guest(email="anna@example.com")
    known = {"location_id": api.location_id, "email": "anna@example.com"}

    refused = [await api.post("/crm/guests", known, **once("k1")) for _ in range(2)]
    mistaken = await api.post("/crm/guests", {"name": "Anna"}, **once("k2"))
    corrected = await api.post("/crm/guests", {"location_id": api.location_id, "name": "Anna"}, **once("k2"))

    assert [answer.status for answer in refused] == [409, 409]
    assert refused[0].body == refused[1].body
    assert (mistaken.status, corrected.status) == (422, 201)


async def test_a_key_in_the_body_counts_as_one_in_the_header_bare_or_quoted(api: Api) -> None:
    body = {"slug": "a", "label": "A"}

    first = await api.post("/crm/tags", body | {"idempotency_key": "k1"})
    quoted = await api.post("/crm/tags", body, **once('"k1"'))
    differing = await api.post("/crm/tags", body | {"idempotency_key": "k1"}, **once("k2"))

    assert quoted.body == first.body
    assert differing.status == 422


@pytest.mark.parametrize("key", ["", "k" * 129, "a\x00b", '""'])
async def test_a_key_that_is_no_key_is_422(api: Api, key: str) -> None:
    assert (await api.post("/crm/tags", {"slug": "a", "label": "A"}, **once(key))).status == 422


async def test_keys_of_other_credentials_and_workspaces_are_others(home: Home, api: Api) -> None:
    other = await home.new_api()
    second_key = await api.new_key(["*"])

    answers = [
        await api.post("/crm/guests", {"location_id": api.location_id, "name": "Anna"}, **once("k1")),
        await api.post("/crm/guests", {"location_id": api.location_id, "name": "Bert"}, key=second_key, **once("k1")),
        await other.post("/crm/guests", {"location_id": other.location_id, "name": "Carl"}, **once("k1")),
    ]

    assert [answer.status for answer in answers] == [201, 201, 201]


async def test_after_a_week_a_key_is_free_again(home: Home, api: Api) -> None:
    body = {"location_id": api.location_id, "name": "Anna"}
    first = await api.post("/crm/guests", body, **once("k1"))

    home.clock.advance(days=7)
    later = await api.post("/crm/guests", body, **once("k1"))

    assert later.status == 201
    assert later.json()["id"] != first.json()["id"]
