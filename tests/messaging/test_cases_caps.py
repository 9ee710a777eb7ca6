"""Case A24: however often somebody asks, one guest and one number are sent a bounded number of messages."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from hospes.base.errors import Exhausted
from hospes.base.secrets import Vault
from hospes.capabilities import guests
from hospes.capabilities.messaging import codes, outbox
from hospes.capabilities.messaging.sending import MOST_AN_HOUR
from tests.living import Answer, Api, Home, ask
from tests.messaging.mailing import new_template

MESSAGES = "SELECT count(*) FROM messages WHERE workspace_id = $1"
CALLS = 1_000


async def messages(api: Api) -> int:
    connection = await asyncpg.connect(api.home.dsn)
    count: int = await connection.fetchval(MESSAGES, api.workspace_id)
    await connection.close()
    return count


async def ask_for_mail(api: Api, guest: dict[str, Any], **more: Any) -> Answer:
    body = {"guest_id": guest["id"], "template_slug": "welcome_email", "variables": {"guest_name": "Alex"}}
    return await api.post("/communication/email/send", body, **more)


async def test_a_thousand_emails_to_one_guest_are_thirty_also_at_once_and_with_many_keys(api: Api) -> None:
    """A24: one and the same 429 says why, and when it will be possible again."""
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")
    keys = [api.key, *[await api.new_key(["*"]) for _ in range(3)]]

    answers = await asyncio.gather(*(ask_for_mail(api, guest, key=keys[number % 4]) for number in range(CALLS)))

    assert Counter(answer.status for answer in answers) == {202: MOST_AN_HOUR, 429: CALLS - MOST_AN_HOUR}
    refused = [answer for answer in answers if answer.status == 429]
    told = {"detail": "The guest was sent 30 emails within an hour"}
    assert all((answer.json(), answer.headers["retry-after"]) == (told, "3600") for answer in refused)
    assert await messages(api) == MOST_AN_HOUR == 30
    events = await api.get("/crm/events", type="message.queued", limit=200)
    assert events.json()["total"] == MOST_AN_HOUR


async def test_a_place_frees_when_the_oldest_email_is_an_hour_old_and_others_are_not_held_up(
    home: Home, api: Api
) -> None:
    """A24"""
    await new_template(api)
    guest, other = await api.new_guest(email="alex@example.com"), await api.new_guest(email="bea@example.com")
    for _ in range(MOST_AN_HOUR):
        assert (await ask_for_mail(api, guest)).status == 202
        home.clock.advance(minutes=1)

    full = await ask_for_mail(api, guest)
    somebody_else = await ask_for_mail(api, other)
    wait = int(full.headers["retry-after"])
    home.clock.advance(seconds=wait - 1)
    too_soon = await ask_for_mail(api, guest)
    home.clock.advance(seconds=1)
    in_time, next_one = await ask_for_mail(api, guest), await ask_for_mail(api, guest)

    assert (full.status, somebody_else.status, wait) == (429, 202, 30 * 60)
    assert [answer.status for answer in (too_soon, in_time, next_one)] == [429, 202, 429]


async def test_a_refusal_is_not_kept_under_its_idempotency_key(home: Home, api: Api) -> None:
    """A24: the same call with the same key is carried out when there is room again."""
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")
    for _ in range(MOST_AN_HOUR):
        await ask_for_mail(api, guest)
    key = {"idempotency-key": "welcome-alex"}

    refused = await ask_for_mail(api, guest, headers=key)
    home.clock.advance(hours=1)
    done, again = await ask_for_mail(api, guest, headers=key), await ask_for_mail(api, guest, headers=key)

    assert [answer.status for answer in (refused, done, again)] == [429, 202, 202]
    assert done.body == again.body
    assert await messages(api) == MOST_AN_HOUR + 1


async def test_a_guest_of_several_records_is_one_guest(api: Api) -> None:
    """A24: what was sent to either record counts, whichever is written to."""
    await new_template(api)
    kept, merged = await api.new_guest(email="alex@example.com"), await api.new_guest(email="a.b@example.com")
    for _ in range(MOST_AN_HOUR // 2):
        assert (await ask_for_mail(api, kept)).status == 202
        assert (await ask_for_mail(api, merged)).status == 202

    async with api.begin() as tx:
        await guests.merge(tx, kept["id"], merged["id"], evidence="test")

    assert [(await ask_for_mail(api, guest)).status for guest in (kept, merged)] == [429, 429]


@pytest.mark.parametrize(("channel", "address"), [("sms", "+33612345678"), ("email", "alex@example.com")])
async def test_a_thousand_codes_for_one_address_are_five(
    home: Home, api: Api, vault: Vault, channel: str, address: str
) -> None:
    """A24 and L23: text messages carry nothing but codes."""
    draft = outbox.Draft(channel=channel, purpose="transactional", address=address, text="Code {code}")

    async def issue() -> bool:
        try:
            async with api.begin() as tx:
                await codes.issue(tx, vault, purpose="portal", draft=draft)
        except Exhausted:
            return False
        return True

    issued = await asyncio.gather(*(issue() for _ in range(CALLS)))

    assert Counter(issued) == {True: 5, False: CALLS - 5}
    assert await messages(api) == 5
    home.clock.advance(hours=1)
    assert await issue()


def in_capitals(number: int) -> str:
    """An address in one of 1,024 mixtures of capitals and small letters."""
    letters = enumerate("alexanderb")
    return "".join(letter.upper() if number >> place & 1 else letter for place, letter in letters) + "@Example.com"


def with_dashes(number: int) -> str:
    """A number as it is dialled within its country, in one of 1,024 mixtures with dashes or dots."""
    mark, digits = "-."[number >> 9], enumerate("612345678")
    return "0" + "".join(mark * (number >> place & 1) + digit for place, digit in digits)


@pytest.mark.parametrize(("verify", "field", "write"), [("email", "email", in_capitals), ("sms", "phone", with_dashes)])
async def test_codes_asked_for_from_a_thousand_addresses_and_in_every_spelling_are_five(
    home: Home, api: Api, verify: str, field: str, write: Callable[[int], str]
) -> None:
    """A24 and L23: the cap is the receiver's, wherever the calls come from and however they write its address."""
    answer = await api.workspace(
        "PUT",
        f"/portals/{api.portal_id}",
        {"fields": [{"name": "name"}, {"name": field, "required": True}], "verify": verify},
    )
    path = f"/p/{answer.json()['slug']}"
    headers = [(b"host", b"testserver"), (b"content-type", b"application/x-www-form-urlencoded")]

    async def request(number: int) -> int:
        form = urlencode({"name": "Ana", field: write(number)}).encode()
        peer = (f"10.1.{number >> 8}.{number & 255}", 50_000)
        return (await ask(home.application, "POST", path, headers=headers, body=form, peer=peer)).status

    statuses = Counter([await request(number) for number in range(CALLS)])

    assert statuses == {200: 5, 429: CALLS - 5}
    assert await messages(api) == 5
