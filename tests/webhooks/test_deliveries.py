"""Deliveries: signed, retried by the plan, kept, replayed."""

import asyncio
import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import standardwebhooks
import svix.webhooks
import time_machine

from hospes.capabilities import workspaces
from hospes.capabilities.webhooks import plan
from hospes.capabilities.webhooks.signing import contract_signature, new_secret
from tests.living import Api, Home, Received, Receiver


def contract_accepts(secret: str, body: bytes, header: str | None) -> bool:
    """What a receiver written for the documented service does."""
    if not secret or not header:
        return False
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = header.strip()
    return hmac.compare_digest(expected, given if given.startswith("sha256=") else f"sha256={given}")


def standard_accepts(verifier: Any, received: Received) -> bool:
    with time_machine.travel(datetime.fromtimestamp(int(received.headers["webhook-timestamp"]), UTC)):
        try:
            verifier.verify(received.body, received.headers)
        except (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError):
            return False
    return True


def test_the_contracts_test_vector() -> None:
    body = b'{"event":"guest.created","tenant_id":1,"payload":{"guest_id":42},"timestamp":"2026-06-20T12:00:00+00:00"}'

    signature = contract_signature("test_secret", body)

    assert signature == "sha256=a61d6e2d56d8864c474d16161996dfebb5b4043841bc8f2fa48932b354cb17f4"


async def test_one_delivery_satisfies_every_kind_of_verifier(api: Api, receiver: Receiver) -> None:
    """W36"""
    webhook = await api.new_webhook(receiver, "guest.created")

    guest = await api.new_guest()
    await api.deliver()

    [received] = receiver.received
    secret = webhook["secret"]
    assert list(received.json()) == ["event", "tenant_id", "payload", "timestamp"]
    assert received.json()["payload"] == {"guest_id": guest["id"]}
    assert received.json()["tenant_id"] == api.workspace_id
    assert received.headers["x-nectifi-event"] == "guest.created"
    assert received.headers["x-nectifi-delivery"] == received.headers["webhook-id"]
    assert received.headers["x-hospes-sequence"] == "1"
    assert contract_accepts(secret, received.body, received.headers["x-nectifi-signature"])
    assert standard_accepts(standardwebhooks.Webhook(secret), received)
    assert standard_accepts(svix.webhooks.Webhook(secret), received)


async def test_a_changed_body_and_another_secret_are_refused(api: Api, receiver: Receiver) -> None:
    """W37"""
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    received = receiver.received[0]

    forged = Received(received.headers, received.body.replace(b"1", b"2", 1))

    assert not contract_accepts(webhook["secret"], forged.body, received.headers["x-nectifi-signature"])
    assert not standard_accepts(standardwebhooks.Webhook(webhook["secret"]), forged)
    assert not standard_accepts(standardwebhooks.Webhook(new_secret()), received)


def test_secrets_suit_both_kinds_of_verifier() -> None:
    for _ in range(1000):
        secret = new_secret()
        assert secret.startswith("whsec_") and len(secret) == 38 and secret[6:].isalnum()
        assert len(base64.b64decode(secret[6:], validate=True)) == 24


