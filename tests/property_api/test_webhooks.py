"""Webhooks of a property: signed, without anything sensitive, three at most."""

import asyncio
import hashlib
import hmac
import json

import pytest
import time_machine
from standardwebhooks import Webhook

from hospes.capabilities import oauth
from tests.living import Home, Receiver
from tests.property_api.account import Account

CANARIES = ("secret-canary@example.com", "+33699999999", "Canary Street 1")


async def subscribe(account: Account, receiver: Receiver, **fields: object) -> dict[str, object]:
    body = {"propertyId": account.property_id, "url": receiver.url, "events": ["booking.created", "booking.updated"]}
    answer = await account.post("/webhooks", {**body, **fields})
    assert answer.status == 201, answer
    made: dict[str, object] = answer.json()
    return made


async def test_a_change_is_delivered_signed_in_both_ways_and_says_what_the_api_says(
    account: Account, receiver: Receiver
) -> None:
    webhook = await subscribe(account, receiver)
    booking = await account.new_booking()
    await account.patch(f"/bookings/{booking.id}", {"adults": 3})

    await account.api.deliver()

    created, updated = sorted(receiver.received, key=lambda one: one.headers["x-nowistay-event"])
    assert (created.headers["x-nowistay-event"], updated.headers["x-nowistay-event"]) == (
        "booking.created",
        "booking.updated",
    )
    reader = await account.new_app("bookings.read")
    assert updated.json() == (await account.get(f"/bookings/{booking.id}", token=reader.token)).json()
    secret = str(webhook["signingSecret"])
    with time_machine.travel(account.home.clock.now(), tick=False):
        Webhook(secret).verify(updated.body, updated.headers)
    parts = dict(part.split("=", 1) for part in updated.headers["x-nowistay-signature"].split(","))
    assert parts["t"] == updated.headers["x-nowistay-timestamp"]
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + updated.body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    assert updated.headers["x-nowistay-webhook-id"] == str(webhook["id"])
    assert updated.headers["x-nowistay-delivery"].startswith("evt_")


def test_the_signature_of_the_contracts_own_example() -> None:
    """The test vector of the contract's section 15.2."""
    from datetime import UTC, datetime

    from hospes.capabilities.webhooks.signing import timed_signature

    at = datetime.fromtimestamp(1_780_000_000, UTC)
    body = b'{"id":9001,"propertyId":101,"status":"confirmed"}'

    signature = timed_signature("whsec_9npwH6J8QyZp1L8U3xqG7sN2", body, at)

    assert signature == "t=1780000000,v1=1c2778a926c0b470611ae1041741e7409e33e13cc29ae7a5d73c2178195f1457"


async def test_nothing_sensitive_leaves_in_a_webhook_or_the_feed(account: Account, receiver: Receiver) -> None:
    """Case W60, at a hundredth of its size; the fields are decided in one place."""
    await subscribe(account, receiver)
    email, phone, street = CANARIES
    for day in range(1, 11):
        booking = await account.new_booking(f"2026-10-{day:02d}", 1)
        await account.patch(
            f"/bookings/{booking.id}",
            {"guestEmail": f"{day}{email}", "guestPhone": phone[:-2] + f"{day:02d}", "guestAddress": {"line1": street}},
        )

    await account.api.deliver()

    assert len(receiver.received) == 20
    sent = b"".join(one.body for one in receiver.received).decode()
    feed = json.dumps((await account.get(f"/properties/{account.property_id}/activity", limit=100)).json())
    for canary in ("secret-canary", "+336999999", street, "smartLockCode", "guestEmail"):
        assert canary not in sent and canary not in feed


async def test_a_fourth_webhook_of_a_property_is_refused_also_when_ten_come_at_once(
    account: Account, receiver: Receiver
) -> None:
    """Case W35."""
    body = {"propertyId": account.property_id, "url": receiver.url, "events": ["booking.created"]}

    answers = await asyncio.gather(*(account.post("/webhooks", body) for _ in range(10)))

    assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * 7
    other = await account.new_app()
    assert (await account.post("/webhooks", body, token=other.token)).status == 409
    assert (await account.get("/webhooks", token=other.token)).json()["data"] == []


async def test_a_webhook_is_paused_and_what_happened_meanwhile_is_not_sent(
    account: Account, receiver: Receiver
) -> None:
    webhook = await subscribe(account, receiver)
    path = f"/webhooks/{webhook['id']}"

    paused = await account.patch(path, {"status": "paused"})
    await account.new_booking()
    await account.api.deliver()
    active = await account.patch(path, {"status": "active", "events": ["booking.updated"]})
    await account.api.deliver()

    assert (paused.json()["status"], active.json()["status"]) == ("paused", "active")
    assert active.json()["events"] == ["booking.updated"]
    assert receiver.received == []
    assert "signingSecret" not in active.json() and active.json()["failingSince"] is None
    assert (await account.get("/webhooks", status="active")).json()["pagination"]["totalItems"] == 1
    assert (await account.ask("DELETE", path)).status == 204
    assert (await account.get(path)).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"status": "disabled"},
        {"propertyId": 1},
        {"signingSecret": "whsec_x"},
        {"events": []},
        {"events": ["booking.deleted"]},
        {"events": ["booking.created", "booking.created"]},
        {"url": "https://10.0.0.1/"},
        {"url": "ftp://example.com/"},
        {"description": "x" * 256},
    ],
)
async def test_bad_changes_of_a_webhook_are_told(account: Account, receiver: Receiver, change: object) -> None:
    webhook = await subscribe(account, receiver)

    answer = await account.patch(f"/webhooks/{webhook['id']}", change)

    assert (answer.status, answer.json()["error"]["code"]) == (422, "validation_error"), answer


async def test_webhooks_stop_when_the_grant_ends(account: Account, receiver: Receiver) -> None:
    """Case O94, for webhooks: what is under way too."""
    await subscribe(account, receiver)
    await account.new_booking("2026-08-01", 2)
    async with account.api.begin() as tx:
        await oauth.grants.disconnect(tx, account.app.grant_id)
    await account.new_booking("2026-08-05", 2)

    await account.api.deliver()

    assert receiver.received == []


async def test_the_guest_api_does_not_see_them_and_the_other_way_round(account: Account, receiver: Receiver) -> None:
    mine = await subscribe(account, receiver)
    theirs = await account.api.new_webhook(receiver, "*")

    assert [one["id"] for one in (await account.api.get("/webhooks")).json()["items"]] == [theirs["id"]]
    assert (await account.api.get(f"/webhooks/{mine['id']}")).status == 404
    assert (await account.get(f"/webhooks/{theirs['id']}")).status == 404
    await account.new_booking()
    await account.api.deliver()
    assert [one.headers.get("x-nowistay-event") for one in receiver.received] == ["booking.created"]


async def test_an_unentitled_propertys_changes_are_not_sent(account: Account, receiver: Receiver, home: Home) -> None:
    from hospes.capabilities import properties

    await subscribe(account, receiver)
    async with account.api.begin() as tx:
        await properties.entitle(tx, account.property_id, is_entitled=False)
    await account.new_booking()

    await account.api.deliver()

    assert receiver.received == []
