"""What providers tell of text messages after they took them."""

from typing import Any

import pytest

from hospes.base import metrics
from hospes.base.secrets import Vault
from hospes.capabilities.messaging import Receipt, suppressions
from tests.channels.texting import Network, hook, mailroom, mark, put, sent, standing
from tests.living import Api, Home


def counted(outcome: str) -> float:
    return float(metrics.RECEIPTS.labels("sms", outcome)._value.get())


async def types(api: Api) -> list[str]:
    items = (await api.get("/crm/events")).json()["items"]
    return [item["type"] for item in items if item["type"].startswith("message.")]


async def test_a_receipt_says_that_it_arrived_and_says_it_once(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest(phone="+33612350001")
    message_id = await sent(home, api, vault, guest)
    report = {"reference": mark(vault, api, message_id), "status": "DELIVERED"}

    answers = [await hook(home, vault, report) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"1 noted.\n", b"0 noted.\n"]
    assert (await standing(api, message_id)).status == "delivered"
    assert await types(api) == ["message.delivered"]


async def test_a_failure_is_told_and_a_later_arrival_still_counts(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest(phone="+33612350002")
    message_id = await sent(home, api, vault, guest)
    reference = mark(vault, api, message_id)

    await hook(home, vault, {"reference": reference, "status": "undelivered", "reason": "Phone is off."})
    failed = await standing(api, message_id)
    await hook(home, vault, {"reference": reference, "status": "delivered"})
    late = await hook(home, vault, {"reference": reference, "status": "failed"})

    assert (failed.status, failed.error) == ("failed", "Phone is off.")
    assert ((await standing(api, message_id)).status, late.body) == ("delivered", b"0 noted.\n")
    assert await types(api) == ["message.delivered", "message.failed"]
    assert not await suppressions.holds(api.reader(), "sms", "+33612350002")


async def test_a_number_that_does_not_exist_gets_nothing_more(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest(phone="+33612350003")
    message_id = await sent(home, api, vault, guest)

    await hook(
        home, vault, {"reference": mark(vault, api, message_id), "status": "invalid", "reason": "No such number"}
    )

    assert (await standing(api, message_id)).status == "bounced"
    assert await suppressions.holds(api.reader(), "sms", "+33612350003")


async def test_a_receipt_that_is_faster_than_our_own_note_is_not_lost(home: Home, api: Api, vault: Vault) -> None:
    class Fast(Network):
        async def send(self, letter: Any) -> Receipt:
            await hook(home, vault, {"reference": letter.mark, "status": "delivered"})
            return await super().send(letter)

    message_id = await put(api, await api.new_guest(phone="+33612350004"))

    await mailroom(home, vault, {"sms": Fast()}).run(api.workspace_id)

    found = await standing(api, message_id)
    assert (found.status, found.delivered_at) == ("delivered", home.clock.now())


async def test_what_arrived_though_nobody_answered_is_not_sent_again(home: Home, api: Api, vault: Vault) -> None:
    network = Network()
    network.receipt = Receipt("down", "timeout")
    message_id = await sent(home, api, vault, await api.new_guest(phone="+33612350005"), network)
    assert (await standing(api, message_id)).status == "queued"

    await hook(home, vault, {"reference": mark(vault, api, message_id), "status": "delivered"})
    home.clock.advance(hours=1)
    await mailroom(home, vault, {"sms": network}).run(api.workspace_id)

    assert len(network.letters) == 1
    assert (await standing(api, message_id)).status == "delivered"


@pytest.mark.parametrize("report", [{"reference": "1.1.00000000000000000000"}, {"id": "nobody"}, {"reference": ""}, {}])
async def test_a_receipt_for_nothing_of_ours_is_answered_and_counted(home: Home, vault: Vault, report: Any) -> None:
    before = counted("unknown")

    answer = await hook(home, vault, report | {"status": "delivered"})

    assert (answer.status, answer.body) == (200, b"0 noted.\n")
    assert counted("unknown") == before + 1


async def test_a_receipt_may_name_the_providers_own_id(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest(phone="+33612350006")
    message_id = await sent(home, api, vault, guest)
    await home.server.sms_desk().keep_id("http", "SM77", mark(vault, api, message_id))

    body = b"MessageSid=SM77&MessageStatus=delivered&To=%2B33612350006"
    answer = await hook(home, vault, body, kind="application/x-www-form-urlencoded")

    assert answer.body == b"1 noted.\n"
    assert (await standing(api, message_id)).status == "delivered"


async def test_states_on_the_way_change_nothing(home: Home, api: Api, vault: Vault) -> None:
    message_id = await sent(home, api, vault, await api.new_guest(phone="+33612350007"))

    answer = await hook(
        home, vault, [{"reference": mark(vault, api, message_id), "status": word} for word in ("queued", "sent")]
    )

    assert (answer.status, answer.body) == (200, b"0 noted.\n")
    assert (await standing(api, message_id)).status == "sent"
