"""Once a withdrawal has committed, nothing is handed over to the guest any more (case P13)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import Envelope, Session

from hospes.base import db
from hospes.base.errors import Busy
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns, guests, record
from hospes.capabilities.guests.reaching import Reach
from hospes.capabilities.messaging import Letter, Mailroom, Receipt, sending
from tests.campaigns.planning import broadcast, new_guest, rows, state, visit
from tests.campaigns.test_life import launched
from tests.channels.texting import Network, hook
from tests.living import Api, Home
from tests.messaging.mailing import Post, open_post, sending_campaigns, sending_with

GUESTS = 60
# What one worker has in hand, and how much of it the mail server or the message centre is taking at once.
IN_HAND = 50
LINES = {"email": 8, "sms": 10}


class Holding:
    """Somebody who takes what is handed over, and keeps it until told to let go."""

    def __init__(self) -> None:
        self.taking: list[str] = []
        self.taken: list[str] = []
        self.open = asyncio.Event()

    async def take(self, address: str) -> None:
        self.taking.append(address)
        await self.open.wait()
        self.taken.append(address)


class HoldingPost(Post):
    def __init__(self) -> None:
        super().__init__()
        self.holding = Holding()

    async def handle_DATA(self, server: SmtpServer, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await self.holding.take(envelope.rcpt_tos[0])
        return await super().handle_DATA(server, session, envelope)


class HoldingNetwork(Network):
    def __init__(self) -> None:
        super().__init__()
        self.holding = Holding()

    async def send(self, letter: Letter) -> Receipt:
        await self.holding.take(letter.to)
        return await super().send(letter)


class Sending:
    """A campaign of which a worker has 50 messages in hand, of which some are being handed over."""

    def __init__(self, home: Home, api: Api, vault: Vault, channel: str, holding: Holding) -> None:
        self.home, self.api, self.vault = home, api, vault
        self.channel, self.holding = channel, holding
        self.campaign_id = 0
        self.guests: dict[str, int] = {}
        self.working: asyncio.Task[Any]
        self.mailroom: Mailroom

    async def begin(self, mailroom: Mailroom) -> None:
        for number in range(GUESTS):
            phone = f"+33{self.api.workspace_id % 100_000 + 600_000}{number:03}"
            guest_id = await new_guest(self.api, f"Guest{number}", phone=phone)
            self.guests[phone if self.channel == "sms" else f"guest{number}@example.com"] = guest_id
        more: dict[str, Any] = (
            {} if self.channel == "email" else {"channel": "sms", "content": campaigns.Content(text="News")}
        )
        self.campaign_id = await broadcast(self.api, *self.guests.values(), **more)
        await launched(self.api, self.campaign_id)
        self.mailroom = mailroom
        self.working = asyncio.create_task(mailroom.run(self.api.workspace_id))
        await until(lambda: len(self.holding.taking) == LINES[self.channel])

    async def end(self) -> None:
        self.holding.open.set()
        await self.working

    @property
    def in_hand(self) -> dict[str, int]:
        """Who is not being sent to yet, though a worker was told to."""
        chosen = dict(list(self.guests.items())[:IN_HAND])
        return {address: guest_id for address, guest_id in chosen.items() if address not in self.holding.taking}

    @property
    def under_way(self) -> int:
        return self.guests[self.holding.taking[0]]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0)


async def by_link(sent: Sending, guest_id: int) -> None:
    url = sending.unsubscribe_url(sent.api.reader(), guest_id, vault=sent.vault, public_url="")
    answer = await visit(sent.home, url, method="POST", form="List-Unsubscribe=One-Click")
    assert answer.status == 200, answer


async def by_preferences(sent: Sending, guest_id: int) -> None:
    url = sending.unsubscribe_url(sent.api.reader(), guest_id, vault=sent.vault, public_url="")
    answer = await visit(sent.home, url + "/preferences", method="POST", form="push=yes")
    assert answer.status == 200, answer


async def by_api(sent: Sending, guest_id: int) -> None:
    answer = await sent.api.patch(f"/crm/guests/{guest_id}", {"marketing_consent": False})
    assert answer.status == 200, answer


async def by_stop(sent: Sending, guest_id: int) -> None:
    number = next(address for address, known in sent.guests.items() if known == guest_id)
    answer = await hook(sent.home, sent.vault, {"from": number, "text": "STOP"})
    assert (answer.status, answer.body) == (200, b"1 noted.\n")


async def by_merging(sent: Sending, guest_id: int) -> None:
    """The guest turns out to be one who refused (case P15)."""
    other = await new_guest(sent.api, "Refuser", email="", marketing_consent=False)
    async with sent.api.begin() as tx:
        await guests.merge(tx, other, guest_id, evidence="test")


async def by_erasing(sent: Sending, guest_id: int) -> None:
    async with sent.api.begin() as tx:
        await record.erase(tx, guest_id, evidence="test")


WAYS = [
    ("email", by_link, "unsubscribed"),
    ("email", by_preferences, "unsubscribed"),
    ("email", by_api, "unsubscribed"),
    ("email", by_merging, "unsubscribed"),
    ("email", by_erasing, None),
    ("sms", by_stop, None),
    ("sms", by_api, "unsubscribed"),
]


@pytest.fixture
async def sent(request: pytest.FixtureRequest, home: Home, api: Api, vault: Vault) -> AsyncIterator[Sending]:
    """A campaign by `channel`, email unless a test says otherwise, half sent."""
    channel = getattr(request, "param", "email")
    if channel == "email":
        async with open_post(post=HoldingPost()) as post, sending_campaigns(home, vault, post.port) as mailroom:
            made = Sending(home, api, vault, channel, post.holding)  # type: ignore[attr-defined]
            await made.begin(mailroom)
            yield made
            await made.end()
    else:
        network = HoldingNetwork()
        async with sending_with(home, vault, {"sms": network}) as mailroom:
            url = home.server.settings.public_url
            mailroom._author = campaigns.Author(
                home.server.database, vault, instant=home.server.instant, public_url=url
            )
            made = Sending(home, api, vault, channel, network.holding)
            await made.begin(mailroom)
            yield made
            await made.end()


@pytest.mark.parametrize(("sent", "withdraw", "cause"), WAYS, indirect=["sent"])
async def test_who_withdraws_while_a_campaign_is_sent_gets_nothing_any_more(
    sent: Sending, withdraw: Callable[[Sending, int], Awaitable[None]], cause: str | None
) -> None:
    """P13"""
    gone = sent.in_hand
    for guest_id in gone.values():
        await withdraw(sent, guest_id)

    await sent.end()

    assert len(gone) == IN_HAND - LINES[sent.channel]
    assert set(sent.holding.taken) == set(sent.guests) - set(gone)
    assert len(sent.holding.taken) == len(set(sent.holding.taken))
    if cause is not None:
        told = await rows(sent.api, sent.campaign_id)
        assert {told[guest_id] for guest_id in gone.values()} == {cause}
        assert await state(sent.api, sent.campaign_id) == "completed"


async def locks(sent: Sending, *, are_had: bool) -> list[int]:
    """The database's processes that have guests' locks, or wait for one."""
    connection = await asyncpg.connect(sent.home.dsn)
    found = await connection.fetch(
        "SELECT DISTINCT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.granted = $1",
        are_had,
    )
    await connection.close()
    return [row[0] for row in found]


async def test_a_withdrawal_lets_the_message_under_way_leave_first(sent: Sending) -> None:
    """P13"""
    withdrawing = asyncio.create_task(by_link(sent, sent.under_way))
    async with asyncio.timeout(20):
        while not await locks(sent, are_had=False):
            assert not withdrawing.done()

    was_withdrawn = (await guests.get(sent.api.reader(), sent.under_way)).email_consent is not True
    await sent.end()
    await withdrawing

    assert not was_withdrawn
    assert (await guests.get(sent.api.reader(), sent.under_way)).email_consent is False


async def test_a_mail_server_that_hangs_keeps_nobody_from_leaving(sent: Sending) -> None:
    """P13"""
    await by_link(sent, sent.under_way)

    assert (await guests.get(sent.api.reader(), sent.under_way)).email_consent is False
    assert sent.holding.taken == []


async def test_who_is_changing_is_asked_again_later_and_takes_no_other_along(sent: Sending) -> None:
    changing = next(iter(sent.in_hand.values()))
    async with sent.api.begin() as tx:
        await guests.update(tx, changing, guests.Changes(consents={"email": False}), evidence="test")
        sent.holding.open.set()
        await sent.working
    before = await rows(sent.api, sent.campaign_id)

    sent.home.clock.advance(minutes=2)
    await sent.mailroom.run(sent.api.workspace_id)

    assert before == dict.fromkeys(sent.guests.values(), "sent") | {changing: "queued"}
    assert (await rows(sent.api, sent.campaign_id))[changing] == "unsubscribed"


async def test_a_lost_connection_costs_no_message(sent: Sending) -> None:
    connection = await asyncpg.connect(sent.home.dsn)
    [holder] = await locks(sent, are_had=True)
    await connection.execute("SELECT pg_terminate_backend($1)", holder)
    await connection.close()

    sent.holding.open.set()
    await sent.working
    sent.home.clock.advance(minutes=2)
    await sent.mailroom.run(sent.api.workspace_id)

    assert sorted(sent.holding.taken) == sorted(sent.guests)
    assert await rows(sent.api, sent.campaign_id) == dict.fromkeys(sent.guests.values(), "sent")


async def test_where_no_connection_is_to_be_had_nobody_waits(home: Home) -> None:
    database = await db.connect(home.dsn, clock=home.clock, size=1, statement_timeout_ms=1_000)
    await database.close()
    reach = Reach(database)

    with pytest.raises(Busy):
        async with asyncio.timeout(5), reach.held(1, 1, "email"):
            pass
