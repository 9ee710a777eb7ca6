"""Cases W29 and W32: asked for again and again, done once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tests.living import Api, Home, Received, Receiver

REPEATS = 1_000
MISSED = 60


def ids_of(received: list[Received]) -> list[str]:
    return [one.headers["webhook-id"] for one in received]


async def test_a_replay_since_a_time_under_one_key_is_done_once_at_the_receivers_pace(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W32"""
    webhook = await api.new_webhook(receiver, "guest.created")
    await api.new_guest(name="Before")
    await api.deliver()
    home.clock.advance(seconds=1)
    since = home.clock.now()
    missed = [(await api.new_guest(name=f"Guest {number}"))["id"] for number in range(MISSED)]
    await api.deliver()
    first_ids = ids_of(receiver.received)[1:]
    receiver.received.clear()

    async def ask(**body: Any) -> tuple[int, Any]:
        headers = {"Idempotency-Key": "once"}
        path = f"/webhooks/{webhook['id']}/replay"
        answer = await api.post(path, {"since": since.isoformat()} | body, headers=headers)
        return answer.status, answer.json()

    full = asyncio.Event()

    async def once_twenty_wait(_: Received) -> tuple[int, dict[str, str], bytes]:
        if receiver.most_at_once >= 20:
            full.set()
        await full.wait()
        return 200, {}, b"ok"

    receiver.most_at_once = 0
    receiver.answer = once_twenty_wait
    answers = await asyncio.gather(*(ask() for _ in range(8)))
    await api.deliver()
    home.clock.advance(hours=1)
    answers.append(await ask())
    await api.deliver()
    refused = await ask(since=(since - timedelta(hours=1)).isoformat())
    await api.deliver()

    assert answers == [(202, {"replayed": MISSED})] * 9
    assert refused[0] == 409
    assert sorted(one.json()["payload"]["guest_id"] for one in receiver.received) == missed
    assert sorted(ids_of(receiver.received)) == sorted(first_ids)
    assert receiver.most_at_once == 20


async def test_switching_on_what_is_on_a_thousand_times_leaves_the_failing_as_it_was(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W29"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()
    began = home.clock.now()

    for _ in range(REPEATS):
        home.clock.advance(seconds=0.5)
        await api.patch(f"/webhooks/{webhook['id']}", {"is_active": True})
    for hours in (30, 72):
        home.clock.advance(seconds=(began + timedelta(hours=hours) - home.clock.now()).total_seconds())
        await api.deliver()

    shown = (await api.get(f"/webhooks/{webhook['id']}")).json()
    assert (shown["is_active"], shown["disabled_reason"]) == (False, "No delivery succeeded for 72 hours.")
    assert datetime.fromisoformat(shown["last_failure_at"]) == began + timedelta(hours=72)
