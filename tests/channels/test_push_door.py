"""Registering for pushes, and what browsers and apps tell of them."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from hospes.base.secrets import Vault
from hospes.capabilities import guests, record, wallet
from hospes.capabilities.messaging import registrations
from hospes.providers.message_folder import PushFolder, newest
from tests.channels.pushing import Browser, carrier, put, registered
from tests.channels.texting import mailroom, mark, standing
from tests.living import Answer, Api, Home, ask


async def call(home: Home, method: str, path: str, body: Any = b"", *, kind: str = "application/json") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [(b"host", b"testserver"), (b"content-type", kind.encode())]
    return await ask(home.application, method, path, headers=headers, body=raw)


async def link(api: Api, vault: Vault, guest: dict[str, Any]) -> str:
    async with api.begin() as tx:
        token, _ = await wallet.links.issue(
            tx, vault, guest_id=guest["id"], portal_id=api.portal_id, ttl=timedelta(days=1)
        )
    return token


async def test_a_browser_registers_with_the_wallets_link_and_the_words_of_the_button_are_kept(
    home: Home, api: Api, vault: Vault
) -> None:
    guest = await api.new_guest(name="Anna")
    token = await link(api, vault, guest)
    subscription = Browser("https://push.example/anna").subscription

    made = await call(home, "POST", f"/push/to/{token}", subscription | {"words": "Notify me", "expirationTime": None})
    again = await call(home, "POST", f"/push/to/{token}", subscription)

    assert (made.status, made.json()) == (201, again.json())
    [found] = await registrations.list_of_guest(api.reader(), guest["id"])
    assert (str(found.id), found.platform) == (made.json()["subscriber_id"], "web")
    newest_consent = (await guests.consents.history(api.reader(), guest["id"]))[-1]
    assert (newest_consent.channel, newest_consent.is_granted, newest_consent.words) == ("push", True, "Notify me")
    events = (await api.get("/crm/events", type="push.registered")).json()["items"]
    assert [event["data"]["platform"] for event in events] == ["web"]


@pytest.mark.parametrize(("platform", "token"), [("android", "a:" + "B" * 100), ("ios", "AB" * 32)])
async def test_an_app_registers_its_token(home: Home, api: Api, vault: Vault, platform: str, token: str) -> None:
    guest = await api.new_guest()

    made = await call(home, "POST", f"/push/to/{await link(api, vault, guest)}", {"platform": platform, "token": token})

    assert made.status == 201
    [found] = await registrations.list_of_guest(api.reader(), guest["id"], platform=platform)
    target = await registrations.find_target(api.reader(), vault, found.id)
    assert target and target.address.lower() == token.lower()


async def test_who_turns_pushes_off_gets_none(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest()
    token, subscription = await link(api, vault, guest), Browser("https://push.example/off").subscription
    await call(home, "POST", f"/push/to/{token}", subscription)

    answers = [await call(home, "DELETE", f"/push/to/{token}", subscription) for _ in range(2)]

    assert [answer.status for answer in answers] == [204, 204]
    assert await registrations.list_of_guest(api.reader(), guest["id"]) == []


async def test_another_guests_link_turns_nothing_off(home: Home, api: Api, vault: Vault) -> None:
    anna, ben = await api.new_guest(name="Anna"), await api.new_guest(name="Ben")
    subscription = Browser("https://push.example/annas").subscription
    await call(home, "POST", f"/push/to/{await link(api, vault, anna)}", subscription)

    await call(home, "DELETE", f"/push/to/{await link(api, vault, ben)}", subscription)

    assert len(await registrations.list_of_guest(api.reader(), anna["id"])) == 1


WELL = Browser("https://push.example/well").subscription


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (WELL | {"endpoint": "javascript:alert(1)"}, 422),
        (WELL | {"endpoint": "https://push.example/" + "x" * 5000}, 422),
        (WELL | {"keys": {"p256dh": WELL["keys"]["p256dh"], "auth": "AA"}}, 422),
        (WELL | {"keys": {"p256dh": "BA" + "A" * 85, "auth": WELL["keys"]["auth"]}}, 422),
        (WELL | {"keys": {"p256dh": "!", "auth": "!"}}, 422),
        ({"platform": "ios", "token": "../../3/device"}, 422),
        ({"platform": "android", "token": ""}, 422),
        ({"platform": "windows", "token": "x" * 40}, 422),
        ({}, 422),
        (b"{", 422),
        (b"\xff", 422),
        (b"[" * 10_000, 422),
        (b"x" * 20_000, 413),
    ],
)
async def test_what_is_no_registration_is_refused(home: Home, api: Api, vault: Vault, body: Any, status: int) -> None:
    guest = await api.new_guest()

    answer = await call(home, "POST", f"/push/to/{await link(api, vault, guest)}", body)

    assert answer.status == status
    assert await registrations.list_of_guest(api.reader(), guest["id"]) == []


async def renewed(home: Home, old: Any, new: Any, *, method: str = "POST") -> int:
    return (await call(home, method, "/push/again", {"old": old, "new": new})).status


async def test_a_browser_with_another_subscription_stays_registered_wherever_it_was(
    home: Home, api: Api, vault: Vault
) -> None:
    other = await home.new_api()
    old, new = Browser("https://push.example/before"), Browser("https://push.example/after")
    guests_of = [(one, await one.new_guest()) for one in (api, other)]
    made = [await registered(one, vault, guest, old.target) for one, guest in guests_of]

    answers = [await renewed(home, old.subscription, new.subscription) for _ in range(2)]

    assert answers == [204, 404]
    for (one, guest), registration_id in zip(guests_of, made, strict=True):
        [found] = await registrations.list_of_guest(one.reader(), guest["id"])
        assert found.id == registration_id
        assert await registrations.find_target(one.reader(), vault, found.id) == new.target


async def test_what_the_wallet_page_registered_first_stays_alone(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest()
    old, new = Browser("https://push.example/slow"), Browser("https://push.example/fast")
    await registered(api, vault, guest, old.target)
    made = await registered(api, vault, guest, new.target)

    status = await renewed(home, old.subscription, new.subscription)

    assert status == 204
    assert [one.id for one in await registrations.list_of_guest(api.reader(), guest["id"])] == [made]


@pytest.mark.parametrize("missing", ["p256dh", "auth", "both", "endpoint"])
async def test_who_knows_an_endpoint_alone_takes_no_subscription_over(
    home: Home, api: Api, vault: Vault, missing: str
) -> None:
    guest, mine, evil = await api.new_guest(), Browser("https://push.example/mine"), Browser("https://evil.example/")
    registration_id = await registered(api, vault, guest, mine.target)
    guess = evil.subscription["keys"] | {"auth": "A" * 22}
    keys = {name: value for name, value in mine.subscription["keys"].items() if missing not in (name, "both")}
    shown = {"endpoint": mine.endpoint, "keys": guess | keys}

    if missing == "endpoint":
        shown = mine.subscription | {"endpoint": "https://push.example/other"}
    status = await renewed(home, shown, evil.subscription)

    assert status == 404
    assert await registrations.find_target(api.reader(), vault, registration_id) == mine.target


async def test_what_is_no_change_of_a_subscription_is_refused(home: Home, api: Api, vault: Vault) -> None:
    guest, old = await api.new_guest(), Browser("https://push.example/kept")
    await registered(api, vault, guest, old.target)
    app = {"platform": "ios", "token": "ab" * 32}

    statuses = [
        await renewed(home, old.subscription, WELL | {"endpoint": "javascript:alert(1)"}),
        await renewed(home, old.subscription, app),
        await renewed(home, app, app),
        await renewed(home, old.subscription, {}),
        await renewed(home, old.subscription, None),
        await renewed(home, old.subscription, WELL, method="PUT"),
        (await call(home, "POST", "/push/again", b"old=x", kind="application/x-www-form-urlencoded")).status,
    ]

    assert statuses == [422, 422, 422, 422, 422, 405, 415]
    [found] = await registrations.list_of_guest(api.reader(), guest["id"])
    assert await registrations.find_target(api.reader(), vault, found.id) == old.target


async def test_a_link_that_is_forged_or_over_registers_nothing(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest()
    token = await link(api, vault, guest)

    forged = await call(home, "POST", f"/push/to/{token[:-3]}abc", WELL)
    as_form = await call(home, "POST", f"/push/to/{token}", b"endpoint=x", kind="application/x-www-form-urlencoded")
    home.clock.advance(days=2)
    over = await call(home, "POST", f"/push/to/{token}", WELL)

    assert (forged.status, as_form.status, over.status) == (404, 415, 404)
    assert await registrations.list_of_guest(api.reader(), guest["id"]) == []


async def pushed(home: Home, api: Api, vault: Vault, folder: Any, **details: Any) -> tuple[dict[str, Any], int, str]:
    """A push that left: its guest, its id, and the link in it."""
    guest = await api.new_guest()
    registration_id = await registered(api, vault, guest, Browser(f"https://push.example/{guest['id']}").target)
    message_id = await put(api, guest, registration_id, **({"url": "https://hotel.example/room?a=1"} | details))
    await mailroom(home, vault, {"push": carrier(home, vault, {"web": PushFolder(folder)})}).run(api.workspace_id)
    [kept] = newest(folder)
    return guest, message_id, kept.text.rpartition("Open: ")[2].split()[0]


async def seen(api: Api) -> list[str]:
    items = (await api.get("/crm/events")).json()["items"]
    return [item["type"] for item in items if item["type"].startswith(("push.d", "message."))]


async def test_a_click_leads_where_the_push_says_and_is_told(home: Home, api: Api, vault: Vault, tmp_path: Any) -> None:
    _, message_id, url = await pushed(home, api, vault, tmp_path)

    first = await call(home, "GET", urlsplit(url).path)
    looked = await call(home, "HEAD", urlsplit(url).path)

    assert (first.status, first.headers["location"]) == (303, "https://hotel.example/room?a=1")
    assert looked.status == 303
    assert (await seen(api)).count("message.clicked") == 1
    assert (await standing(api, message_id)).status == "delivered"


async def test_a_link_that_was_changed_leads_nowhere(home: Home, api: Api, vault: Vault, tmp_path: Any) -> None:
    _, _, url = await pushed(home, api, vault, tmp_path)
    path = urlsplit(url).path

    answers = [
        await call(home, "GET", changed) for changed in (path[:-2] + "xx", "/push/go/", "/push/go/x", "/push/go/é")
    ]

    assert {answer.status for answer in answers} == {404}


async def test_what_a_phone_tells_is_noted_once(home: Home, api: Api, vault: Vault, tmp_path: Any) -> None:
    _, message_id, _ = await pushed(home, api, vault, tmp_path)
    path = f"/push/on/{mark(vault, api, message_id)}"

    answers = [
        await call(home, "POST", path, f"what={what}".encode(), kind="application/x-www-form-urlencoded")
        for what in ("delivered", "delivered", "dismissed", "dismissed")
    ]

    assert {answer.status for answer in answers} == {204}
    assert (await seen(api)).count("push.dismissed") == 1


async def test_of_an_erased_guest_nothing_more_is_written_down(
    home: Home, api: Api, vault: Vault, tmp_path: Any
) -> None:
    """P7"""
    guest, message_id, url = await pushed(home, api, vault, tmp_path)
    async with api.begin() as tx:
        await record.erase(tx, guest["id"], evidence="test")
    before = await seen(api)

    followed = await call(home, "GET", urlsplit(url).path)
    told = await call(home, "POST", f"/push/on/{mark(vault, api, message_id)}", b"what=dismissed")

    assert (followed.status, told.status) == (303, 404)
    assert await seen(api) == before


async def test_a_report_needs_the_pushs_own_mark(home: Home, api: Api, vault: Vault, tmp_path: Any) -> None:
    guest, message_id, _ = await pushed(home, api, vault, tmp_path)
    async with api.begin() as tx:
        from hospes.capabilities.messaging import outbox

        draft = outbox.Draft(
            channel="sms", purpose="transactional", address="+33612360001", text="x", guest_id=guest["id"]
        )
        text_id = await outbox.put(tx, draft)

    forged = await call(home, "POST", f"/push/on/{api.workspace_id}.{message_id}.{'0' * 20}", b"what=delivered")
    other_channel = await call(home, "POST", f"/push/on/{mark(vault, api, text_id)}", b"what=delivered")
    nonsense = await call(home, "POST", f"/push/on/{mark(vault, api, message_id)}", b"what=eaten")

    assert (forged.status, other_channel.status, nonsense.status) == (404, 404, 422)
    assert (await standing(api, text_id)).status == "queued"


@pytest.mark.parametrize("path", ["/push", "/push/", "/push/x", "/push/to", "/push/to/a/b", "/push/on/"])
async def test_nothing_else_is_there(home: Home, path: str) -> None:
    assert (await call(home, "GET", path)).status in (404, 405, 307)
