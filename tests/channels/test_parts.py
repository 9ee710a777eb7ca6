"""What guests write in several parts: read together, or not at all."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiosmpplib import GSM7BitCodec, OptionalParam, UCS2Codec

from hospes.base.db import sql
from hospes.base.secrets import Vault
from hospes.capabilities import guests, messaging
from tests.channels.message_centre import MessageCentre, open_centre
from tests.channels.test_smpp import smpp, until
from tests.channels.texting import hook
from tests.living import Api, Home

# Seventy-four units of UCS-2: more than one segment has room for.
STOP = ["STOP " + "🙏" * 20, "🙏" * 14]
LONG = ["We will be late, and would like to know how long the kitchen is open. Do the trains still ", "stop"]
KEPT = sql("SELECT count(*) FROM sms_parts WHERE sender LIKE $1", across="a test looks at what waits")


@pytest.fixture
async def centre() -> AsyncIterator[MessageCentre]:
    async with open_centre() as centre:
        yield centre


async def has_stopped(api: Api, guest: dict[str, Any]) -> bool:
    return not (await guests.get(api.reader(), guest["id"])).sms_consent


async def kept(home: Home, phone: str) -> int:
    [row] = await home.server.database.fetch(KEPT, f"%{phone.removeprefix('+')}")
    return int(row[0])


def part(phone: str, reference: int, number: int, texts: list[str], *, joint: str = "_") -> dict[str, Any]:
    places = {"ref": reference, "part": number, "total": len(texts)}
    return {"from": phone, "text": texts[number - 1]} | {
        f"concat{joint}{name}": str(value) for name, value in places.items()
    }


def in_segments(centre: MessageCentre, phone: str, texts: list[str], number: int, *, header: str) -> int:
    """One part as phones send it (`udh8`, `udh16`), or as centres may say it instead (`sar`)."""
    total, text = len(texts), texts[number - 1]
    sender = phone.removeprefix("+")
    if header == "sar":
        fields = [OptionalParam(0x020C, 300), OptionalParam(0x020E, total), OptionalParam(0x020F, number)]
        return centre.deliver(text, sender=sender, encoding="ucs2", optional_params=fields)
    head = bytes((5, 0, 3, 77, total, number)) if header == "udh8" else bytes((6, 8, 4, 1, 44, total, number))
    is_ucs2 = "🙏" in text
    coded = (UCS2Codec() if is_ucs2 else GSM7BitCodec()).encode(text)[0]
    return centre.deliver_coded(head + coded, sender=sender, data_coding=8 if is_ucs2 else 0)


@pytest.mark.parametrize("header", ["udh8", "udh16", "sar"])
async def test_a_stop_in_two_parts_over_smpp_is_one(
    home: Home, api: Api, vault: Vault, centre: MessageCentre, header: str
) -> None:
    guest = await api.new_guest(phone="+33612410001", marketing_consent=True)
    async with smpp(home, centre) as first, smpp(home, centre) as second:
        await until(lambda: centre.binds == 2)
        one = in_segments(centre, "+33612410001", STOP, 2, header=header)
        await until(lambda: one in centre.answered)
        before = await has_stopped(api, guest)
        centre.turn_round()
        other = in_segments(centre, "+33612410001", STOP, 1, header=header)
        await until(lambda: other in centre.answered)
        assert [(await carrier.check()).outcome for carrier in (first, second)] == ["sent", "sent"]

    assert (before, await has_stopped(api, guest)) == (False, True)
    assert (await guests.consents.history(api.reader(), guest["id"]))[-1].evidence == "".join(STOP)
    assert await kept(home, "+33612410001") == 0


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("joint", ["_", "-"])
async def test_a_stop_in_two_parts_by_the_hook_is_one(
    home: Home, api: Api, vault: Vault, order: tuple[int, ...], joint: str
) -> None:
    guest = await api.new_guest(phone="+33612410002", marketing_consent=True)

    answers = [await hook(home, vault, part("+33612410002", 9, number, STOP, joint=joint)) for number in order]
    again = await hook(home, vault, part("+33612410002", 9, order[-1], STOP, joint=joint))

    assert [answer.body for answer in answers] == [b"0 noted.\n", b"1 noted.\n"]
    assert (again.body, await has_stopped(api, guest)) == (b"0 noted.\n", True)


@pytest.mark.parametrize("header", ["udh8", "sar", "hook"])
async def test_a_long_message_that_ends_with_the_word_is_no_stop(
    home: Home, api: Api, vault: Vault, centre: MessageCentre, header: str
) -> None:
    guest = await api.new_guest(phone="+33612410003", marketing_consent=True)
    async with smpp(home, centre):
        await until(lambda: centre.binds)
        for number in (2, 1):
            if header == "hook":
                assert (await hook(home, vault, part("+33612410003", 9, number, LONG))).body == b"0 noted.\n"
            else:
                told = in_segments(centre, "+33612410003", LONG, number, header=header)
                await until(lambda told=told: told in centre.answered)  # type: ignore[misc]

    assert not await has_stopped(api, guest)


async def test_parts_of_other_messages_and_of_yesterday_are_not_joined(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest(phone="+33612410004", marketing_consent=True)

    await hook(home, vault, part("+33612410004", 1, 1, STOP))
    await hook(home, vault, part("+33612410004", 2, 2, STOP))
    await hook(home, vault, part("+33612410005", 1, 2, STOP))
    home.clock.advance(hours=25)
    await hook(home, vault, part("+33612410004", 1, 2, STOP))

    assert not await has_stopped(api, guest)
    home.clock.advance(hours=25)
    await messaging.parts.sweep(home.server.database, home.clock.now())
    assert await kept(home, "+33612410004") == 0


async def test_of_what_is_too_long_to_ask_for_anything_nothing_is_kept(home: Home, api: Api, vault: Vault) -> None:
    texts = ["stop"] * 6

    for number in range(1, 7):
        await hook(home, vault, part("+33612410006", 1, number, texts))

    assert await kept(home, "+33612410006") == 0


@pytest.mark.parametrize("place", [{"total": "1"}, {"total": "x"}, {"part": "9"}, {"ref": "9" * 10}, {"part": "٢"}])
async def test_what_is_no_part_of_anything_is_the_message(
    home: Home, api: Api, vault: Vault, place: dict[str, str]
) -> None:
    guest = await api.new_guest(phone="+33612410007", marketing_consent=True)
    places = {"ref": "1", "part": "1", "total": "2"} | place

    report = {"from": "+33612410007", "text": "STOP"} | {f"concat_{name}": value for name, value in places.items()}
    answer = await hook(home, vault, report)

    assert (answer.body, await has_stopped(api, guest)) == (b"1 noted.\n", True)
