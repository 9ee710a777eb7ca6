"""Several workers at one campaign, and people who pause it and leave it meanwhile."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import Envelope

from hospes.base.db import Tx
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns, guests
from tests.campaigns.planning import broadcast, new_guest, rows, state
from tests.campaigns.test_life import launched
from tests.campaigns.test_rules import set_rules
from tests.conftest import IS_FULL
from tests.living import Api, Home
from tests.messaging.mailing import Post, sending_campaigns

# What one worker hands over at the same moment.
LINES = 8


class Stopping:
    """Stops a campaign as soon as ten of its messages have arrived."""

    def __init__(self, api: Api, post: Post, stop: Callable[[Tx, int], Awaitable[None]], campaign_id: int) -> None:
        self.arrived_before = 0
        self._api, self._post, self._stop, self._campaign_id = api, post, stop, campaign_id
        self._tenth = asyncio.Event()
        post.to_message = self._note

    def _note(self, _: Envelope) -> str:
        if len(self._post.envelopes) == 10:
            self._tenth.set()
        return "250 OK"

    async def run(self) -> None:
        await self._tenth.wait()
        async with self._api.begin() as tx:
            await self._stop(tx, self._campaign_id)
        self.arrived_before = len(self._post.envelopes)


async def test_two_workers_send_each_guest_one_message_though_it_is_paused_in_between(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(250)]
    campaign_id = await broadcast(api, *ids)
    await launched(api, campaign_id)
    pausing = Stopping(api, post, campaigns.pause, campaign_id)

    async with (
        sending_campaigns(home, vault, post.port, name="one") as one,
        sending_campaigns(home, vault, post.port, name="two") as two,
    ):
        await asyncio.gather(one.run(api.workspace_id), two.run(api.workspace_id), pausing.run())
        halfway = len(post.envelopes)
        await one.run(api.workspace_id)
        still = len(post.envelopes)
        async with api.begin() as tx:
            await campaigns.resume(tx, campaign_id)
        await asyncio.gather(one.run(api.workspace_id), two.run(api.workspace_id))

    arrived = Counter(envelope.rcpt_tos[0] for envelope in post.envelopes)
    assert halfway - pausing.arrived_before <= 2 * LINES
    assert halfway == still < len(ids)
    assert arrived == Counter(f"guest{number}@example.com" for number in range(250))
    assert await rows(api, campaign_id) == dict.fromkeys(ids, "sent")
    assert await state(api, campaign_id) == "completed"


async def test_what_is_cancelled_stops_in_the_hand_too(home: Home, api: Api, vault: Vault, post: Post) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(60)]
    campaign_id = await broadcast(api, *ids)
    await launched(api, campaign_id)
    cancelling = Stopping(api, post, campaigns.cancel, campaign_id)

    async with sending_campaigns(home, vault, post.port, name="one") as one:
        await asyncio.gather(one.run(api.workspace_id), cancelling.run())
    await api.deliver()

    assert len(post.envelopes) - cancelling.arrived_before <= LINES
    became = Counter((await rows(api, campaign_id)).values())
    assert became == {"sent": len(post.envelopes), "cancelled": 60 - len(post.envelopes)}
    assert not (await campaigns.get(api.reader(), campaign_id)).is_open


async def test_two_workers_with_two_campaigns_keep_the_cap_exactly(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    await set_rules(api, email_most=1, email_days=7)
    ids = [await new_guest(api, f"Guest{number}") for number in range(60)]
    made = [await broadcast(api, *ids), await broadcast(api, *reversed(ids))]
    for campaign_id in made:
        await launched(api, campaign_id)

    async with (
        sending_campaigns(home, vault, post.port, name="one") as one,
        sending_campaigns(home, vault, post.port, name="two") as two,
    ):
        await asyncio.gather(one.run(api.workspace_id), two.run(api.workspace_id))

    arrived = Counter(envelope.rcpt_tos[0] for envelope in post.envelopes)
    assert arrived == Counter(f"guest{number}@example.com" for number in range(60))
    told = Counter(itertools.chain.from_iterable([(await rows(api, one_id)).values() for one_id in made]))
    assert told == {"sent": 60, "frequency_cap": 60}


async def test_what_a_dead_worker_had_in_hand_fails_and_is_not_sent_again(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    ids = [await new_guest(api, f"Guest{number}") for number in range(30)]
    campaign_id = await broadcast(api, *ids)
    await launched(api, campaign_id)
    async with sending_campaigns(home, vault, post.port, name="dead") as dead:
        author = dead._author
        assert author is not None
        lot = await author.take(api.workspace_id, ["email"], by="dead", house_now=home.clock.now(), most=25)
    async with sending_campaigns(home, vault, post.port, name="dead") as heir:
        await heir.take_over()
        await heir.run(api.workspace_id)

    assert lot is not None
    assert Counter((await rows(api, campaign_id)).values()) == {"failed": 25, "sent": 5}
    assert len(post.envelopes) == 5
    assert await state(api, campaign_id) == "completed"


# Who may say what: to every channel at once, or to one.
ANSWERS = [
    {"marketing": True},
    {"marketing": False},
    {"email": True},
    {"email": False},
    {"sms": True},
    {"sms": False},
]
OUTCOMES = {None: "no_consent", True: "delivered", False: "unsubscribed"}
LONGEST = 4 if IS_FULL else 2


def newest_answers(history: tuple[dict[str, bool], ...]) -> dict[str, bool | None]:
    """What each channel's newest answer is. Who repeats what `marketing` shows already has not answered anew."""
    newest: dict[str, bool | None] = {"email": None, "sms": None, "others": None}
    for answer in history:
        if "marketing" not in answer:
            newest |= answer
        elif answer["marketing"] is not any(newest.values()):
            newest = dict.fromkeys(newest, answer["marketing"])
    return newest


async def test_a_message_is_sent_only_where_the_newest_answer_for_its_channel_allows_it(home: Home, api: Api) -> None:
    """Case P12: every history of answers, to email and text message alike."""
    histories = [history for length in range(LONGEST + 1) for history in itertools.product(ANSWERS, repeat=length)]
    expected: dict[str, dict[int, str]] = {"email": {}, "sms": {}}
    for number, history in enumerate(histories):
        guest_id = await new_guest(api, f"G{number}", phone=f"+336{12_000_000 + number}", marketing_consent=None)
        for answer in history:
            changes = (
                guests.Changes(marketing_consent=answer["marketing"])
                if "marketing" in answer
                else guests.Changes(consents=answer)
            )
            async with api.begin() as tx:
                await guests.update(tx, guest_id, changes, evidence="test")
        newest = newest_answers(history)
        for channel, outcomes in expected.items():
            outcomes[guest_id] = OUTCOMES[newest[channel]]

    email = await broadcast(api, audience=campaigns.EVERYONE)
    sms = await broadcast(api, audience=campaigns.EVERYONE, channel="sms", content=campaigns.Content(text="Hi"))
    await api.deliver()

    assert await rows(api, email) == expected["email"]
    assert await rows(api, sms) == expected["sms"]
