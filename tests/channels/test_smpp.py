"""Text messages over SMPP, against a message centre on loopback."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiosmpplib import TON, OptionalParam, SmppCommandStatus

from hospes.base.errors import Misconfigured
from hospes.base.secrets import Vault
from hospes.capabilities import guests
from hospes.capabilities.messaging import suppressions
from hospes.providers.smpp import Smpp
from tests.channels.message_centre import MessageCentre, open_centre
from tests.channels.texting import mailroom, put, standing
from tests.living import Api, Home


@pytest.fixture
async def centre() -> AsyncIterator[MessageCentre]:
    async with open_centre() as centre:
        yield centre


def smpp(home: Home, centre: MessageCentre, url: str | None = None, *, patience: float = 20.0) -> Smpp:
    desk = home.server.sms_desk()
    return Smpp(url or centre.url, desk, home.clock, sender_name="Hospes", patience_seconds=patience)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition, never for a time."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.002)


async def until_status(api: Api, message_id: int, status: str) -> None:
    async with asyncio.timeout(60):
        while (await standing(api, message_id)).status != status:
            await asyncio.sleep(0.005)


async def run(home: Home, api: Api, vault: Vault, carrier: Smpp) -> None:
    await mailroom(home, vault, {"sms": carrier}).run(api.workspace_id)


async def texted(home: Home, api: Api, vault: Vault, carrier: Smpp, phone: str, text: str = "Hello") -> int:
    message_id = await put(api, await api.new_guest(phone=phone), text)
    await run(home, api, vault, carrier)
    return message_id


async def test_a_text_is_submitted_and_its_receipt_says_that_it_arrived(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370001", "Grüße: 5 €")
        sent = await standing(api, message_id)
        number = centre.receipt("id-1", "DELIVRD")
        await until_status(api, message_id, "delivered")
        await until(lambda: number in centre.answered)

    await until(lambda: centre.unbinds)
    [taken] = centre.taken
    assert (taken.short_message, taken.encoding) == ("Grüße: 5 €", None)
    assert (taken.destination.number, taken.destination.ton) == ("33612370001", TON.INTERNATIONAL)
    assert (taken.source.number, taken.source.ton, taken.registered_delivery) == ("Hospes", TON.ALPHANUMERIC, 1)
    assert (sent.status, centre.answered[number]) == ("sent", 0)


async def test_a_long_text_goes_in_segments_that_phones_join(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    text = "Ça va ? " * 20
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370002", "😀" + text)
        centre.receipt("id-3", "DELIVRD")
        await until_status(api, message_id, "delivered")

    assert "".join(taken.short_message for taken in centre.taken) == "😀" + text
    assert [taken.get_segmentation_data()[1:] for taken in centre.taken] == [(1, 3), (2, 3), (3, 3)]
    assert len({taken.get_segmentation_data()[0] for taken in centre.taken}) == 1
    assert {taken.encoding for taken in centre.taken} == {"ucs2"}
    assert [taken.registered_delivery for taken in centre.taken] == [0, 0, 1]
    # With its header of 6 bytes, a segment fills the 140 of a message.
    assert max(len(taken.short_message.encode("utf-16-be")) + 6 for taken in centre.taken) == 140


@pytest.mark.parametrize(
    ("status", "expected", "is_suppressed"),
    [
        (SmppCommandStatus.ESME_RTHROTTLED, "queued", False),
        (SmppCommandStatus.ESME_RMSGQFUL, "queued", False),
        (SmppCommandStatus.ESME_RSYSERR, "queued", False),
        (SmppCommandStatus.ESME_RINVDSTADR, "bounced", True),
        (SmppCommandStatus.ESME_RSUBMITFAIL, "failed", False),
        (0x00000421, "failed", False),
    ],
)
async def test_what_the_centre_refuses_is_understood(
    home: Home, api: Api, vault: Vault, centre: MessageCentre, status: int, expected: str, is_suppressed: bool
) -> None:
    centre.status = lambda _: status
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370003")

    assert (await standing(api, message_id)).status == expected
    assert await suppressions.holds(api.reader(), "sms", "+33612370003") is is_suppressed


async def test_what_was_throttled_goes_out_later(home: Home, api: Api, vault: Vault, centre: MessageCentre) -> None:
    centre.status = lambda _: (
        SmppCommandStatus.ESME_RTHROTTLED if len(centre.taken) == 1 else SmppCommandStatus.ESME_ROK
    )
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370004")
        home.clock.advance(minutes=2)
        await run(home, api, vault, carrier)

    assert ((await standing(api, message_id)).status, len(centre.taken)) == ("sent", 2)


async def test_a_line_that_was_cut_is_opened_again(home: Home, api: Api, vault: Vault, centre: MessageCentre) -> None:
    async with smpp(home, centre) as carrier:
        await texted(home, api, vault, carrier, "+33612370005")
        centre.hang_up()
        async with asyncio.timeout(60):
            while (await carrier.check()).outcome != "down":
                await asyncio.sleep(0.002)

        home.clock.advance(seconds=2)
        message_id = await texted(home, api, vault, carrier, "+33612370006")

    assert ((await standing(api, message_id)).status, centre.binds) == ("sent", 2)


async def test_a_message_that_may_have_been_taken_is_not_sent_again(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    centre.cuts = True
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370007")
        centre.cuts = False
        home.clock.advance(hours=1)
        await run(home, api, vault, carrier)

    found = await standing(api, message_id)
    assert (found.status, len(centre.taken)) == ("failed", 1)
    assert found.error == "The line was cut after the message was handed over. It is not sent again."


async def test_a_centre_that_takes_a_message_and_says_nothing_is_not_sent_it_again(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    """D48"""
    centre.is_silent = True
    async with Smpp(
        centre.url, home.server.sms_desk(), home.clock, sender_name="Hospes", answer_seconds=1.0
    ) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370016")
        home.clock.advance(hours=1)
        await run(home, api, vault, carrier)

    found = await standing(api, message_id)
    assert (found.status, len(centre.taken)) == ("failed", 1)
    assert "It is not sent again." in (found.error or "")


async def test_while_the_centre_does_not_let_us_in_messages_wait(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    url = centre.url.replace("secret", "wrong")
    async with smpp(home, centre, url, patience=0.01) as carrier:
        await until(lambda: centre.binds)
        message_id = await texted(home, api, vault, carrier, "+33612370008")

    found = await standing(api, message_id)
    assert (found.status, found.error, centre.taken) == ("queued", "The message centre does not answer.", [])


@pytest.mark.parametrize(
    ("state", "expected", "error"),
    [
        ("DELIVRD", "delivered", None),
        ("UNDELIV", "failed", "The network: UNDELIV 0A1."),
        ("EXPIRED", "failed", "The network: EXPIRED 0A1."),
        ("REJECTD", "failed", "The network: REJECTD 0A1."),
    ],
)
async def test_a_receipt_says_how_it_ended(
    home: Home, api: Api, vault: Vault, centre: MessageCentre, state: str, expected: str, error: str | None
) -> None:
    centre.name = lambda _: f"end-{api.workspace_id}"
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370009")
        centre.receipt(f"end-{api.workspace_id}", "ENROUTE")
        for _ in range(2):
            number = centre.receipt(f"end-{api.workspace_id}", state, "0A1")
        await until(lambda: number in centre.answered)

    found = await standing(api, message_id)
    assert (found.status, found.error) == (expected, error)
    events = (await api.get("/crm/events", type=f"message.{expected}")).json()["items"]
    assert len(events) == 1


async def test_a_receipt_that_is_faster_than_the_response_is_not_lost(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    centre.name = lambda _: f"fast-{api.workspace_id}"
    centre.before_answer = lambda name: centre.receipt(name, "DELIVRD")
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370010")
        await until_status(api, message_id, "delivered")


@pytest.mark.parametrize("form", ["fields", "decimal"])
async def test_centres_that_name_messages_in_other_ways_are_understood(
    home: Home, api: Api, vault: Vault, centre: MessageCentre, form: str
) -> None:
    number = 0xABC0000 + api.workspace_id
    centre.name = lambda _: f"{number:X}"
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370011")
        if form == "fields":
            fields = [OptionalParam(0x001E, f"{number:X}"), OptionalParam(0x0427, 2)]
            centre.deliver("-", is_receipt=True, optional_params=fields)
        else:
            centre.receipt(str(number), "DELIVRD")
        await until_status(api, message_id, "delivered")


async def test_stop_over_smpp_ends_text_messages(home: Home, api: Api, vault: Vault, centre: MessageCentre) -> None:
    guest = await api.new_guest(phone="+33612370012", marketing_consent=True)
    async with smpp(home, centre) as carrier:
        await until(lambda: centre.binds)
        number = centre.deliver("ARRÊT", sender="33612370012", encoding="ucs2")
        await until(lambda: number in centre.answered)
        assert (await carrier.check()).outcome == "sent"

    found = await guests.get(api.reader(), guest["id"])
    assert (found.sms_consent, found.email_consent) == (False, True)
    assert (await guests.consents.history(api.reader(), guest["id"]))[-1].evidence == "ARRÊT"


async def test_what_cannot_be_read_is_refused_and_the_line_lives_on(
    home: Home, api: Api, vault: Vault, centre: MessageCentre
) -> None:
    async with smpp(home, centre) as carrier:
        message_id = await texted(home, api, vault, carrier, "+33612370013")
        centre.send_raw(struct.pack("!IIII", 20, 5, 0, 77) + b"\xff\xff\xff\xff")
        await until(lambda: 77 in centre.answered)
        again = await texted(home, api, vault, carrier, "+33612370014")

    assert (centre.answered[77], centre.binds) == (SmppCommandStatus.ESME_RX_P_APPN, 1)
    assert [(await standing(api, one)).status for one in (message_id, again)] == ["sent", "sent"]


async def test_what_is_no_smpp_ends_the_line(home: Home, centre: MessageCentre) -> None:
    async with smpp(home, centre) as carrier:
        await until(lambda: centre.binds)
        async with asyncio.timeout(60):
            while (await carrier.check()).outcome != "sent":
                await asyncio.sleep(0.002)
        centre.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        async with asyncio.timeout(60):
            while (await carrier.check()).outcome != "down":
                await asyncio.sleep(0.002)


@pytest.mark.parametrize(
    "url",
    [
        "http://a:b@c",
        "smpp://",
        "smpp://host",
        "smpp://a:b@c:port",
        "smpp://u:123456789@host",
        f"smpp://{'u' * 16}:p@host",
    ],
)
def test_an_address_that_is_none_is_refused(home: Home, url: str) -> None:
    with pytest.raises(Misconfigured, match="HOSPES_SMPP_URL"):
        Smpp(url, home.server.sms_desk(), home.clock, sender_name="Hospes")


async def test_many_messages_share_one_line(home: Home, api: Api, vault: Vault, centre: MessageCentre) -> None:
    guest = await api.new_guest(phone="+33612370015")
    made = [await put(api, guest, f"Number {number}") for number in range(60)]
    async with smpp(home, centre) as carrier:
        await run(home, api, vault, carrier)

    assert {(await standing(api, one)).status for one in made} == {"sent"}
    assert (len(centre.taken), centre.binds) == (60, 1)
