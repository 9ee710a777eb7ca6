"""Emails over a real SMTP server: what arrives, what comes of refusals, and that nothing is sent twice."""

import asyncio
import base64
from datetime import timedelta

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hospes.base.secrets import Vault
from hospes.capabilities import guests
from hospes.capabilities.messaging import Letter, Receipt
from hospes.providers.mail import Dkim, MailWriter
from tests.living import Api, Home
from tests.messaging.mailing import NEWS, Post, mailroom, new_template, open_post, send, sending_with, standing


async def test_a_template_arrives_filled_in_and_its_delivery_says_so(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")

    request_id = await send(api, guest)
    before = await standing(api, request_id)
    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    [mail] = post.mails
    assert (before["status"], before["sent_at"]) == ("queued", None)
    assert mail["To"] == "alex@example.com"
    assert mail["From"] == "Test <hello@cafe.example>"
    assert mail["Subject"] == "Welcome, Alex"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text and text.get_content().strip() == "Good to have you, Alex."
    assert html and html.get_content().strip() == "<p>Good to have you, Alex.</p>"
    assert mail["List-Unsubscribe"] is None
    after = await standing(api, request_id)
    assert (after["status"], after["error"], after["guest_id"]) == ("sent", None, guest["id"])
    assert after["sent_at"] == home.clock.now().isoformat()
    timeline = (await api.get(f"/crm/guests/{guest['id']}/timeline")).json()
    assert "message.queued" in [entry["type"] for entry in timeline["items"]]


async def test_connections_are_used_again(home: Home, api: Api, vault: Vault, post: Post) -> None:
    await new_template(api)
    for number in range(60):
        await send(api, await api.new_guest(email=f"guest{number}@example.com"))

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    assert len(post.envelopes) == 60
    assert post.connections <= 8
    assert len({mail["Message-ID"] for mail in post.mails}) == 60


async def test_marketing_carries_one_click_unsubscribing_and_a_signature_that_covers_it(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    """RFC 8058 section 4: the two headers are covered by the DKIM signature."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    await new_template(api, **NEWS)
    guest = await api.new_guest(email="alex@example.com", marketing_consent=True)
    await send(api, guest, "news")

    writer = MailWriter("hello@cafe.example", dkim_key=Dkim("s1", "cafe.example", pem))
    async with mailroom(home, vault, post.port, writer=writer) as room:
        await room.run(api.workspace_id)

    [mail] = post.mails
    url = mail["List-Unsubscribe"].strip("<>")
    assert url.startswith("http://127.0.0.1:8000/u/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"Stop: {url}" in mail.get_body(("plain",)).get_content().replace("=\n", "")
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    assert dkim.verify(post.raw[0], dnsfunc=lambda name, timeout=5: record)
    assert "list-unsubscribe-post" in str(mail["DKIM-Signature"]).lower()


async def test_an_address_that_does_not_exist_bounces_and_is_sent_nothing_more(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    await new_template(api)
    guest = await api.new_guest(email="gone@example.com")
    request_id = await send(api, guest)
    post.to_recipient = lambda _: "550 5.1.1 No such user"

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    shown = await standing(api, request_id)
    assert (shown["status"], shown["error"]) == ("bounced", "550 5.1.1 No such user")
    again = {"guest_id": guest["id"], "template_slug": "welcome_email", "variables": {"guest_name": "A"}}
    answer = await api.post("/communication/email/send", again)
    assert answer.status == 409
    listed = await api.workspace("GET", "/suppressions")
    assert [one["address"] for one in listed.json()["items"]] == ["gone@example.com"]
    lifted = await api.workspace("POST", "/suppressions/lift", {"channel": "email", "address": "Gone@example.com"})
    assert lifted.status == 200
    assert (await api.post("/communication/email/send", again)).status == 202


async def test_who_wants_offers_by_text_message_alone_gets_none_by_email(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    await new_template(api, **NEWS)
    guest = await api.new_guest(email="alex@example.com", marketing_consent=True)
    request_id = await send(api, guest, "news")
    async with api.begin() as tx:
        await guests.update(tx, guest["id"], guests.Changes(consents={"email": False}), evidence="test")

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)
    again = await api.post("/communication/email/send", {"guest_id": guest["id"], "template_slug": "news"})

    assert (post.envelopes, (await standing(api, request_id))["status"]) == ([], "failed")
    assert again.status == 409


@pytest.mark.parametrize("says", ["451 4.7.1 Greylisted", "421 4.3.2 Going down", "452 4.2.2 Mailbox full"])
async def test_what_is_refused_for_now_is_tried_again_later_and_sent_once(
    home: Home, api: Api, vault: Vault, post: Post, says: str
) -> None:
    await new_template(api)
    request_id = await send(api, await api.new_guest(email="busy@example.com"))
    post.to_recipient = lambda _: says

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)
        first = await standing(api, request_id)
        post.to_recipient = lambda _: "250 OK"
        await room.run(api.workspace_id)
        at_once = len(post.envelopes)
        home.clock.advance(minutes=2)
        await room.run(api.workspace_id)
        await room.run(api.workspace_id)

    assert (first["status"], first["error"]) == ("queued", says)
    assert at_once == 0
    assert len(post.envelopes) == 1
    assert (await standing(api, request_id))["status"] == "sent"


async def test_what_is_refused_for_two_days_fails_with_the_reason(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    await new_template(api)
    request_id = await send(api, await api.new_guest(email="busy@example.com"))
    post.to_recipient = lambda _: "451 Greylisted"

    async with mailroom(home, vault, post.port) as room:
        for _ in range(20):
            await room.run(api.workspace_id)
            home.clock.advance(hours=5)

    shown = await standing(api, request_id)
    assert (shown["status"], shown["error"]) == ("failed", "451 Greylisted")


async def test_a_message_refused_for_good_fails_and_its_address_stays_good(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")
    request_id = await send(api, guest)
    post.to_message = lambda _: "554 5.7.1 Looks like spam"

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    shown = await standing(api, request_id)
    assert (shown["status"], shown["error"]) == ("failed", "554 5.7.1 Looks like spam")
    assert await send(api, guest) > request_id


async def test_a_line_cut_after_the_message_was_handed_over_sends_nothing_twice(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    """D48"""
    await new_template(api)
    request_id = await send(api, await api.new_guest(email="alex@example.com"))
    post.cuts = True

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)
        home.clock.advance(hours=1)
        await room.run(api.workspace_id)

    shown = await standing(api, request_id)
    assert len(post.envelopes) == 1
    assert shown["status"] == "failed"
    assert "not sent again" in shown["error"]


async def test_a_worker_that_dies_while_sending_sends_nothing_twice_and_is_not_silent(
    home: Home, api: Api, vault: Vault
) -> None:
    await new_template(api)
    request_id = await send(api, await api.new_guest(email="alex@example.com"))

    class Dying:
        async def send(self, _letter: Letter) -> Receipt:
            raise asyncio.CancelledError

        async def check(self) -> Receipt:
            return Receipt("sent")

    with pytest.raises(asyncio.CancelledError):
        async with sending_with(home, vault, {"email": Dying()}, name="one") as room:
            await room.run(api.workspace_id)
    async with open_post() as post, mailroom(home, vault, post.port, name="two") as other:
        await other.run(api.workspace_id)
        in_hand = await standing(api, request_id)
        home.clock.advance(minutes=6)
        assert api.workspace_id in await other.waiting()
        await other.run(api.workspace_id)

    assert in_hand["status"] == "queued"
    assert post.envelopes == []
    shown = await standing(api, request_id)
    assert shown["status"] == "failed"
    assert "may have arrived" in shown["error"]


async def test_a_worker_that_ends_finishes_what_it_has_in_hand_and_leaves_the_rest_queued(
    home: Home, api: Api, vault: Vault
) -> None:
    await new_template(api)
    guests = [await api.new_guest(email=f"guest{number}@example.com") for number in range(80)]
    requests = [await send(api, guest) for guest in guests]
    sent: list[str] = []

    class Ending:
        async def send(self, letter: Letter) -> Receipt:
            room.stop()
            sent.append(letter.mark)
            return Receipt("sent")

        async def check(self) -> Receipt:
            return Receipt("sent")

    async with sending_with(home, vault, {"email": Ending()}) as room:
        await room.run(api.workspace_id)

    statuses = [(await standing(api, request_id))["status"] for request_id in requests]
    assert statuses.count("sent") == len(sent) <= 50
    assert statuses.count("queued") == 80 - len(sent)


async def test_while_the_mail_server_is_down_callers_are_told_at_once_and_what_waited_is_sent_later(
    home: Home, api: Api, vault: Vault
) -> None:
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")
    request_id = await send(api, guest)
    async with open_post() as gone:
        port = gone.port
    body = {"guest_id": guest["id"], "template_slug": "welcome_email", "variables": {"guest_name": "Alex"}}

    async with mailroom(home, vault, port) as room:
        await room.run(api.workspace_id)
        while_down = await api.post("/communication/email/send", body)
        waiting = await standing(api, request_id)
        async with open_post(port) as post:
            await room.check()
            home.clock.advance(minutes=2)
            await room.run(api.workspace_id)
            after = await api.post("/communication/email/send", body)

            assert (while_down.status, while_down.json()) == (502, {"detail": "Email provider error"})
            assert waiting["status"] == "queued"
            assert (await standing(api, request_id))["status"] == "sent"
            assert len(post.envelopes) == 1
            assert after.status == 202


async def test_consent_taken_back_before_sending_holds_the_message_back(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    """P12, P13: the newest answer at the time of sending counts."""
    await new_template(api, **NEWS)
    guest = await api.new_guest(email="alex@example.com", marketing_consent=True)
    request_id = await send(api, guest, "news")
    await api.patch(f"/crm/guests/{guest['id']}", {"marketing_consent": False})

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    assert post.envelopes == []
    assert (await standing(api, request_id))["status"] == "failed"
    refused = await api.post(
        "/communication/email/send", {"guest_id": guest["id"], "template_slug": "news", "variables": {}}
    )
    assert (refused.status, refused.json()["detail"]) == (409, "Guest has not given marketing consent")


async def test_two_workers_send_everything_and_nothing_twice(home: Home, api: Api, vault: Vault, post: Post) -> None:

    await new_template(api)
    guests = [await api.new_guest(email=f"guest{number}@example.com") for number in range(20)]
    for guest in guests * 10:
        await send(api, guest)

    async with mailroom(home, vault, post.port, name="a") as one, mailroom(home, vault, post.port, name="b") as two:
        await asyncio.gather(one.run(api.workspace_id), two.run(api.workspace_id))

    assert len(post.envelopes) == len({mail["Message-ID"] for mail in post.mails}) == 200


@pytest.mark.parametrize(
    "value",
    [
        "Alex\r\nBcc: victim@example.com",
        "Alex\nBcc: victim@example.com\n\nbody",
        "Alex\x0bBcc: v@example.com",
        "Alex\x85Bcc: v@example.com",
        "Alex\u2028Bcc: v@example.com",
        "=?utf-8?q?x=0D=0ABcc:_v@example.com?=",
        "Al\u202eex",
        "A" * 9_000,
        "🎉" * 300,
    ],
)
async def test_no_variable_can_add_a_header(home: Home, api: Api, vault: Vault, post: Post, value: str) -> None:
    """S12"""
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com", name=value[:200].replace("\x00", ""))
    await send(api, guest, guest_name=value)

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    [mail], [envelope] = post.mails, post.envelopes
    assert envelope.rcpt_tos == ["alex@example.com"]
    assert mail["Bcc"] is None
    names = {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"}
    assert {name.lower() for name in mail} - {"x-peer", "x-mailfrom", "x-rcptto"} == names


@pytest.mark.parametrize("address", ["a.b+c@example.com", "o'neil@example.com", "δοκιμή@παράδειγμα.gr", "u@münchen.de"])
async def test_odd_addresses_get_their_mail(home: Home, api: Api, vault: Vault, post: Post, address: str) -> None:
    await new_template(api)
    request_id = await send(api, await api.new_guest(email=address))

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    assert (await standing(api, request_id))["status"] == "sent"
    assert len(post.envelopes[0].rcpt_tos) == 1


async def test_a_retry_waits_longer_each_time(home: Home, api: Api, vault: Vault, post: Post) -> None:
    await new_template(api)
    await send(api, await api.new_guest(email="busy@example.com"))
    post.to_recipient = lambda _: "451 Later"

    waits = []
    async with mailroom(home, vault, post.port) as room:
        for _ in range(4):
            due = await room.run(api.workspace_id)
            assert due is not None
            waits.append(due - home.clock.now())
            home.clock.jump(due)

    assert all(later > earlier for earlier, later in zip(waits, waits[1:], strict=False))
    assert timedelta(seconds=45) <= waits[0] <= timedelta(seconds=75)
