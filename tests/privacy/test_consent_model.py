"""Consent: every history of answers to the length of six, against a plain model of them (case P12).

What an answer does depends on the answers that hold before it, and nothing else. So each answer is given once in
each state that can be reached, through the verbs that doors call; the histories are then walked over what was seen.
"""

from collections.abc import Awaitable, Callable
from itertools import product

import pytest

from hospes.base.db import Tx
from hospes.base.secrets import Vault
from hospes.capabilities import campaigns, guests, messaging
from hospes.capabilities.messaging.registrations import Target
from tests.living import Api

PHONE = "+33612345678"
SENDING = ("email", "sms", "push")
SAYS = {
    "email": campaigns.Content(subject="News", html="<p>News</p>"),
    "sms": campaigns.Content(text="News"),
    "push": campaigns.Content(title="News", text="News"),
}

# The answers that hold for email, sms, push and WhatsApp; whether the number said STOP; what would be sent now.
State = tuple[tuple[bool | None, ...], bool, frozenset[str]]
Step = tuple[str, str, bool]
STEPS: list[Step] = [
    *(("record", "marketing", answer) for answer in (True, False)),
    *(("preferences", channel, answer) for channel, answer in product(SENDING, (True, False))),
    *(("reply", "sms", answer) for answer in (True, False)),
]


class Model:
    """The newest answer for each channel, in as few words as it takes."""

    def __init__(self) -> None:
        self.newest: dict[str, bool | None] = dict.fromkeys(guests.channels.CHANNELS)
        self.is_stopped = False

    def hear(self, step: Step) -> None:
        source, channel, answer = step
        if source == "record":
            # A record that says what is known already answers nothing: whoever sent it may have asked nobody.
            if answer is not (True in self.newest.values()):
                self.newest = dict.fromkeys(self.newest, answer)
        elif source == "preferences":
            self.newest[channel] = answer
        # START means something to who said STOP, and STOP to who did not.
        elif answer is self.is_stopped:
            self.newest["sms"], self.is_stopped = answer, not answer

    @property
    def sent(self) -> frozenset[str]:
        allowed = {channel for channel in SENDING if self.newest[channel]}
        return frozenset(allowed - {"sms"} if self.is_stopped else allowed)


class _TakeBack(Exception):  # noqa: N818 (it is no error)
    pass


async def undone(tx: Tx, work: Callable[[], Awaitable[None]]) -> None:
    """Do it, and let it not have been."""

    async def do() -> None:
        async with tx.undoable():
            await work()
            raise _TakeBack

    with pytest.raises(_TakeBack):
        await do()


async def answer(tx: Tx, guest_id: int, step: Step) -> None:
    source, channel, is_yes = step
    if source == "reply":
        await messaging.replies.follow(tx, guest_id, PHONE, "start" if is_yes else "stop", text="STOP")
    elif source == "record":
        await guests.update(tx, guest_id, guests.Changes(marketing_consent=is_yes), evidence="record")
    else:
        await guests.update(tx, guest_id, guests.Changes(consents={channel: is_yes}), evidence="preferences")


async def state_of(tx: Tx, guest_id: int) -> State:
    sent: set[str] = set()

    async def send(channel: str) -> None:
        if (await campaigns.send_one(tx, guest_id, channel, SAYS[channel])).recipients:
            sent.add(channel)

    for channel in SENDING:
        await undone(tx, lambda channel=channel: send(channel))
    held = await messaging.suppressions.holds(tx, "sms", PHONE)
    return (await guests.get(tx, guest_id)).answers.columns, held, frozenset(sent)


async def observed(tx: Tx, guest_id: int) -> tuple[State, dict[tuple[State, Step], State]]:
    """What each answer does in each state that answers lead to."""
    seen: dict[tuple[State, Step], State] = {}

    async def explore(state: State) -> None:
        for step in STEPS:
            if (state, step) not in seen:
                await undone(tx, lambda step=step: follow(state, step))

    async def follow(state: State, step: Step) -> None:
        await answer(tx, guest_id, step)
        after = await state_of(tx, guest_id)
        is_new = after != start and after not in {known for known, _ in seen}
        seen[state, step] = after
        if is_new:
            await explore(after)

    start = await state_of(tx, guest_id)
    await explore(start)
    return start, seen


async def test_a_message_is_sent_if_and_only_if_the_newest_answer_at_sending_allows_it(api: Api, vault: Vault) -> None:
    """P12: over a million histories; each source, each channel, each order."""
    guest = await api.new_guest(email="anna@example.com", phone=PHONE)

    async with api.begin() as tx:
        target = Target(platform="android", address="a" * 140)
        await messaging.registrations.register(tx, vault, guest["id"], target)
        start, seen = await observed(tx, guest["id"])

    wrong: list[list[Step]] = []
    known: set[State] = set()

    def walk(state: State, history: list[Step], model_state: tuple[tuple[bool | None, ...], bool], depth: int) -> None:
        known.add(state)
        if state != (*model_state, _sent(*model_state)):
            wrong.append(history)
            return
        if depth:
            for step in STEPS:
                walk(seen[state, step], [*history, step], _heard(*model_state, step), depth - 1)

    walk(start, [], ((None,) * 4, False), 6)
    assert wrong == []
    assert len(known) > 50


_HEARD: dict[tuple[tuple[bool | None, ...], bool, Step], tuple[tuple[bool | None, ...], bool]] = {}


def _heard(newest: tuple[bool | None, ...], is_stopped: bool, step: Step) -> tuple[tuple[bool | None, ...], bool]:
    if (newest, is_stopped, step) not in _HEARD:
        model = _model(newest, is_stopped)
        model.hear(step)
        _HEARD[newest, is_stopped, step] = (tuple(model.newest.values()), model.is_stopped)
    return _HEARD[newest, is_stopped, step]


def _sent(newest: tuple[bool | None, ...], is_stopped: bool) -> frozenset[str]:
    return _model(newest, is_stopped).sent


def _model(newest: tuple[bool | None, ...], is_stopped: bool) -> Model:
    model = Model()
    model.newest = dict(zip(model.newest, newest, strict=True))
    model.is_stopped = is_stopped
    return model
