"""What a receiver gets: the bytes, the headers, and what its answer does."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import standardwebhooks
import svix.webhooks
import time_machine

from hospes.capabilities.webhooks.signing import standard_headers
from tests.living import Api, Home, Received, Receiver
from tests.webhooks.test_deliveries import contract_accepts, standard_accepts


async def attempts_of(api: Api, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    """The attempts of an endpoint's only delivery."""
    [delivery] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    log: list[dict[str, Any]] = (await api.get(f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}")).json()[
        "attempt_log"
    ]
    return log


async def test_the_body_is_the_documented_one_byte_for_byte(api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver, "guest.created")

    guest = await api.new_guest()
    await api.deliver()

    [received] = receiver.received
    expected = (
        f'{{"event":"guest.created","tenant_id":{api.workspace_id},"payload":{{"guest_id":{guest["id"]}}},'
        f'"timestamp":"{guest["created_at"]}"}}'
    )
    assert received.body == expected.encode()
    assert received.json()["timestamp"].endswith("+00:00")


async def test_the_headers_name_the_event_and_the_delivery_and_say_who_sends(api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver, "guest.created")

    await api.new_guest()
    await api.deliver()

    headers = receiver.received[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "Hospes-Webhooks/1"
    assert headers["x-nectifi-event"] == "guest.created"
    assert re.fullmatch(r"dlv_[0-9A-HJKMNP-TV-Z]{26}", headers["x-nectifi-delivery"])
    assert re.fullmatch(r"sha256=[0-9a-f]{64}", headers["x-nectifi-signature"])
    assert headers["webhook-id"] == headers["x-nectifi-delivery"]
    assert headers["webhook-timestamp"] == str(int(api.home.clock.now().timestamp()))
    assert "x-hospes-manual" not in headers
    assert "authorization" not in headers and "cookie" not in headers


async def test_what_changed_is_named_in_the_payload_and_nothing_of_the_guest_is(api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver, "guest.updated")
    guest = await api.new_guest(name="Canary Person", email="canary@example.com")

    await api.patch(f"/crm/guests/{guest['id']}", {"name": "Canary Other"})
    await api.deliver()

    [received] = receiver.received
    assert received.json()["payload"] == {"guest_id": guest["id"], "changed": ["name"]}
    assert b"anary" not in received.body


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"])
async def test_whatever_is_changed_the_libraries_refuse(
    api: Api, receiver: Receiver, library: Any, changed: str
) -> None:
    """W37"""
    webhook = await api.new_webhook(receiver)
    other = await api.new_webhook(receiver, "visit.ended")
    await api.new_guest()
    await api.deliver()
    [received] = receiver.received
    assert standard_accepts(library(webhook["secret"]), received)

    headers, body, secret = dict(received.headers), received.body, webhook["secret"]
    if changed == "body":
        body = body.replace(b"guest.created", b"guest.creates")
    elif changed == "webhook-timestamp":
        headers[changed] = str(int(headers[changed]) + 1)
    elif changed == "secret":
        secret = other["secret"]
    else:
        headers[changed] = headers[changed][:-4]

    assert not standard_accepts(library(secret), Received(headers, body))


@pytest.mark.parametrize("given", [None, "", "sha256=", "sha256=" + "0" * 64])
async def test_without_its_signature_the_contracts_verifier_refuses(
    api: Api, receiver: Receiver, given: str | None
) -> None:
    """W37"""
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    [received] = receiver.received
    signature = received.headers["x-nectifi-signature"]

    assert contract_accepts(webhook["secret"], received.body, signature)
    assert contract_accepts(webhook["secret"], received.body, signature.removeprefix("sha256="))
    assert not contract_accepts(webhook["secret"], received.body, given)
    assert not contract_accepts(webhook["secret"], received.body + b"\n", signature)


async def test_an_hour_later_a_retry_is_accepted_and_the_first_request_no_more(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W38"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()
    home.clock.advance(hours=1)
    await api.deliver()
    first, retry = receiver.received

    for library in (standardwebhooks.Webhook, svix.webhooks.Webhook):
        verifier = library(webhook["secret"])
        with time_machine.travel(home.clock.now()):
            verifier.verify(retry.body, retry.headers)
            with pytest.raises((standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)):
                verifier.verify(first.body, first.headers)
    # The contract's own header covers the body alone, so it is the same.
    assert first.headers["x-nectifi-signature"] == retry.headers["x-nectifi-signature"]


async def test_each_event_has_an_id_of_its_own_at_each_endpoint(api: Api, receiver: Receiver) -> None:
    """W7"""
    for _ in range(3):
        await api.new_webhook(receiver, "guest.created")

    for number in range(4):
        await api.new_guest(name=f"Guest {number}")
    await api.deliver()

    assert len(receiver.received) == 12
    assert len({received.headers["x-nectifi-delivery"] for received in receiver.received}) == 12
    assert len({received.body for received in receiver.received}) == 4


async def test_the_sequence_counts_the_events_of_a_guest_and_shows_a_gap(api: Api, receiver: Receiver) -> None:
    """W10"""
    await api.new_webhook(receiver)
    first, other = await api.new_guest(name="First"), await api.new_guest(name="Other")

    for number in range(3):
        await api.patch(f"/crm/guests/{first['id']}", {"name": f"Name {number}"})
    await api.deliver()

    sequences: dict[int, list[int]] = {first["id"]: [], other["id"]: []}
    for received in receiver.received:
        sequences[received.json()["payload"]["guest_id"]].append(int(received.headers["x-hospes-sequence"]))
    assert sorted(sequences[first["id"]]) == [1, 2, 3, 4]
    assert sequences[other["id"]] == [1]


@pytest.mark.parametrize(("status", "succeeds"), [(206, True), (301, False), (307, False), (401, False), (429, False)])
async def test_redirects_are_not_followed_and_no_answer_but_2xx_is_success(
    api: Api, receiver: Receiver, status: int, succeeds: bool
) -> None:
    """W14, W52"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(status, headers={"location": receiver.url + "/elsewhere", "www-authenticate": "Basic"})

    await api.new_guest()
    await api.deliver()

    assert len(receiver.received) == 1
    [delivery] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    assert (delivery["status"], delivery["response_status"]) == ("succeeded" if succeeds else "pending", status)


async def test_a_webhook_that_is_gone_gets_nothing_more_and_says_when_it_failed(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W13"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(410)
    await api.new_guest(name="First")
    await api.deliver()

    home.clock.advance(hours=2)
    await api.new_guest(name="Second")
    await api.deliver()

    shown = (await api.get(f"/webhooks/{webhook['id']}")).json()
    assert len(receiver.received) == 1
    assert shown["last_failure_at"] == (home.clock.now() - timedelta(hours=2)).isoformat()
    assert shown["last_success_at"] is None


async def test_a_transaction_that_is_rolled_back_leaves_no_delivery(api: Api, receiver: Receiver) -> None:
    """W1"""
    webhook = await api.new_webhook(receiver, "guest.created")
    committed = []

    for number in range(40):
        if number % 2:
            body = {"location_id": api.location_id, "email": f"guest{number - 1}@example.com"}
            assert (await api.post("/crm/guests", body)).status == 409
        else:
            committed.append((await api.new_guest(email=f"guest{number}@example.com"))["id"])
    await api.deliver()

    assert sorted(received.json()["payload"]["guest_id"] for received in receiver.received) == committed
    assert (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["total"] == len(committed)


async def test_what_is_raised_after_the_event_takes_the_delivery_along(
    home: Home, api: Api, receiver: Receiver
) -> None:
    await api.new_webhook(receiver)
    connection = await asyncpg.connect(home.dsn)
    # The event is in the transaction already when its commit is refused.
    await connection.execute(f"""
        CREATE FUNCTION refuse_{api.workspace_id}() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '40001'; END $$;
        CREATE CONSTRAINT TRIGGER refuse_{api.workspace_id} AFTER INSERT ON guests DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.workspace_id = {api.workspace_id})
            EXECUTE FUNCTION refuse_{api.workspace_id}()
    """)
    try:
        answer = await api.post("/crm/guests", {"location_id": api.location_id, "name": "Anna"})
    finally:
        await connection.execute(f"DROP FUNCTION refuse_{api.workspace_id} CASCADE")
        await connection.close()
    await api.deliver()

    assert answer.status >= 500
    assert receiver.received == []


async def test_a_connection_cut_before_the_status_is_a_failure_and_tried_again_under_the_same_id(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W18"""
    webhook = await api.new_webhook(receiver)

    async def cut(_: Received) -> tuple[int, dict[str, str], bytes]:
        raise ConnectionResetError

    receiver.answer = cut
    await api.new_guest()
    await api.deliver()
    receiver.answers(200)
    home.clock.advance(minutes=2)
    await api.deliver()

    ids = {received.headers["webhook-id"] for received in receiver.received}
    first, second = await attempts_of(api, webhook)
    assert len(ids) == 1
    assert (first["response_status"], second["response_status"]) == (None, 200)
    assert re.fullmatch(r"[a-z_]+", first["error"])


@pytest.mark.parametrize("body", [b"\0nul\0", b"\xff\xfe\xfa", b"<script>alert(1)</script>", "é".encode() * 9000])
async def test_whatever_a_receiver_answers_is_kept_as_text(api: Api, receiver: Receiver, body: bytes) -> None:
    """W21"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500, body=body)

    await api.new_guest()
    await api.deliver()

    [attempt] = await attempts_of(api, webhook)
    assert attempt["response_status"] == 500
    assert "\0" not in attempt["response_body"] and len(attempt["response_body"]) <= 4096


def test_text_beyond_ascii_is_signed_as_it_is_sent() -> None:
    """W41"""
    secret = "whsec_" + "A" * 32
    body = json.dumps({"event": "guest.created", "payload": {"note": "Zoë 🥐"}}, ensure_ascii=False)
    at = datetime(2026, 6, 20, 12, tzinfo=UTC)

    headers = standard_headers([secret], "dlv_1", at, body)

    for library in (standardwebhooks.Webhook, svix.webhooks.Webhook):
        assert standard_accepts(library(secret), Received(headers, body.encode()))


async def test_a_webhook_hears_only_what_it_asked_for(api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver, "guest.updated", "visit.started")

    guest = await api.new_guest()
    await api.patch(f"/crm/guests/{guest['id']}", {"is_vip": True})
    await api.deliver()

    assert [received.json()["event"] for received in receiver.received] == ["guest.updated"]


async def test_another_workspaces_events_are_not_heard(home: Home, api: Api, receiver: Receiver) -> None:
    await api.new_webhook(receiver)
    other = await home.new_api()

    await other.new_guest()
    await asyncio.gather(api.deliver(), other.deliver())

    assert receiver.received == []
