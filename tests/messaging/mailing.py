"""A real SMTP server, a house that sends over it, and the templates that tests send."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import Envelope, Session

from hospes.base import db
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns
from hospes.capabilities.messaging import Carrier, Mailroom
from hospes.providers.mail import MailWriter
from hospes.providers.smtp import Smtp
from tests.living import Api, Home

WELCOME = {
    "slug": "welcome_email",
    "subject": "Welcome, {{ guest_name }}",
    "html": "<p>Good to have you, {{ guest_name }}.</p>",
    "text": "Good to have you, {{ guest_name }}.",
    "variables": ["guest_name"],
}
NEWS = WELCOME | {"slug": "news", "purpose": "marketing", "text": "News. Stop: {{ unsubscribe_url }}", "variables": []}


class Post:
    """A mail server. `answers` may replace what it says after a message, or to a recipient."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.connections = 0
        self.to_recipient: Callable[[str], str] = lambda _: "250 OK"
        self.to_message: Callable[[Envelope], str] = lambda _: "250 OK"
        self.cuts = False
        self.port = 0

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(bytes(e.content or b""), policy=policy.default) for e in self.envelopes]

    @property
    def raw(self) -> list[bytes]:
        return [bytes(e.content or b"") for e in self.envelopes]

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.to_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SmtpServer, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.to_message(envelope)
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        if self.cuts and server.transport is not None:
            server.transport.abort()
        return answer


@asynccontextmanager
async def open_post(port: int = 0, post: Post | None = None) -> AsyncIterator[Post]:
    post = post or Post()

    def factory() -> SmtpServer:
        post.connections += 1
        return SmtpServer(post, enable_SMTPUTF8=True, loop=asyncio.get_running_loop())

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port)
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with open_post() as post:
        yield post


@asynccontextmanager
async def mailroom(
    home: Home, vault: Vault, port: int, *, writer: MailWriter | None = None, name: str = "mailroom"
) -> AsyncIterator[Mailroom]:
    """A mailroom that sends to this port, with a pool of connections of its own."""
    smtp = Smtp(f"smtp://127.0.0.1:{port}", writer or MailWriter("hello@cafe.example"), home.clock)
    try:
        async with sending_with(home, vault, {"email": smtp}, name=name) as made:
            yield made
    finally:
        await smtp.close()


@asynccontextmanager
async def sending_with(
    home: Home, vault: Vault, carriers: dict[str, Carrier], *, name: str = "mailroom"
) -> AsyncIterator[Mailroom]:
    database = await db.connect(home.dsn, clock=home.clock, size=4, statement_timeout_ms=15_000, is_patient=False)
    try:
        yield Mailroom(
            database,
            vault,
            home.clock,
            carriers,
            instant=home.server.instant,
            name=name,
            public_url=home.server.settings.public_url,
        )
    finally:
        await database.close()


@asynccontextmanager
async def sending_campaigns(home: Home, vault: Vault, port: int, *, name: str = "mailroom") -> AsyncIterator[Mailroom]:
    """As `mailroom`, for campaigns too."""
    smtp = Smtp(f"smtp://127.0.0.1:{port}", MailWriter("hello@cafe.example"), home.clock)
    database = await db.connect(home.dsn, clock=home.clock, size=6, statement_timeout_ms=15_000, is_patient=False)
    url = home.server.settings.public_url
    try:
        yield Mailroom(
            database,
            vault,
            home.clock,
            {"email": smtp},
            instant=home.server.instant,
            name=name,
            public_url=url,
            author=campaigns.Author(database, vault, instant=home.server.instant, public_url=url),
        )
    finally:
        await smtp.close()
        await database.close()


async def new_template(api: Api, **fields: Any) -> dict[str, Any]:
    answer = await api.workspace("POST", "/templates", WELCOME | fields)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


async def send(api: Api, guest: dict[str, Any], slug: str = "welcome_email", **variables: Any) -> int:
    body = {"guest_id": guest["id"], "template_slug": slug, "variables": {"guest_name": "Alex"} | variables}
    answer = await api.post("/communication/email/send", body)
    assert answer.status == 202, answer
    assert answer.json()["status"] == "queued"
    return int(answer.json()["request_id"])


async def standing(api: Api, request_id: int) -> dict[str, Any]:
    answer = await api.get(f"/communication/deliveries/{request_id}")
    assert answer.status == 200, answer
    shown: dict[str, Any] = answer.json()
    return shown
