"""Sending again: one delivery, or all since a time; and endpoints that do not hold each other up."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hospes.capabilities import workspaces
from tests.living import Api, Home, Received, Receiver


async def delivery_of(api: Api, webhook: dict[str, Any], delivery_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get(f"/webhooks/{webhook['id']}/deliveries/{delivery_id}")).json()
    return answer


async def replay(api: Api, webhook: dict[str, Any], delivery_id: str) -> None:
    answer = await api.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery_id}/replay")
    assert (answer.status, answer.json()) == (202, {"delivery_id": delivery_id})


async def test_a_replay_is_one_more_attempt_marked_as_manual(api: Api, receiver: Receiver) -> None:
    """W31"""
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    [first] = receiver.received

    await replay(api, webhook, first.headers["webhook-id"])
    await api.deliver()

    _, again = receiver.received
    shown = await delivery_of(api, webhook, first.headers["webhook-id"])
    assert "x-hospes-manual" not in first.headers and again.headers["x-hospes-manual"] == "replay"
    assert again.body == first.body and again.headers["x-hospes-sequence"] == first.headers["x-hospes-sequence"]
    assert [(one["number"], one["is_manual"]) for one in shown["attempt_log"]] == [(1, False), (2, True)]
    assert (shown["status"], shown["attempts"], shown["next_attempt_at"]) == ("succeeded", 2, None)
    assert (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["total"] == 1


async def test_a_replay_that_fails_leaves_the_plan_as_it_was(home: Home, api: Api, receiver: Receiver) -> None:
    """W31"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()
    delivery_id = receiver.received[0].headers["webhook-id"]
    planned = (await delivery_of(api, webhook, delivery_id))["next_attempt_at"]

    home.clock.advance(seconds=10)
    for _ in range(3):
        await replay(api, webhook, delivery_id)
        await api.deliver()

    shown = await delivery_of(api, webhook, delivery_id)
    assert (shown["status"], shown["next_attempt_at"], shown["attempts"]) == ("pending", planned, 4)
    home.clock.advance(minutes=2)
    await api.deliver()
    log = (await delivery_of(api, webhook, delivery_id))["attempt_log"]
    assert [one["is_manual"] for one in log] == [False, True, True, True, False]


