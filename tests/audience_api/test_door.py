"""Credentials, limits, the envelope and what is said of requests that are none."""

import asyncio

import pytest

from hospes.capabilities import access
from tests.audience_api.brand import Brand, said
from tests.living import Home, ask

USERS = "/api/v1/user/create"
ONE = {"nv": [{"userID": "u-1"}]}

# As the quick start prints it: a doubled quote, names without quotes, single quotes.
PRINTED = b"""{"nv":[{"userID":"1234"",user_attributes":{name:'John', email:'john@example.com', mobile:'+919899999999'
  }}]}"""


async def test_the_quick_starts_own_sample_is_told_where_it_breaks(brand: Brand) -> None:
    answer = await brand.post(USERS, raw=PRINTED)

    status, outcome, message = said(answer)
    assert (status, outcome) == (400, "error")
    assert message.startswith("Invalid resource: body is not valid JSON: ")
    assert message.endswith("at byte 23")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{}", "Invalid resource: nv is required"),
        (b"[]", "Invalid resource"),
        (b'{"nv": {}}', "Invalid resource: nv is required"),
        (b'{"nv": []}', "Invalid resource: nv is required"),
        (b'{"nv": [{"userID": "a\\u0000"}]}', "Invalid resource"),
        (b'{"nv": [' + b"[" * 200 + b"]" * 200 + b"]}", "Invalid resource"),
        (b"\xff", "Invalid resource"),
        (b"", "Invalid resource"),
    ],
)
async def test_bodies_that_are_none_are_400_in_the_envelope(brand: Brand, raw: bytes, message: str) -> None:
    answer = await brand.post(USERS, raw=raw or None)

    assert answer.status == 400
    assert answer.json()["response"]["message"].startswith(message)
    assert answer.json()["response"]["data"] == {}


async def test_credentials_count_as_a_pair(brand: Brand, home: Home) -> None:
    other = await Brand.open(home, await home.new_api())
    wrong = [
        {},
        {"x-api-key": brand.secret},
        {"x-brand-id": str(brand.api.workspace_id)},
        {"x-api-key": brand.secret, "x-brand-id": str(other.api.workspace_id)},
        {"x-api-key": brand.secret, "x-brand-id": f"{brand.api.workspace_id}.0"},
        {"x-api-key": brand.secret + "x", "x-brand-id": str(brand.api.workspace_id)},
        {**brand.credentials, "authorization": "Bearer pat_nobody"},
    ]

    for headers in wrong:
        answer = await brand.post(USERS, ONE, headers=headers)

        assert said(answer) == (401, "error", "Invalid auth")
        assert "x-ratelimit-remaining" not in answer.headers
    assert (await brand.post(USERS, ONE)).status == 200


async def test_a_key_that_was_turned_off_is_refused_at_once_and_the_new_one_works(brand: Brand, home: Home) -> None:
    database, now = home.server.database, home.clock.now()
    new, secret = await access.brand_keys.create(database, brand.api.workspace_id, name="New", now=now)
    assert (await brand.post(USERS, ONE)).status == 200

    await access.brand_keys.deactivate(database, brand.key_id, now=now)
    async with asyncio.timeout(1):
        while (await brand.post(USERS, ONE)).status != 401:
            await asyncio.sleep(0)
    assert (await brand.post(USERS, ONE, headers={**brand.credentials, "x-api-key": secret})).status == 200
    listed = await access.brand_keys.list_all(database, brand.api.workspace_id)
    assert [(key.id, key.deactivated_at) for key in listed] == [(brand.key_id, now), (new.id, None)]


async def test_each_group_has_its_own_calendar_minute(home: Home) -> None:
    brand = await Brand.open(home, await home.new_api(), user_limit=3, event_limit=2)

    users = [await brand.post(USERS, ONE) for _ in range(4)]
    event = await brand.track({"userID": "u-1", "event_name": "Here"})

    assert [answer.headers["x-ratelimit-remaining"] for answer in users] == ["2", "1", "0", "0"]
    assert [answer.status for answer in users] == [200, 200, 200, 429]
    assert said(users[-1]) == (429, "error", "API rate limit exceeded")
    assert event.headers["x-ratelimit-remaining"] == "1"
    home.clock.advance(seconds=int(users[-1].headers["retry-after"]) - 1)
    assert (await brand.post(USERS, ONE)).status == 429
    home.clock.advance(seconds=1)
    assert (await brand.post(USERS, ONE)).headers["x-ratelimit-remaining"] == "2"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/users"),
        ("GET", USERS),
        ("PUT", USERS),
        ("POST", "/api_in/v1/event/create"),
        ("GET", "/api/v1/"),
    ],
)
async def test_an_address_or_a_method_that_is_unknown_is_an_invalid_url(brand: Brand, method: str, path: str) -> None:
    answer = await brand.ask(method, path)

    assert said(answer) == (404, "error", "Invalid URL")


async def test_an_unknown_query_parameter_is_passed_over(brand: Brand) -> None:
    assert (await brand.post(USERS, ONE, format="json")).status == 200


async def test_headers_sent_twice_are_refused(brand: Brand) -> None:
    headers = [
        (b"host", b"testserver"),
        *((name.encode(), value.encode()) for name, value in brand.credentials.items()),
    ]
    answer = await ask(brand.home.application, "POST", USERS, headers=[*headers, (b"x-brand-id", b"1")], body=b"{}")

    assert answer.status == 400
