"""Who messages say they come from: text messages by `sender_id`, mail by `from_email`."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiosmpplib import NPI, TON

from hospes.base.errors import Misconfigured
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.capabilities import campaigns, messaging, staff
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Outbound
from hospes.providers.sms_http import SmsHttp
from tests.audience_api.brand import Brand, data, said
from tests.campaigns.planning import broadcast, mail_to, new_guest
from tests.channels.message_centre import open_centre
from tests.channels.test_commands import hospes
from tests.channels.test_smpp import smpp
from tests.channels.test_ways_out import kinds
from tests.channels.texting import mailroom
from tests.living import Api, Home, Receiver

EMAIL = {"userID": "u-1", "subject": "Hello", "message": "<p>Hello.</p>", "from_name": "Anna"}
SENDERS = ["Grand Hotel", "a", "K&B_2-go.fr", "+33612345678", "38080", "112"]
NO_SENDERS = [
    *("Grand Hotel 1", "1234567890", "12", "+0123456789", "+336", "+1234567890123456", "Hôtel", " Hotel", "Hotel "),
    *("Ho\ntel", "@{name}@", "a\0", "123 45", "+33 612345678", "\u0663\u0668\u0660\u0668\u0660"),
]


async def text_from(api: Api, phone: str, sender_id: str | None) -> None:
    guest = await new_guest(api, "Anna", email="", phone=phone)
    async with api.begin() as tx:
        await campaigns.send_one(tx, guest, "sms", campaigns.Content(text="Hello", sender_id=sender_id))


@pytest.mark.parametrize(("sender_id", "expected"), [(None, "Hotel"), ("Bistro", "Bistro"), ("38080", "38080")])
async def test_a_provider_is_told_who_a_text_message_comes_from(
    home: Home, api: Api, vault: Vault, receiver: Receiver, sender_id: str | None, expected: str
) -> None:
    await text_from(api, "+33612400001", sender_id)

    async with Outbound(Destinations(allow_loopback=True), home.clock) as outbound:
        sms = SmsHttp(receiver.url, outbound, home.server.sms_desk(), token=None, sender_name="Hotel")
        await mailroom(home, vault, {"sms": sms}).run(api.workspace_id)

    assert [one.json()["from"] for one in receiver.received] == [expected]


@pytest.mark.parametrize(
    ("sender_id", "expected"),
    [
        (None, ("Hospes", TON.ALPHANUMERIC, NPI.UNKNOWN)),
        ("Grand Hotel", ("Grand Hotel", TON.ALPHANUMERIC, NPI.UNKNOWN)),
        ("+33612345678", ("33612345678", TON.INTERNATIONAL, NPI.ISDN)),
        ("38080", ("38080", TON.NETWORK_SPECIFIC, NPI.UNKNOWN)),
    ],
)
async def test_a_message_centre_is_told_what_kind_of_sender_it_is(
    home: Home, api: Api, vault: Vault, sender_id: str | None, expected: tuple[Any, ...]
) -> None:
    await text_from(api, "+33612400002", sender_id)

    async with open_centre() as centre, smpp(home, centre) as carrier:
        await mailroom(home, vault, {"sms": carrier}).run(api.workspace_id)

    [taken] = centre.taken
    assert (taken.source.number, taken.source.ton, taken.source.npi) == expected


@pytest.mark.parametrize("sender_id", SENDERS)
async def test_a_sender_that_networks_know_is_taken(home: Home, api: Api, sender_id: str) -> None:
    brand = await Brand.open(home, api)

    answer = await brand.post("/api/v1/sms/broadcast/all", {"message": "Hello", "sender_id": sender_id})

    assert answer.status == 200, answer.body


@pytest.mark.parametrize("sender_id", NO_SENDERS)
async def test_a_sender_that_no_network_knows_is_refused(
    home: Home, api: Api, vault: Vault, tmp_path: Path, sender_id: str
) -> None:
    brand = await Brand.open(home, api)

    answer = await brand.post("/api/v1/sms/broadcast/all", {"message": "Hello", "sender_id": sender_id})

    assert answer.status == 400
    assert "sender" in said(answer)[2]
    with pytest.raises(Misconfigured, match="HOSPES_SMS_SENDER"):
        await kinds(home, vault, Settings(data_dir=tmp_path, sms_sender=sender_id))


async def mail_of(brand: Brand, **fields: Any) -> tuple[str, str | None]:
    """Who the mail comes from, and where answers go."""
    await brand.tell("u-1", name="Ann", email="ann@example.com", email_opt_in="1")
    answer = await brand.post("/api/v1/email/send", EMAIL | fields)
    assert data(answer)["recipients"] == 1, answer.body
    await brand.api.deliver()
    mail = mail_to(brand.home, brand.api, "ann@example.com")
    return str(mail["From"]), mail["Reply-To"] and str(mail["Reply-To"])


async def allow(api: Api, domain: str) -> None:
    async with api.begin() as tx:
        await messaging.senders.allow(tx, domain)


async def test_mail_comes_from_an_address_of_a_domain_that_the_workspace_may_use(home: Home, api: Api) -> None:
    brand = await Brand.open(home, api)
    await allow(api, "Hotel.example")

    plain = await mail_of(brand, from_email="anna@hotel.example")
    answered = await mail_of(brand, from_email="anna@HOTEL.example", reply_to="desk@hotel.example")

    assert plain == ("Anna <anna@hotel.example>", None)
    assert answered == ("Anna <anna@HOTEL.example>", "desk@hotel.example")


@pytest.mark.parametrize("address", ["anna@other.example", "anna@sub.hotel.example", "anna@xhotel.example"])
async def test_mail_does_not_come_from_any_other_domain_but_is_answered_there(
    home: Home, api: Api, address: str
) -> None:
    brand, other = await Brand.open(home, api), await home.new_api()
    await allow(api, "hotel.example")
    await allow(other, "other.example")

    plain = await mail_of(brand, from_email=address)
    answered = await mail_of(brand, from_email=address, reply_to="desk@hotel.example")

    assert plain == ("Anna <hospes@localhost>", address)
    assert answered == ("Anna <hospes@localhost>", "desk@hotel.example")


async def test_a_domain_that_was_taken_back_counts_for_what_waits_too(home: Home, api: Api) -> None:
    await allow(api, "hotel.example")
    guest = await new_guest(api, "Ann")
    content = campaigns.Content(subject="Hello", html="<p>Hello.</p>", from_email="anna@hotel.example")
    await broadcast(api, guest, content=content)

    async with api.begin() as tx:
        await messaging.senders.disallow(tx, "hotel.example")
    await api.deliver()

    mail = mail_to(home, api, "ann@example.com")
    assert mail["From"].endswith("<hospes@localhost>")
    assert mail["Reply-To"] == "anna@hotel.example"


@pytest.mark.parametrize("address", ["anna", "a@b@c.example", "anna@hotel.example\r\nBcc: x@y.example", "@{email}@"])
async def test_what_is_no_address_is_refused(home: Home, api: Api, address: str) -> None:
    brand = await Brand.open(home, api)

    answer = await brand.post("/api/v1/email/broadcast/all", EMAIL | {"from_email": address, "userID": None})

    assert answer.status == 400


async def test_domains_are_allowed_by_command_and_the_log_tells(home: Home, api: Api, settings: Settings) -> None:
    workspace = str(api.workspace_id)

    allowed = hospes(home, settings, "mail", "allow", workspace, "Hotel.Example", "--json")
    listed = hospes(home, settings, "mail", "domains", workspace)
    taken_back = hospes(home, settings, "mail", "disallow", workspace, "hotel.example", "--json")
    again = hospes(home, settings, "mail", "disallow", workspace, "hotel.example")
    wrong = hospes(home, settings, "mail", "allow", workspace, "hotel")

    assert json.loads(allowed.stdout) == {"domains": ["hotel.example"]}, allowed.stderr
    assert listed.stdout == "hotel.example\n"
    assert json.loads(taken_back.stdout) == {"domains": []}
    assert (again.returncode, again.stderr) == (1, "hospes: Mail may not come from hotel.example.\n")
    assert (wrong.returncode, "looks like hotel.example" in wrong.stderr) == (1, True)
    entries = await staff.audit.list_after(api.reader(), None, limit=10)
    assert [one.action for one in entries] == ["mail_domain.disallowed", "mail_domain.allowed"]
