"""Pushes to browsers, against a push service of ours that hands them to a browser that can read them."""

import base64
import json
from datetime import timedelta
from typing import Any

import asyncpg
import http_ece
import pytest
from py_vapid import Vapid02

from hospes.base.secrets import Vault
from hospes.capabilities import guests
from hospes.capabilities.messaging import outbox, registrations
from tests.channels.pushing import KEY, Browser, carrier, push_service, put, registered, web_push
from tests.channels.texting import mailroom, standing
from tests.living import Api, Home, Receiver


async def push(home: Home, api: Api, vault: Vault) -> None:
    async with web_push(home) as service:
        await mailroom(home, vault, {"push": carrier(home, vault, {"web": service})}).run(api.workspace_id)


async def guest_with_browser(api: Api, vault: Vault, service: Receiver) -> tuple[dict[str, Any], Browser, int]:
    guest, browser = await api.new_guest(name="Anna"), Browser(service.url)
    return guest, browser, await registered(api, vault, guest, browser.target)


async def test_a_push_reaches_the_browser_and_nobody_else_can_read_it(home: Home, api: Api, vault: Vault) -> None:
    async with push_service() as service:
        guest, browser, registration_id = await guest_with_browser(api, vault, service)
        message_id = await put(
            api,
            guest,
            registration_id,
            url="https://hotel.example/room",
            image="https://hotel.example/room.jpg",
            buttons=[{"title": "Directions", "url": "https://hotel.example/map"}],
            ttl_seconds=600,
            urgency="high",
            topic="room",
        )

        await push(home, api, vault)

    [received] = service.received
    content = browser.read(received.body)
    assert (content["title"], content["body"]) == ("Your room is ready", "Come in whenever you like.")
    assert content["image"] == "https://hotel.example/room.jpg"
    assert [action["title"] for action in content["actions"]] == ["Directions"]
    # Where the links lead stands inside our signature, and the worker opens nothing of another origin.
    public = home.server.settings.public_url
    assert all(
        link.startswith(f"{public}/push/") for link in (content["url"], content["actions"][0]["url"], content["told"])
    )
    with pytest.raises(http_ece.ECEException):
        Browser("https://push.example/other").read(received.body)
    assert (received.headers["content-encoding"], received.headers["ttl"]) == ("aes128gcm", "600")
    assert (received.headers["urgency"], len(received.headers["topic"])) == ("high", 32)
    assert (await standing(api, message_id)).status == "sent"


async def test_the_push_service_can_tell_who_sends(home: Home, api: Api, vault: Vault) -> None:
    async with push_service() as service:
        guest, _, registration_id = await guest_with_browser(api, vault, service)
        await put(api, guest, registration_id)
        await push(home, api, vault)

        audience = service.url.removesuffix("/hook")

    authorization = service.received[0].headers["authorization"]
    token = authorization.removeprefix("vapid t=").partition(",")[0]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert Vapid02.verify(authorization.replace(", ", ","))
    assert authorization.endswith(f"k={KEY.public}")
    assert claims["aud"] == audience
    assert claims["sub"] == "mailto:ops@example.com"
    assert claims["exp"] - home.clock.now().timestamp() == timedelta(hours=12).total_seconds()


async def test_only_addresses_of_the_web_are_led_to(home: Home, api: Api, vault: Vault) -> None:
    async with push_service() as service:
        guest, browser, registration_id = await guest_with_browser(api, vault, service)
        await put(
            api,
            guest,
            registration_id,
            url="javascript:alert(1)",
            icon="data:text/html,x",
            image="file:///etc/passwd",
            buttons=[{"title": "x", "url": "intent://x"}, {"title": "Map", "url": "https://hotel.example/map"}],
        )
        await push(home, api, vault)

    content = browser.read(service.received[0].body)
    assert (content["url"], content["icon"], content["image"]) == (None, None, None)
    assert [action["title"] for action in content["actions"]] == ["Map"]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_is_gone_ends_and_no_other_of_the_guest(
    home: Home, api: Api, vault: Vault, status: int
) -> None:
    async with push_service() as service, push_service() as other:
        guest, _, registration_id = await guest_with_browser(api, vault, service)
        kept = await registered(api, vault, guest, Browser(other.url).target)
        message_id = await put(api, guest, registration_id)
        service.answers(status)

        await push(home, api, vault)

    live = await registrations.list_of_guest(api.reader(), guest["id"])
    ended = await registrations.get(api.reader(), registration_id)
    assert (await standing(api, message_id)).status == "bounced"
    assert ([one.id for one in live], ended.reason) == ([kept], "The browser has ended the subscription.")
    events = (await api.get("/crm/events")).json()["items"]
    assert {"push.unregistered", "message.bounced"} <= {event["type"] for event in events}