async def test_what_was_rolled_back_is_not_delivered(api: Api, receiver: Receiver) -> None:
    """W1"""
    await api.new_webhook(receiver)
    await api.new_guest(email="anna@example.com")

    refused = await api.post("/crm/guests", {"location_id": api.location_id, "email": "anna@example.com"})
    await api.deliver()

    assert refused.status == 409
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("status", "succeeds"),
    [
        (200, True),
        (201, True),
        (202, True),
        (204, True),
        (299, True),
        (300, False),
        (304, False),
        (400, False),
        (404, False),
        (500, False),
        (599, False),
    ],
)
async def test_any_2xx_is_success_and_nothing_else(api: Api, receiver: Receiver, status: int, succeeds: bool) -> None:
    """W14"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(status, body=b"" if status in (204, 304) else b"ok")

    await api.new_guest()
    await api.deliver()

    [delivery] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    assert delivery["status"] == ("succeeded" if succeeds else "pending")
    assert delivery["response_status"] == status
    assert (delivery["next_attempt_at"] is None) == succeeds


async def test_a_retry_has_the_same_id_and_bytes_and_a_new_signature(home: Home, api: Api, receiver: Receiver) -> None:
    """W7, W8, W38"""
    webhook = await api.new_webhook(receiver, "guest.created")
    receiver.answers(500)
    guest = await api.new_guest()
    await api.deliver()

    await api.patch(f"/crm/guests/{guest['id']}", {"name": "Renamed"})
    receiver.answers(200)
    home.clock.advance(minutes=2)
    await api.deliver()

    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    log = (await api.get(f"/webhooks/{webhook['id']}/deliveries/{first.headers['webhook-id']}")).json()["attempt_log"]
    assert [(attempt["number"], attempt["response_status"]) for attempt in log] == [(1, 500), (2, 200)]
    assert log[0]["response_body"] == "ok"


CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_plan_goes_from_a_minute_to_a_day_and_ends_at_72_hours_exactly() -> None:
    """W22"""
    instants, now, failures = [], CREATED, 0
    while True:
        failures += 1
        following = plan.next_attempt(CREATED, now, failures, chance=0.5)
        if following is None:
            break
        instants.append(following - CREATED)
        now = following

    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert instants[:4] == [minute, 6 * minute, 36 * minute, 2 * hour + 36 * minute]
    assert instants[4:7] == [8 * hour + 36 * minute, 20 * hour + 36 * minute, 44 * hour + 36 * minute]
    assert instants[-1] == 72 * hour


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999999])
def test_jitter_stays_within_ten_percent(chance: float) -> None:
    for failures, delay in enumerate(plan.DELAYS, start=1):
        waited = plan.next_attempt(CREATED, CREATED, failures, chance=chance)
        assert waited is not None
        assert 0.9 * delay <= waited - CREATED <= 1.1 * delay


@pytest.mark.parametrize(
    "asked",
    ["1", "1000000000", "-5", "Wed, 01 Jan 2031 00:00:00 GMT", "Wed, 01 Jan 2020 00:00:00 GMT", "soon", "9" * 500],
)
def test_retry_after_is_heard_between_once_and_twice_the_delay(asked: str) -> None:
    """W15"""
    waited = plan.next_attempt(CREATED, CREATED, 1, chance=0.5, retry_after=asked)

    assert waited is not None
    assert timedelta(minutes=1) <= waited - CREATED <= timedelta(minutes=2)


async def test_an_endpoint_that_failed_for_72_hours_is_disabled_with_the_reason(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W25"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()

    for _ in range(80):
        await api.deliver()
        home.clock.advance(hours=1)

    shown = (await api.get(f"/webhooks/{webhook['id']}")).json()
    [delivery] = (await api.get(f"/webhooks/{webhook['id']}/deliveries", status="failed")).json()["items"]
    assert not shown["is_active"]
    assert shown["disabled_reason"] == "No delivery succeeded for 72 hours."
    assert delivery["next_attempt_at"] is None
    revived = (await api.patch(f"/webhooks/{webhook['id']}", {"is_active": True})).json()
    assert revived["is_active"] and revived["disabled_reason"] is None


async def test_gone_disables_at_once(api: Api, receiver: Receiver) -> None:
    """W13"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(410)

    await api.new_guest()
    await api.deliver()

    shown = (await api.get(f"/webhooks/{webhook['id']}")).json()
    assert (shown["is_active"], shown["disabled_reason"]) == (False, "The receiver answered 410 Gone.")


async def test_a_test_event_is_marked_and_never_counts(api: Api, receiver: Receiver) -> None:
    """W34"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)

    sent = await api.ask("POST", f"/webhooks/{webhook['id']}/test")
    await api.deliver()

    [received] = receiver.received
    shown = (await api.get(f"/webhooks/{webhook['id']}")).json()
    assert sent.status == 202
    assert received.json()["payload"]["test"] is True
    assert received.headers["x-hospes-manual"] == "test"
    assert shown["last_failure_at"] is None and shown["is_active"]


async def test_during_a_rotation_both_secrets_verify_and_afterwards_only_the_new(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W39"""
    old = await api.new_webhook(receiver)

    new = (await api.ask("POST", f"/webhooks/{old['id']}/rotate-secret")).json()
    await api.new_guest(name="First")
    await api.deliver()
    home.clock.advance(hours=24)
    await api.new_guest(name="Second")
    await api.deliver()

    during, after = receiver.received
    for secret in (old["secret"], new["secret"]):
        assert standard_accepts(standardwebhooks.Webhook(secret), during)
    assert contract_accepts(old["secret"], during.body, during.headers["x-nectifi-signature"])
    assert standard_accepts(standardwebhooks.Webhook(new["secret"]), after)
    assert not standard_accepts(standardwebhooks.Webhook(old["secret"]), after)
    assert contract_accepts(new["secret"], after.body, after.headers["x-nectifi-signature"])


async def test_an_immediate_rotation_stops_the_old_secret(api: Api, receiver: Receiver) -> None:
    """W39"""
    old = await api.new_webhook(receiver)

    new = (await api.post(f"/webhooks/{old['id']}/rotate-secret", {"immediate": True})).json()
    await api.new_guest()
    await api.deliver()

    [received] = receiver.received
    assert contract_accepts(new["secret"], received.body, received.headers["x-nectifi-signature"])
    assert not standard_accepts(standardwebhooks.Webhook(old["secret"]), received)


