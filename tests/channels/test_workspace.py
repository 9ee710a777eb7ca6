"""Push registrations and the length of texts, for the operator's own programs."""

from typing import Any

import pytest

from tests.channels.pushing import Browser
from tests.living import Api, Home

BROWSER = Browser("https://push.example/workspace").subscription
WEB = {"platform": "web", "endpoint": BROWSER["endpoint"], **BROWSER["keys"]}


async def test_an_app_is_registered_listed_and_ended(api: Api) -> None:
    guest = await api.new_guest()
    path = f"/guests/{guest['id']}/push-registrations"

    made = [await api.workspace("POST", path, body) for body in (WEB, {"platform": "ios", "token": "AB" * 32})]
    listed = (await api.workspace("GET", path)).json()["items"]
    ended = await api.workspace("DELETE", f"/push-registrations/{listed[0]['id']}")
    left = (await api.workspace("GET", path)).json()["items"]

    assert [answer.status for answer in made] == [201, 201]
    assert [one["platform"] for one in listed] == ["web", "ios"]
    assert (ended.status, [one["platform"] for one in left]) == (204, ["ios"])
    # What reaches a phone is told to nobody.
    assert "token" not in listed[1]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"platform": "ios", "token": "x"}, 422),
        ({"platform": "web", "endpoint": "https://push.example/x"}, 422),
        ({"platform": "fax", "token": "x" * 64}, 422),
        ({}, 422),
    ],
)
async def test_what_nothing_could_be_pushed_to_is_refused(api: Api, body: Any, status: int) -> None:
    guest = await api.new_guest()

    assert (await api.workspace("POST", f"/guests/{guest['id']}/push-registrations", body)).status == status


async def test_a_guest_has_fifty_registrations_at_most(api: Api) -> None:
    guest = await api.new_guest()
    path = f"/guests/{guest['id']}/push-registrations"

    answers = [
        await api.workspace("POST", path, {"platform": "ios", "token": f"{number:064x}"}) for number in range(51)
    ]

    assert [answer.status for answer in answers] == [201] * 50 + [409]


async def test_another_workspace_has_none_of_it(home: Home, api: Api) -> None:
    guest, other = await api.new_guest(), await home.new_api()
    path = f"/guests/{guest['id']}/push-registrations"
    made = (await api.workspace("POST", path, {"platform": "ios", "token": "cd" * 32})).json()

    assert (await other.workspace("GET", path)).status == 404
    assert (await other.workspace("DELETE", f"/push-registrations/{made['id']}")).status == 404


async def test_a_text_is_measured_as_long_as_it_is_with_its_links_short(api: Api) -> None:
    text = f"See https://shop.example/{'offers/' * 30}, and come!"

    plain = (await api.workspace("POST", "/texts/measure", {"text": text})).json()
    short = (await api.workspace("POST", "/texts/measure", {"text": text, "short_links": True})).json()

    assert (plain["units"], plain["segments"]) == (len(text), 2)
    assert (short["units"], short["segments"]) == (len("See http://127.0.0.1:8000/l/123456789012, and come!"), 1)


@pytest.mark.parametrize(
    ("text", "expected"), [("10 €", ("gsm7", 5, 1)), ("It’s" * 20, ("ucs2", 80, 2)), ("", ("gsm7", 0, 1))]
)
async def test_a_text_is_measured(api: Api, text: str, expected: tuple[str, int, int]) -> None:
    found = (await api.workspace("POST", "/texts/measure", {"text": text})).json()

    assert (found["encoding"], found["units"], found["segments"]) == expected