@pytest.mark.parametrize(
    ("status", "expected"), [(429, "queued"), (503, "queued"), (400, "failed"), (403, "failed"), (413, "failed")]
)
async def test_other_answers_end_no_subscription(
    home: Home, api: Api, vault: Vault, status: int, expected: str
) -> None:
    async with push_service() as service:
        guest, _, registration_id = await guest_with_browser(api, vault, service)
        message_id = await put(api, guest, registration_id)
        service.answers(status)

        await push(home, api, vault)

    assert (await standing(api, message_id)).status == expected
    assert len(await registrations.list_of_guest(api.reader(), guest["id"])) == 1


async def test_an_endpoint_may_not_lead_inside(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest()
    inside = await registered(api, vault, guest, Browser("https://169.254.169.254/latest").target)
    message_id = await put(api, guest, inside)

    await push(home, api, vault)

    found = await standing(api, message_id)
    assert (found.status, found.error) == ("failed", "The push service: refused_address.")


async def test_what_is_too_long_is_cut_to_what_push_services_take(home: Home, api: Api, vault: Vault) -> None:
    async with push_service() as service:
        guest, browser, registration_id = await guest_with_browser(api, vault, service)
        async with api.begin() as tx:
            await outbox.put(
                tx,
                outbox.Draft(
                    channel="push",
                    purpose="transactional",
                    address=str(registration_id),
                    subject="Title",
                    text="é" * 4000,
                    guest_id=guest["id"],
                ),
            )
        await push(home, api, vault)

    [received] = service.received
    assert len(received.body) <= 4096
    assert browser.read(received.body)["body"].endswith("é…")


async def test_nothing_is_pushed_to_a_registration_that_has_ended(home: Home, api: Api, vault: Vault) -> None:
    async with push_service() as service:
        guest, _, registration_id = await guest_with_browser(api, vault, service)
        message_id = await put(api, guest, registration_id)
        async with api.begin() as tx:
            await registrations.end(tx, registration_id, reason="Test")

        await push(home, api, vault)

    assert service.received == []
    assert (await standing(api, message_id)).error == "The registration has ended."


async def test_where_a_browser_is_reached_is_nowhere_in_the_clear(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest()
    browser = Browser("https://push.example/secret-endpoint")
    registration_id = await registered(api, vault, guest, browser.target)

    connection = await asyncpg.connect(home.dsn)
    row = await connection.fetchval(
        "SELECT r::text FROM push_registrations r WHERE workspace_id = $1 AND id = $2",
        api.workspace_id,
        registration_id,
    )
    key = await connection.fetchval("SELECT vapid_key FROM installation")
    await connection.close()

    secrets = [browser.endpoint, *browser.subscription["keys"].values()]
    assert not any(secret.encode().hex() in row or secret in row for secret in secrets)
    assert key[:5] == b"\x01" + vault.key_id


async def test_the_same_browser_is_registered_once_and_goes_with_who_uses_it(
    home: Home, api: Api, vault: Vault
) -> None:
    anna, ben = await api.new_guest(name="Anna"), await api.new_guest(name="Ben")
    browser = Browser("https://push.example/shared")

    first = await registered(api, vault, anna, browser.target)
    again = await registered(api, vault, anna, browser.target)
    others = await registered(api, vault, ben, browser.target)

    assert first == again != others
    assert await registrations.list_of_guest(api.reader(), anna["id"]) == []
    assert [one.id for one in await registrations.list_of_guest(api.reader(), ben["id"])] == [others]


async def test_registrations_of_a_merged_guest_are_the_other_ones(home: Home, api: Api, vault: Vault) -> None:
    anna, same = await api.new_guest(name="Anna"), await api.new_guest(name="Anna B.")
    registration_id = await registered(api, vault, same, Browser("https://push.example/merged").target)

    async with api.begin() as tx:
        await guests.merge(tx, anna["id"], same["id"], evidence="test")

    found = await registrations.list_of_guest(api.reader(), anna["id"], platform="web")
    assert [one.id for one in found] == [registration_id]