async def test_a_replay_sends_the_same_bytes_under_the_same_id(api: Api, receiver: Receiver) -> None:
    """W7, W31"""
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    delivery_id = receiver.received[0].headers["webhook-id"]

    answer = await api.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery_id}/replay")
    await api.deliver()

    first, again = receiver.received
    assert answer.status == 202
    assert (again.body, again.headers["webhook-id"]) == (first.body, delivery_id)
    assert again.headers["x-hospes-manual"] == "replay"


async def test_a_replay_since_a_time_sends_what_was_missed_while_the_webhook_was_off(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W30"""
    webhook = await api.new_webhook(receiver, "guest.created")
    await api.new_guest(name="Before")
    await api.deliver()
    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": False})
    home.clock.advance(minutes=1)
    since = home.clock.now()
    missed = [(await api.new_guest(name=name))["id"] for name in ("First", "Second")]

    answer = await api.post(f"/webhooks/{webhook['id']}/replay", {"since": since.isoformat()})
    await api.deliver()

    assert answer.json() == {"replayed": 2}
    assert sorted(received.json()["payload"]["guest_id"] for received in receiver.received[1:]) == missed


async def test_a_receiver_never_gets_more_than_twenty_requests_at_once(api: Api, receiver: Receiver) -> None:
    """W12"""
    await api.new_webhook(receiver)
    for number in range(60):
        await api.new_guest(name=f"Guest {number}")
    release = asyncio.Event()

    async def slowly(_: Received) -> tuple[int, dict[str, str], bytes]:
        if len(receiver.received) >= 20:
            release.set()
        await release.wait()
        return 200, {}, b"ok"

    receiver.answer = slowly
    await api.deliver()

    assert receiver.most_at_once == 20
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 60


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://partner.example.com/h", "https"),
        ("https://10.0.0.1/h", "public"),
        ("https://169.254.169.254/latest", "public"),
        ("https://[::ffff:10.0.0.1]/h", "public"),
        ("https://user:pass@partner.example.com/h", ""),
        ("ftp://partner.example.com/h", "https"),
        ("https://metadata.google.internal/", ""),
    ],
)
async def test_an_address_that_is_not_public_is_refused_with_the_reason(api: Api, url: str, reason: str) -> None:
    """W44, W53"""
    answer = await api.post("/webhooks", {"url": url, "events": ["*"]})

    assert answer.status == 422
    assert reason in answer.json()["detail"][0]["msg"]
    assert (await api.get("/webhooks")).json()["total"] == 0


async def test_twenty_endpoints_and_not_one_more_also_at_once(api: Api, receiver: Receiver) -> None:
    answers = await asyncio.gather(*(api.post("/webhooks", {"url": receiver.url, "events": ["*"]}) for _ in range(25)))

    assert sorted(answer.status for answer in answers) == [201] * 20 + [409] * 5
    assert {answer.json()["detail"] for answer in answers if answer.status == 409} == {"Webhook limit reached"}


async def test_an_unknown_event_is_refused_by_its_name(api: Api, receiver: Receiver) -> None:
    answer = await api.post("/webhooks", {"url": receiver.url, "events": ["guest.eaten"]})

    assert answer.status == 422
    assert "guest.eaten" in answer.json()["detail"][0]["msg"]


async def test_a_deleted_webhook_is_gone_with_its_deliveries(api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    await api.new_guest()

    deleted = await api.ask("DELETE", f"/webhooks/{webhook['id']}")
    await api.deliver()

    assert (deleted.status, deleted.body) == (204, b"")
    assert receiver.received == []
    for path in ("", "/deliveries"):
        assert (await api.get(f"/webhooks/{webhook['id']}{path}")).status == 404


async def test_the_same_handlers_answer_under_crm(api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)

    assert (await api.get(f"/crm/webhooks/{webhook['id']}")).json()["id"] == webhook["id"]


async def test_secrets_are_not_in_clear_in_the_database(home: Home, api: Api, receiver: Receiver) -> None:
    """W42"""
    answer = await api.post("/webhooks", {"url": receiver.url, "events": ["*"]}, headers={"Idempotency-Key": "once"})
    secret = answer.json()["secret"].encode()
    connection = await asyncpg.connect(home.dsn)

    sealed = await connection.fetchval("SELECT secret FROM webhook_endpoints WHERE workspace_id = $1", api.workspace_id)
    kept = await connection.fetchval("SELECT answer FROM idempotency_keys WHERE workspace_id = $1", api.workspace_id)

    await connection.close()
    assert secret not in sealed and secret not in kept
    assert b"secret" not in (await api.get("/webhooks")).body


async def test_a_sandbox_retries_when_its_own_clock_is_moved(home: Home, receiver: Receiver) -> None:
    api = await home.new_api(is_sandbox=True)
    await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()

    home.clock.advance(hours=1)
    await api.deliver()
    assert len(receiver.received) == 1
    await workspaces.move_clock(home.server.database, api.workspace_id, by=timedelta(minutes=2))
    await api.deliver()

    assert len(receiver.received) == 2