async def test_a_replay_that_succeeds_ends_the_plan(home: Home, api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()
    delivery_id = receiver.received[0].headers["webhook-id"]

    receiver.answers(200)
    await replay(api, webhook, delivery_id)
    await api.deliver()
    home.clock.advance(hours=80)
    await api.deliver()

    assert len(receiver.received) == 2
    assert (await delivery_of(api, webhook, delivery_id))["status"] == "succeeded"


async def test_a_replay_that_fails_takes_back_no_success(api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    delivery_id = receiver.received[0].headers["webhook-id"]

    receiver.answers(500)
    await replay(api, webhook, delivery_id)
    await api.deliver()

    shown = await delivery_of(api, webhook, delivery_id)
    assert (shown["status"], shown["response_status"], shown["next_attempt_at"]) == ("succeeded", 500, None)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_replay_asked_for_while_the_delivery_is_on_its_way_is_sent_after_it(
    home: Home, api: Api, receiver: Receiver, status: int
) -> None:
    webhook = await api.new_webhook(receiver)

    async def answer(received: Received) -> tuple[int, dict[str, str], bytes]:
        if len(receiver.received) == 1:
            await replay(api, webhook, received.headers["webhook-id"])
        return status, {}, b""

    receiver.answer = answer
    await api.new_guest()
    await api.deliver()
    await api.deliver()

    assert [received.headers.get("x-hospes-manual") for received in receiver.received] == [None, "replay"]
    assert receiver.most_at_once == 1
    shown = await delivery_of(api, webhook, receiver.received[0].headers["webhook-id"])
    assert shown["status"] == ("succeeded" if status == 200 else "pending")
    assert (shown["next_attempt_at"] is None) == (status == 200)


async def test_a_replay_since_a_time_sends_exactly_what_came_since_each_once(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W32"""
    webhook = await api.new_webhook(receiver, "guest.created")
    before = await api.new_guest(name="Before")
    home.clock.advance(minutes=1)
    since = home.clock.now()
    heard = await api.new_guest(name="Heard")
    await api.patch(f"/crm/guests/{heard['id']}", {"name": "Not asked for"})
    await api.deliver()
    ids = {received.json()["payload"]["guest_id"]: received.headers["webhook-id"] for received in receiver.received}
    home.clock.advance(minutes=1)
    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": False})
    missed = await api.new_guest(name="Missed")
    await api.deliver()
    assert set(ids) == {before["id"], heard["id"]}
    receiver.received.clear()

    headers = {"Idempotency-Key": "once"}
    path, body = f"/webhooks/{webhook['id']}/replay", {"since": since.isoformat()}
    answers = [await api.post(path, body, headers=headers) for _ in range(2)]
    await api.deliver()

    assert [answer.json() for answer in answers] == [{"replayed": 2}] * 2
    again = {received.json()["payload"]["guest_id"]: received.headers for received in receiver.received}
    assert len(receiver.received) == 2 and set(again) == {heard["id"], missed["id"]}
    assert again[heard["id"]]["webhook-id"] == ids[heard["id"]]
    assert {header["x-hospes-manual"] for header in again.values()} == {"replay"}


async def test_what_a_replay_sends_for_the_first_time_in_vain_is_kept_as_failed(api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": False})
    since = api.home.clock.now()
    await api.new_guest()
    receiver.answers(500)

    await api.post(f"/webhooks/{webhook['id']}/replay", {"since": since.isoformat()})
    await api.deliver()

    [delivery] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    assert (delivery["status"], delivery["next_attempt_at"], delivery["attempts"]) == ("failed", None, 1)
    receiver.answers(200)
    await replay(api, webhook, delivery["id"])
    await api.deliver()
    assert (await delivery_of(api, webhook, delivery["id"]))["status"] == "succeeded"


async def test_a_replay_of_more_than_a_batch_sends_them_all(api: Api, receiver: Receiver) -> None:
    since = api.home.clock.now()
    guest = await api.new_guest()
    for number in range(520):
        await api.patch(f"/crm/guests/{guest['id']}", {"name": f"Name {number}"})
    webhook = await api.new_webhook(receiver, "guest.updated")

    answer = await api.post(f"/webhooks/{webhook['id']}/replay", {"since": since.isoformat()})
    # A worker takes so many of an endpoint at once, and is woken for more when they are sent.
    before = -1
    while before < (before := len(receiver.received)):
        await api.deliver()

    assert answer.json() == {"replayed": 520}
    assert len({received.headers["webhook-id"] for received in receiver.received}) == len(receiver.received) == 520


async def test_what_happens_while_it_is_off_is_not_sent_and_what_waited_goes_on_afterwards(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W30"""
    webhook = await api.new_webhook(receiver, "guest.created")
    receiver.answers(500)
    await api.new_guest(name="Waiting")
    await api.deliver()
    receiver.answers(200)
    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": False})
    await api.new_guest(name="Not sent")

    home.clock.advance(hours=1)
    await api.deliver()
    assert len(receiver.received) == 1
    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": True})
    await api.deliver()

    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len(receiver.received) == 2


async def test_the_list_of_deliveries_is_newest_first_in_pages_and_by_status(
    home: Home, api: Api, receiver: Receiver
) -> None:
    webhook = await api.new_webhook(receiver, "guest.created")

    async def by_number(received: Received) -> tuple[int, dict[str, str], bytes]:
        return (200 if received.json()["payload"]["guest_id"] % 2 else 500), {}, b""

    receiver.answer = by_number
    guests = []
    for number in range(6):
        guests.append(await api.new_guest(name=f"Guest {number}"))
        home.clock.advance(seconds=1)
        await api.deliver()
    path = f"/webhooks/{webhook['id']}/deliveries"

    everything = (await api.get(path)).json()
    page = (await api.get(path, limit=2, offset=1)).json()

    assert everything["total"] == page["total"] == 6
    assert [one["created_at"] for one in everything["items"]] == [one["created_at"] for one in reversed(guests)]
    assert page["items"] == everything["items"][1:3]
    for status in ("succeeded", "pending"):
        found = (await api.get(path, status=status)).json()
        assert found["items"] == [one for one in everything["items"] if one["status"] == status]
        assert found["total"] == 3
    assert (await api.get(path, status="failed")).json()["total"] == 0
    assert (await api.get(path, status="lost")).status == 422


async def test_a_delivery_is_shown_with_every_field_of_the_contract(api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()

    [delivery] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]

    assert delivery == {
        "id": receiver.received[0].headers["x-nectifi-delivery"],
        "webhook_id": webhook["id"],
        "event": "guest.created",
        "status": "succeeded",
        "attempts": 1,
        "response_status": 200,
        "next_attempt_at": None,
        "created_at": api.home.clock.now().isoformat(),
    }


async def test_another_workspaces_deliveries_are_not_found(home: Home, api: Api, receiver: Receiver) -> None:
    """W33"""
    webhook = await api.new_webhook(receiver)
    await api.new_guest()
    await api.deliver()
    sent = receiver.received[0].headers["webhook-id"]
    other = await home.new_api()
    own = await other.new_webhook(receiver)
    sibling = await api.new_webhook(receiver, "visit.ended")

    since = {"since": home.clock.now().isoformat()}
    answers = [
        await other.get(f"/webhooks/{webhook['id']}"),
        await other.get(f"/webhooks/{webhook['id']}/deliveries"),
        await other.get(f"/webhooks/{webhook['id']}/deliveries/{sent}"),
        await other.get(f"/webhooks/{own['id']}/deliveries/{sent}"),
        await other.post(f"/webhooks/{webhook['id']}/deliveries/{sent}/replay"),
        await other.post(f"/webhooks/{own['id']}/deliveries/{sent}/replay"),
        await other.post(f"/webhooks/{webhook['id']}/replay", since),
        await other.post(f"/webhooks/{webhook['id']}/test"),
        await other.post(f"/webhooks/{webhook['id']}/rotate-secret"),
        await other.patch(f"/webhooks/{webhook['id']}", {"is_active": False}),
        await other.ask("DELETE", f"/webhooks/{webhook['id']}"),
        await api.get(f"/webhooks/{sibling['id']}/deliveries/{sent}"),
        await api.post(f"/webhooks/{sibling['id']}/deliveries/{sent}/replay"),
    ]
    await asyncio.gather(api.deliver(), other.deliver())

    assert [answer.status for answer in answers] == [404] * len(answers)
    assert len(receiver.received) == 1
    assert (await api.get(f"/webhooks/{webhook['id']}")).json()["is_active"]


async def test_a_test_goes_out_also_when_the_webhook_is_off_and_not_to_its_siblings(
    api: Api, receiver: Receiver
) -> None:
    """W34"""
    webhook = await api.new_webhook(receiver)
    await api.new_webhook(receiver)
    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": False})

    sent = await api.post(f"/webhooks/{webhook['id']}/test", {"event": "visit.ended"})
    refused = await api.post(f"/webhooks/{webhook['id']}/test", {"event": "visit.lost"})
    await api.deliver()

    [received] = receiver.received
    assert refused.status == 422
    assert received.headers["webhook-id"] == sent.json()["delivery_id"]
    assert (received.headers["x-nectifi-event"], received.json()["event"]) == ("visit.ended", "visit.ended")
    assert "x-hospes-sequence" not in received.headers


async def test_of_a_hundred_deliveries_a_receiver_has_twenty_in_hand_at_most(api: Api, receiver: Receiver) -> None:
    """W12"""
    for _ in range(2):
        await api.new_webhook(receiver, "visit.ended")
    await api.new_webhook(receiver, "guest.created")
    for number in range(100):
        await api.new_guest(name=f"Guest {number}")
    full = asyncio.Event()

    async def once_twenty_wait(_: Received) -> tuple[int, dict[str, str], bytes]:
        if receiver.most_at_once >= 20:
            full.set()
        await full.wait()
        return 200, {}, b"ok"

    receiver.answer = once_twenty_wait
    while len(receiver.received) < 100:
        await api.deliver()

    assert receiver.most_at_once == 20
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 100


async def test_an_endpoint_that_never_answers_does_not_hold_up_another(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W11"""
    other = await home.new_api()
    released = asyncio.Event()

    async def never(_: Received) -> tuple[int, dict[str, str], bytes]:
        await released.wait()
        return 500, {}, b""

    async with Receiver() as dead:
        dead.answer = never
        for place in (api, other):
            await place.new_webhook(dead)
            for number in range(90):
                await place.new_guest(name=f"Guest {number}")
        await api.new_webhook(receiver, "guest.updated")
        await other.new_webhook(receiver, "guest.updated")
        carrying = asyncio.gather(api.deliver(), other.deliver())
        while len(dead.received) < 40:
            await asyncio.sleep(0)
        guests = {place: await place.new_guest(name="Healthy") for place in (api, other)}
        for place, guest in guests.items():
            await place.patch(f"/crm/guests/{guest['id']}", {"name": "Renamed"})

        more = asyncio.gather(api.deliver(), other.deliver())
        async with asyncio.timeout(5):
            while len(receiver.received) < 2:
                await asyncio.sleep(0)

        assert not carrying.done()
        assert dead.most_at_once == 40
        released.set()
        await asyncio.gather(carrying, more)


async def test_a_sandboxs_clock_makes_its_own_retries_due_and_no_others(home: Home, receiver: Receiver) -> None:
    sandbox, neighbour, real = (
        await home.new_api(is_sandbox=True),
        await home.new_api(is_sandbox=True),
        await home.new_api(),
    )
    began = home.clock.now()
    receiver.answers(500)
    for api in (sandbox, neighbour, real):
        await api.new_webhook(receiver)
        await api.new_guest()
        await api.deliver()
    receiver.received.clear()

    moved = await workspaces.move_clock(home.server.database, sandbox.workspace_id, by=timedelta(hours=1))
    for api in (sandbox, neighbour, real):
        await api.deliver()

    [received] = receiver.received
    assert moved == began + timedelta(hours=1)
    assert received.json()["tenant_id"] == sandbox.workspace_id
    assert received.headers["webhook-timestamp"] == str(int(moved.timestamp()))


async def test_a_sandbox_lives_through_72_hours_in_no_time(home: Home, receiver: Receiver) -> None:
    api = await home.new_api(is_sandbox=True)
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    began = home.clock.now()
    await api.deliver()

    for _ in range(73):
        await workspaces.move_clock(home.server.database, api.workspace_id, by=timedelta(hours=1))
        await api.deliver()

    shown = (await api.get(f"/webhooks/{webhook['id']}")).json()
    assert home.clock.now() == began
    assert shown["disabled_reason"] == "No delivery succeeded for 72 hours."
    assert shown["last_failure_at"] == (began + timedelta(hours=72)).isoformat()
