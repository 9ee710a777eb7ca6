"""Cases W36 to W41: what receivers' own verifiers say, in Python and in JavaScript, and the secrets they use."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from hospes.capabilities.webhooks.signing import new_secret
from tests.living import Api, Home, Received, Receiver
from tests.webhooks import verifiers as javascript
from tests.webhooks.carrying import put
from tests.webhooks.test_deliveries import contract_accepts, standard_accepts

ALL = {"contract": True, "standardwebhooks": True, "svix": True}
NONE = dict.fromkeys(ALL, False)
SECRETS = 10_000
HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def verifiers() -> javascript.Verifiers:
    return javascript.installed()


def verdicts_in_python(secret: str, received: Received) -> dict[str, bool]:
    return {
        "contract": contract_accepts(secret, received.body, received.headers["x-nectifi-signature"]),
        "standardwebhooks": standard_accepts(standardwebhooks.Webhook(secret), received),
        "svix": standard_accepts(svix.webhooks.Webhook(secret), received),
    }


async def one_delivery(api: Api, receiver: Receiver) -> tuple[str, Received, datetime]:
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    [received] = receiver.received
    return webhook["secret"], received, api.home.clock.now()


async def test_one_delivery_is_accepted_by_all_six_verifiers(
    api: Api, receiver: Receiver, verifiers: javascript.Verifiers
) -> None:
    """W36"""
    secret, received, now = await one_delivery(api, receiver)

    assert verdicts_in_python(secret, received) == ALL
    assert verifiers.verdicts((secret, received, now)) == [ALL]


async def test_javascript_refuses_whatever_was_changed_if_its_signature_covers_it(
    api: Api, receiver: Receiver, verifiers: javascript.Verifiers
) -> None:
    """W37; the contract's signature covers the body alone."""
    secret, received, now = await one_delivery(api, receiver)

    def with_header(name: str, value: str) -> Received:
        return Received({**received.headers, name: value}, received.body)

    headers = received.headers
    later = str(int(headers["webhook-timestamp"]) + 1)
    verdicts = verifiers.verdicts(
        (secret, Received(headers, received.body.replace(b"created", b"creates", 1)), now),
        (new_secret(), received, now),
        (secret, with_header("webhook-id", headers["webhook-id"][:-1] + "~"), now),
        (secret, with_header("webhook-timestamp", later), now),
        (secret, with_header("webhook-signature", headers["webhook-signature"][:-4]), now),
        (secret, with_header("x-nectifi-signature", headers["x-nectifi-signature"][:-1]), now),
    )

    only_contract = {**NONE, "contract": True}
    assert verdicts == [NONE, NONE, only_contract, only_contract, only_contract, {**ALL, "contract": False}]


async def test_an_hour_later_javascript_accepts_the_retry_and_no_more_the_first_request(
    home: Home, api: Api, receiver: Receiver, verifiers: javascript.Verifiers
) -> None:
    """W38"""
    receiver.answers(500)
    secret, first, _ = await one_delivery(api, receiver)
    home.clock.advance(hours=1)
    await api.deliver()
    retry, now = receiver.received[1], home.clock.now()

    verdicts = verifiers.verdicts((secret, retry, now), (secret, first, now), (secret, first, now - HOUR))

    assert first.headers["webhook-id"] == retry.headers["webhook-id"]
    assert verdicts == [ALL, {**NONE, "contract": True}, ALL]


async def test_a_third_secret_inside_the_overlap_drops_the_oldest(
    home: Home, api: Api, receiver: Receiver, verifiers: javascript.Verifiers
) -> None:
    """W39"""
    webhook = await api.new_webhook(receiver)
    secrets = [webhook["secret"]]
    for _ in range(2):
        home.clock.advance(hours=1)
        secrets.append((await api.ask("POST", f"/webhooks/{webhook['id']}/rotate-secret")).json()["secret"])

    await api.new_guest()
    await api.deliver()

    [received] = receiver.received
    now = home.clock.now()
    assert len(received.headers["webhook-signature"].split()) == 2
    libraries = {**ALL, "contract": False}
    assert [verdicts_in_python(secret, received) for secret in secrets] == [NONE, ALL, libraries]
    assert verifiers.verdicts(*((secret, received, now) for secret in secrets)) == [NONE, ALL, libraries]


def test_secrets_are_letters_and_digits_that_decode_to_24_bytes() -> None:
    """W40"""
    secrets = {new_secret() for _ in range(SECRETS)}

    assert len(secrets) == SECRETS
    for secret in secrets:
        key = secret.removeprefix("whsec_")
        assert len(key) == 32 and key.isascii() and key.isalnum()
        assert len(base64.b64decode(key, validate=True)) == 24


@pytest.mark.parametrize(
    "payload",
    [{}, {"note": "Zoë 🥐\u2028\u0000"}, {"note": "é" * 128 * 1024}],
    ids=["empty", "emoji", "256 KB"],
)
async def test_the_bytes_that_are_signed_are_the_bytes_that_are_sent(
    api: Api, receiver: Receiver, verifiers: javascript.Verifiers, payload: dict[str, Any]
) -> None:
    """W41"""
    webhook = await api.new_webhook(receiver)
    body = await put(api, [webhook["id"]], 1, payload=payload)

    await api.deliver()

    [received] = receiver.received
    assert received.body == body.encode()
    assert received.json()["payload"] == payload
    assert verdicts_in_python(webhook["secret"], received) == ALL
    assert verifiers.verdicts((webhook["secret"], received, api.home.clock.now())) == [ALL]
