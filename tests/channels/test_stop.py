"""STOP, START and HELP by text message."""

from typing import Any

import pytest

from hospes.base.secrets import Vault
from hospes.capabilities import guests
from hospes.capabilities.messaging import suppressions
from hospes.capabilities.messaging.stop import wish
from tests.channels.texting import Network, hook, mailroom, put, sent, standing
from tests.living import Api, Home


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[
            (text, "stop")
            for text in ("STOP", "stop", " Stop! ", "StopAll", "STOP ALL", "UNSUBSCRIBE", "cancel", "End")
        ],
        *[
            (text, "stop")
            for text in ("QUIT", "ARRÊT", "arret", "Baja", "stop svp", "ＳＴＯＰ", "Stop please 🙏", "Stopp")
        ],
        *[(text, "start") for text in ("START", "unstop", "Start!")],
        *[(text, "help") for text in ("HELP", "Aide", "info?")],
        *[
            (text, None)
            for text in ("Cancel my booking", "We stop by at six", "", "end of June", "stop " * 50, "?", "No")
        ],
    ],
)
def test_words_are_understood_when_they_are_the_whole_message(text: str, expected: str | None) -> None:
    assert wish(text) == expected


async def guest_with(api: Api, phone: str, **fields: Any) -> dict[str, Any]:
    return await api.new_guest(phone=phone, marketing_consent=True, **fields)


async def consent(api: Api, guest: dict[str, Any]) -> tuple[bool | None, bool | None]:
    found = await guests.get(api.reader(), guest["id"])
    return found.sms_consent, found.email_consent


async def test_stop_ends_text_messages_and_nothing_else_and_the_words_are_kept(
    home: Home, api: Api, vault: Vault
) -> None:
    guest = await guest_with(api, "+33612340001")

    answer = await hook(home, vault, {"from": "33612340001", "text": "Stop, merci !"})
    again = await hook(home, vault, {"from": "+33612340001", "text": "STOP"})

    assert (answer.status, answer.body, again.body) == (200, b"1 noted.\n", b"0 noted.\n")
    assert await consent(api, guest) == (False, True)
    newest = (await guests.consents.history(api.reader(), guest["id"]))[-1]
    assert (newest.channel, newest.is_granted, newest.door, newest.evidence) == ("sms", False, "sms", "Stop, merci !")
    assert await suppressions.holds(api.reader(), "sms", "+33612340001")


async def test_what_waits_when_stop_comes_is_not_sent(home: Home, api: Api, vault: Vault) -> None:
    guest, network = await guest_with(api, "+33612340002"), Network()
    message_id = await put(api, guest)

    await hook(home, vault, {"from": "+33612340002", "text": "STOP"})
    await mailroom(home, vault, {"sms": network}).run(api.workspace_id)

    assert network.letters == []
    assert (await standing(api, message_id)).status == "failed"


async def test_start_gives_back_what_stop_took(home: Home, api: Api, vault: Vault) -> None:
    guest = await guest_with(api, "+33612340003")
    await hook(home, vault, {"from": "+33612340003", "text": "STOP"})

    answer = await hook(home, vault, {"from": "+33612340003", "text": "Start"})

    assert answer.body == b"1 noted.\n"
    assert await consent(api, guest) == (True, True)
    assert not await suppressions.holds(api.reader(), "sms", "+33612340003")


async def test_start_does_not_lift_what_a_network_said_of_the_number(home: Home, api: Api, vault: Vault) -> None:
    guest = await guest_with(api, "+33612340004")
    async with api.begin() as tx:
        await suppressions.add(tx, "sms", "+33612340004", reason="No such number.")

    answer = await hook(home, vault, {"from": "+33612340004", "text": "START"})

    assert answer.body == b"0 noted.\n"
    assert await suppressions.holds(api.reader(), "sms", guest["phone"])


async def test_stop_counts_wherever_the_number_is_known(home: Home, vault: Vault) -> None:
    first, second, other = [await home.new_api() for _ in range(3)]
    known = [await guest_with(api, "+33612340005") for api in (first, second)]
    stranger = await guest_with(other, "+33612340006")

    answer = await hook(home, vault, {"from": "+33612340005", "text": "STOP"})

    assert answer.body == b"2 noted.\n"
    assert [(await consent(api, guest))[0] for api, guest in zip((first, second), known, strict=True)] == [False, False]
    assert (await consent(other, stranger))[0] is True


async def test_help_is_answered_once_an_hour_by_who_wrote_last(home: Home, vault: Vault) -> None:
    first, second = await home.new_api(), await home.new_api()
    guest = await guest_with(first, "+33612340007")
    await sent(home, first, vault, guest)
    home.clock.advance(minutes=5)
    latest = await guest_with(second, "+33612340007")
    await sent(home, second, vault, latest)

    network = Network()
    answers = [await hook(home, vault, {"from": "+33612340007", "text": "HELP"}) for _ in range(2)]
    for api in (first, second):
        await mailroom(home, vault, {"sms": network}).run(api.workspace_id)

    assert [answer.body for answer in answers] == [b"1 noted.\n", b"0 noted.\n"]
    assert [letter.text for letter in network.letters] == [
        "Test: text messages about your stays and our offers. Reply STOP to get no more."
    ]


async def test_a_form_is_read_as_well_as_json(home: Home, api: Api, vault: Vault) -> None:
    guest = await guest_with(api, "+33612340008")

    body = b"MessageSid=SM1&From=%2B33612340008&To=%2B33700000000&Body=STOP"
    answer = await hook(home, vault, body, kind="application/x-www-form-urlencoded")

    assert answer.body == b"1 noted.\n"
    assert (await consent(api, guest))[0] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[1]", 400),
        (b"{}", 200),
        (b'{"from": "x", "text": "STOP"}', 200),
        (b'{"from": {}, "text": []}', 200),
        (b'{"from": "+33612340009", "text": "STOP\\u0000"}', 200),
        (b"[" * 10_000, 400),
        (b"\xff\xfe", 400),
        (b"x" * (1024 * 1024 + 1), 413),
    ],
)
async def test_whatever_comes_to_the_hook_is_answered(home: Home, vault: Vault, body: bytes, status: int) -> None:
    assert (await hook(home, vault, body)).status == status


async def test_without_its_secret_the_hook_is_not_there(home: Home, api: Api, vault: Vault) -> None:
    guest = await guest_with(api, "+33612340010")

    answer = await hook(home, vault, {"from": "+33612340010", "text": "STOP"}, token="0" * 20)

    assert answer.status == 404
    assert (await consent(api, guest))[0] is True
