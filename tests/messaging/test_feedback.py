"""What comes back: bounces as mail, events of providers, a guest's one click."""

import json
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest

from hospes.base.secrets import Vault
from hospes.doors import mail_hook
from hospes.providers.mail import MailWriter
from tests.living import Answer, Api, Home, ask
from tests.messaging.mailing import NEWS, Post, mailroom, new_template, send, standing

DSN = """From: MAILER-DAEMON@mx.example.com
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; alex@example.com
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 unknown user

--b
Content-Type: text/rfc822-headers

{returned}

--b--
"""


async def hook(home: Home, vault: Vault, body: bytes, kind: str = "message/rfc822", token: str | None = None) -> Answer:
    path = f"/hooks/mail/{token or mail_hook.secret(vault)}"
    headers = [(b"host", b"testserver"), (b"content-type", kind.encode())]
    return await ask(home.application, "POST", path, headers=headers, body=body)


async def sent(home: Home, api: Api, vault: Vault, post: Post, **template: Any) -> tuple[int, EmailMessage, str]:
    """A message that left: its id, the mail, and the address it comes back to."""
    await new_template(api, **template)
    guest = await api.new_guest(email="alex@example.com", marketing_consent=True)
    request_id = await send(api, guest, template.get("slug", "welcome_email"))
    writer = MailWriter("hello@cafe.example", bounces="bounces@cafe.example")
    async with mailroom(home, vault, post.port, writer=writer) as room:
        await room.run(api.workspace_id)
    return request_id, post.mails[0], str(post.envelopes[0].mail_from)


@pytest.mark.parametrize("found_by", ["address", "message id"])
async def test_a_bounce_is_recognised_by_its_address_or_by_what_it_returns(
    home: Home, api: Api, vault: Vault, post: Post, found_by: str
) -> None:
    request_id, mail, address = await sent(home, api, vault, post)
    to = address if found_by == "address" else "postmaster@cafe.example"
    returned = f"Message-ID: {mail['Message-ID']}" if found_by == "message id" else "Subject: x"

    first = await hook(home, vault, DSN.format(to=to, action="failed", returned=returned).encode())
    again = await hook(home, vault, DSN.format(to=to, action="failed", returned=returned).encode())

    assert (first.body, again.body) == (b"1 noted.\n", b"0 noted.\n")
    shown = await standing(api, request_id)
    assert (shown["status"], shown["error"]) == ("bounced", "smtp; 550 5.1.1 unknown user")
    events = (await api.get("/crm/events", type="message.bounced")).json()["items"]
    assert [event["data"]["request_id"] for event in events] == [request_id]


async def test_a_delay_changes_nothing_and_a_success_is_a_delivery(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    request_id, _, address = await sent(home, api, vault, post)

    await hook(home, vault, DSN.format(to=address, action="delayed", returned="").encode())
    delayed = await standing(api, request_id)
    await hook(home, vault, DSN.format(to=address, action="delivered", returned="").encode())
    delivered = await standing(api, request_id)

    assert delayed["status"] == "sent"
    assert (delivered["status"], delivered["delivered_at"]) == ("delivered", home.clock.now().isoformat())


@pytest.mark.parametrize(
    "form",
    [
        lambda name: {"message_id": f"<{name}@cafe.example>", "event": "complained"},
        lambda name: [{"smtp-id": f"<{name}@cafe.example>", "event": "spamreport"}],
        lambda name: {
            "event-data": {"event": "complained", "message": {"headers": {"message-id": f"{name}@cafe.example"}}}
        },
    ],
)
async def test_a_complaint_ends_marketing_to_its_guest(
    home: Home, api: Api, vault: Vault, post: Post, form: Any
) -> None:
    request_id, mail, _ = await sent(home, api, vault, post)
    name = mail["Message-ID"].strip("<>").partition("@")[0]

    answer = await hook(home, vault, json.dumps(form(name)).encode(), "application/json")

    assert answer.body == b"1 noted.\n"
    shown = await standing(api, request_id)
    guest = (await api.get(f"/crm/guests/{shown['guest_id']}")).json()
    assert guest["marketing_consent"] is False
    assert [one["address"] for one in (await api.workspace("GET", "/suppressions")).json()["items"]] == [
        "alex@example.com"
    ]


@pytest.mark.parametrize("mark", ["1.1.00000000000000000000", "x", "", "1.1", "9" * 70, "1.1.é"])
async def test_a_forged_bounce_finds_nothing(home: Home, api: Api, vault: Vault, post: Post, mark: str) -> None:
    request_id, _, _ = await sent(home, api, vault, post)

    body = DSN.format(to=f"bounces+{mark}@cafe.example", action="failed", returned=f"Message-ID: <{mark}@x>").encode()
    as_mail = await hook(home, vault, body)
    as_event = await hook(
        home, vault, json.dumps({"message_id": mark, "event": "bounced"}).encode(), "application/json"
    )

    assert (as_mail.body, as_event.body) == (b"0 noted.\n", b"0 noted.\n")
    assert (await standing(api, request_id))["status"] == "sent"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "message/rfc822", 200),
        (b"\xff\x00\xfe" * 1000, "message/rfc822", 200),
        (b"Content-Type: multipart/report; boundary=b\n\n--b\n" * 500, "message/rfc822", 200),
        (b"{", "application/json", 400),
        (b"[1, 2]", "application/json", 400),
        (b'{"event-data": 5}', "application/json", 200),
        (b"[" * 100_000, "application/json", 400),
        (b"x" * (2 * 1024 * 1024 + 1), "message/rfc822", 413),
    ],
)
async def test_whatever_comes_to_the_hook_is_answered(
    home: Home, vault: Vault, body: bytes, kind: str, status: int
) -> None:
    assert (await hook(home, vault, body, kind)).status == status


async def test_the_hook_needs_its_secret(home: Home, vault: Vault) -> None:
    assert (await hook(home, vault, b"", token="0" * 20)).status == 404  # noqa: S106 (not one)


async def click(home: Home, url: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> Answer:
    headers = [(b"host", b"testserver"), (b"content-type", kind.encode())]
    return await ask(home.application, "POST" if body else "GET", urlsplit(url).path, headers=headers, body=body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
)
async def test_one_click_takes_the_consent_back_and_the_page_gives_it_again(
    home: Home, api: Api, vault: Vault, post: Post, body: bytes, kind: str
) -> None:
    """RFC 8058; no sign-in, no cookie, no further question."""
    request_id, mail, _ = await sent(home, api, vault, post, **NEWS)
    url = mail["List-Unsubscribe"].strip("<>")
    guest_id = (await standing(api, request_id))["guest_id"]

    asked = await click(home, url, b"")
    looked_at = (await api.get(f"/crm/guests/{guest_id}")).json()["marketing_consent"]
    done = await click(home, url, body, kind)
    after = (await api.get(f"/crm/guests/{guest_id}")).json()["marketing_consent"]
    back = await click(home, url, b"step=subscribe")
    again = (await api.get(f"/crm/guests/{guest_id}")).json()["marketing_consent"]

    assert (asked.status, done.status, back.status) == (200, 200, 200)
    assert "alex@example.com" in asked.body.decode()
    assert (looked_at, after, again) == (True, False, True)


async def test_an_unsubscribe_link_that_was_changed_opens_nothing(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    _, mail, _ = await sent(home, api, vault, post, **NEWS)
    url = mail["List-Unsubscribe"].strip("<>")

    answer = await click(home, url[:-2] + ("aa" if url[-2:] != "aa" else "bb"), b"")

    assert answer.status == 404
