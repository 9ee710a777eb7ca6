"""The plan of retries, and when an endpoint that only fails is switched off."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from hospes.capabilities import staff
from hospes.capabilities.webhooks import plan
from tests.living import Api, Home, Received, Receiver
from tests.oauth.acting import new_person

CREATED = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DELAYS = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, DAY, DAY]
SHOWN_REASON = "No delivery succeeded for 72 hours."


async def shown(api: Api, webhook: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get(f"/webhooks/{webhook['id']}")).json()
    return answer


async def deliveries(api: Api, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/webhooks/{webhook['id']}/deliveries")).json()["items"]
    return items


async def fail_to_the_end(home: Home, api: Api, webhook: dict[str, Any]) -> None:
    """Deliver at every instant the plan names, until nothing is planned any more."""
    while planned := [one["next_attempt_at"] for one in await deliveries(api, webhook) if one["next_attempt_at"]]:
        if not (await shown(api, webhook))["is_active"]:
            break
        move_to(home, datetime.fromisoformat(min(planned)))
        await api.deliver()


def move_to(home: Home, at: datetime) -> None:
    if at > home.clock.now():
        home.clock.advance(seconds=(at - home.clock.now()).total_seconds())


@pytest.mark.parametrize("failures", range(1, 10))
def test_each_delay_is_the_tables(failures: int) -> None:
    """W22"""
    at = plan.next_attempt(CREATED, CREATED, failures, chance=0.5)

    assert at == CREATED + DELAYS[failures - 1]


@pytest.mark.parametrize("failures", range(1, 10))
def test_jitter_reaches_ten_percent_either_way_and_no_further(failures: int) -> None:
    """W22"""
    earliest, latest = (plan.next_attempt(CREATED, CREATED, failures, chance=chance) for chance in (0.0, 1 - 2**-30))

    assert earliest is not None and latest is not None
    assert earliest == CREATED + 0.9 * DELAYS[failures - 1]
    assert timedelta(0) <= CREATED + 1.1 * DELAYS[failures - 1] - latest <= timedelta(milliseconds=1)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("before", [MINUTE, HOUR, 21 * HOUR])
def test_what_would_be_later_than_72_hours_is_at_72_hours_exactly(chance: float, before: timedelta) -> None:
    end = CREATED + 72 * HOUR

    assert plan.next_attempt(CREATED, end - before, 8, chance=chance) == end
    assert plan.next_attempt(CREATED, end - before, 8, chance=chance, retry_after="99999999") == end


@pytest.mark.parametrize("after", [timedelta(0), timedelta(microseconds=1), 10 * DAY])
def test_after_72_hours_nothing_is_planned(after: timedelta) -> None:
    for asked in (None, "1", "99999999"):
        assert plan.next_attempt(CREATED, CREATED + 72 * HOUR + after, 9, chance=0.5, retry_after=asked) is None


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("1", HOUR / 2),
        ("2400", 40 * MINUTE),
        ("1000000000", HOUR),
        ("9" * 64, HOUR),
        ("Sat, 20 Jun 2026 12:45:00 GMT", 45 * MINUTE),
        ("Sun, 21 Jun 2026 12:00:00 GMT", HOUR),
        ("Sat, 20 Jun 2020 12:00:00 GMT", HOUR / 2),
    ],
)
def test_a_retry_after_is_kept_between_once_and_twice_the_delay(asked: str, waited: timedelta) -> None:
    """W15"""
    assert plan.next_attempt(CREATED, CREATED, 3, chance=0.9, retry_after=asked) == CREATED + waited


@pytest.mark.parametrize(
    "asked", ["", " ", "-5", "+5", "1.5", "1e3", "²", "soon", "Sat, 20 Jun 2026 12:45:00 -0000", "Sat, 99 Jun 2026"]
)
def test_a_retry_after_that_is_none_is_not_heard(asked: str) -> None:
    """W15"""
    heard = plan.next_attempt(CREATED, CREATED, 3, chance=0.9, retry_after=asked)

    assert heard == plan.next_attempt(CREATED, CREATED, 3, chance=0.9)


async def test_failing_for_ever_it_is_tried_at_the_tables_instants_and_kept_as_failed(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W22"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    created = home.clock.now()
    await api.deliver()

    await fail_to_the_end(home, api, webhook)

    [delivery] = await deliveries(api, webhook)
    log = (await api.get(f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}")).json()["attempt_log"]
    instants = [datetime.fromisoformat(attempt["attempted_at"]) for attempt in log]
    waits = [later - earlier for earlier, later in zip(instants, instants[1:], strict=False)]
    assert (delivery["status"], delivery["next_attempt_at"]) == ("failed", None)
    assert instants[0] == created and instants[-1] == created + 72 * HOUR
    for delay, waited in zip(DELAYS, waits[:-1], strict=False):
        assert 0.9 * delay <= waited <= 1.1 * delay
    assert waits[-1] <= 1.1 * DAY
    assert [attempt["number"] for attempt in log] == list(range(1, len(log) + 1))
    assert delivery["attempts"] == len(log) == len(receiver.received)
    home.clock.advance(hours=100)
    await api.deliver()
    assert len(receiver.received) == len(log)


async def test_nothing_is_sent_before_its_instant(home: Home, api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()
    [delivery] = await deliveries(api, webhook)
    planned = datetime.fromisoformat(delivery["next_attempt_at"])

    move_to(home, planned - timedelta(microseconds=1))
    await api.deliver()
    assert len(receiver.received) == 1
    move_to(home, planned)
    await api.deliver()

    assert len(receiver.received) == 2


async def test_a_receivers_retry_after_moves_the_next_attempt(home: Home, api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    receiver.answers(503, headers={"retry-after": "90"})

    await api.new_guest()
    await api.deliver()

    [delivery] = await deliveries(api, webhook)
    assert datetime.fromisoformat(delivery["next_attempt_at"]) == home.clock.now() + timedelta(seconds=90)


async def test_a_success_just_before_72_hours_keeps_the_webhook_on(home: Home, api: Api, receiver: Receiver) -> None:
    """W25"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest(name="First")
    await api.deliver()
    began = home.clock.now()
    for hours in range(20, 72, 20):
        move_to(home, began + hours * HOUR)
        await api.deliver()

    move_to(home, began + 71 * HOUR + 59 * MINUTE)
    receiver.answers(200)
    await api.new_guest(name="Second")
    await api.deliver()
    receiver.answers(500)
    await api.new_guest(name="Third")
    for hours in (72, 73):
        move_to(home, began + hours * HOUR)
        await api.deliver()

    state = await shown(api, webhook)
    assert state["is_active"] and state["disabled_reason"] is None
    assert state["last_success_at"] is not None


async def test_failing_for_72_hours_switches_it_off_once(home: Home, api: Api, receiver: Receiver) -> None:
    """W25"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    began = home.clock.now()
    await api.deliver()

    await fail_to_the_end(home, api, webhook)

    state = await shown(api, webhook)
    assert (state["is_active"], state["disabled_reason"]) == (False, SHOWN_REASON)
    assert state["updated_at"] == (began + 72 * HOUR).isoformat()
    sent = len(receiver.received)
    await api.new_guest(name="Not heard of")
    home.clock.advance(hours=1)
    await api.deliver()
    assert len(receiver.received) == sent
    assert (await shown(api, webhook))["updated_at"] == state["updated_at"]


async def test_the_owners_are_told_once_that_a_webhook_was_switched_off(
    home: Home, api: Api, receiver: Receiver
) -> None:
    owners = [await new_person(api) for _ in range(2)]
    stopped = await new_person(api)
    await staff.set_active(home.server.database, stopped.staff_id, is_active=False)
    await new_person(api, "manager")
    await new_person(await home.new_api())
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()

    await fail_to_the_end(home, api, webhook)
    await api.new_guest(name="Not heard of")
    await api.deliver()

    connection = await asyncpg.connect(home.dsn)
    mails = await connection.fetch(
        "SELECT address, subject, plain FROM messages WHERE workspace_id = $1 ORDER BY id", api.workspace_id
    )
    await connection.close()
    place = urlsplit(receiver.url).netloc
    assert [mail["address"] for mail in mails] == [owner.email for owner in owners]
    assert {mail["subject"] for mail in mails} == {f"The webhook to {place} was switched off"}
    assert all(f"webhook {webhook['id']}, which sends to {place}:" in mail["plain"] for mail in mails)
    assert not any(receiver.url in mail["plain"] for mail in mails)


async def test_a_receiver_that_asks_for_long_pauses_is_switched_off_as_well(
    home: Home, api: Api, receiver: Receiver
) -> None:
    webhook = await api.new_webhook(receiver)
    receiver.answers(503, headers={"retry-after": "999999"})
    await api.new_guest()
    await api.deliver()

    await fail_to_the_end(home, api, webhook)

    assert (await shown(api, webhook))["disabled_reason"] == SHOWN_REASON


async def test_a_first_attempt_that_took_its_time_does_not_put_off_the_end(
    home: Home, api: Api, receiver: Receiver
) -> None:
    webhook = await api.new_webhook(receiver)

    async def slowly(_: Received) -> tuple[int, dict[str, str], bytes]:
        home.clock.advance(seconds=9)
        return 500, {}, b""

    receiver.answer = slowly
    await api.new_guest()
    await api.deliver()
    receiver.answers(500)

    await fail_to_the_end(home, api, webhook)

    assert (await shown(api, webhook))["disabled_reason"] == SHOWN_REASON


async def test_one_failure_and_80_hours_without_traffic_do_not_switch_it_off(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W26"""
    webhook = await api.new_webhook(receiver, "guest.created")
    await api.new_guest()
    await api.deliver()
    delivery_id = receiver.received[0].headers["webhook-id"]
    receiver.answers(500)

    # A replay is tried once: two failures, and nothing in between.
    for _ in range(2):
        await api.ask("POST", f"/webhooks/{webhook['id']}/deliveries/{delivery_id}/replay")
        await api.deliver()
        home.clock.advance(hours=80)

    state = await shown(api, webhook)
    assert len(receiver.received) == 3
    assert state["is_active"] and state["last_failure_at"] is not None


async def test_a_retry_that_succeeds_ends_the_failing(home: Home, api: Api, receiver: Receiver) -> None:
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest(name="First")
    await api.deliver()
    receiver.answers(200)
    home.clock.advance(minutes=2)
    await api.deliver()

    home.clock.advance(hours=80)
    receiver.answers(500)
    await api.new_guest(name="Second")
    await api.deliver()

    assert (await shown(api, webhook))["is_active"]


async def test_switched_on_again_one_failure_does_not_switch_it_off(home: Home, api: Api, receiver: Receiver) -> None:
    """W28"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest(name="First")
    await api.deliver()
    await fail_to_the_end(home, api, webhook)
    assert not (await shown(api, webhook))["is_active"]

    await api.patch(f"/webhooks/{webhook['id']}", {"is_active": True})
    home.clock.advance(minutes=1)
    await api.new_guest(name="Second")
    await api.deliver()

    state = await shown(api, webhook)
    assert state["is_active"] and state["disabled_reason"] is None


async def test_switching_on_what_is_on_does_not_put_off_the_end(home: Home, api: Api, receiver: Receiver) -> None:
    """W29"""
    webhook = await api.new_webhook(receiver)
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()

    for _ in range(18):
        await api.patch(f"/webhooks/{webhook['id']}", {"is_active": True})
        home.clock.advance(hours=4)
        await api.deliver()

    assert (await shown(api, webhook))["disabled_reason"] == SHOWN_REASON


async def test_tests_that_fail_for_80_hours_do_not_switch_it_off_and_one_that_succeeds_clears_nothing(
    home: Home, api: Api, receiver: Receiver
) -> None:
    """W34"""
    webhook = await api.new_webhook(receiver, "guest.created")
    receiver.answers(500)
    for _ in range(20):
        await api.ask("POST", f"/webhooks/{webhook['id']}/test")
        await api.deliver()
        home.clock.advance(hours=4)
    state = await shown(api, webhook)
    assert state["is_active"] and state["last_failure_at"] is None
    assert {(one["status"], one["attempts"]) for one in await deliveries(api, webhook)} == {("failed", 1)}

    await api.new_guest()
    await api.deliver()
    for _ in range(19):
        receiver.answers(500)
        home.clock.advance(hours=4)
        await api.deliver()
        if (await shown(api, webhook))["is_active"]:
            receiver.answers(200)
            # Sent while the real one is not due: only the test gets this answer.
            await api.ask("POST", f"/webhooks/{webhook['id']}/test")
            await api.deliver()

    state = await shown(api, webhook)
    assert state["disabled_reason"] == SHOWN_REASON and state["last_success_at"] is None


@pytest.mark.parametrize("success_first", [True, False])
async def test_when_a_success_and_the_last_failure_meet_the_webhook_stays_on(
    home: Home, api: Api, receiver: Receiver, success_first: bool
) -> None:
    """W27"""
    webhook = await api.new_webhook(receiver, "guest.created")
    receiver.answers(500)
    failing = await api.new_guest(name="Failing")
    began = home.clock.now()
    await api.deliver()
    for hours in (20, 40, 60):
        move_to(home, began + hours * HOUR)
        await api.deliver()
    move_to(home, began + 71 * HOUR)
    await api.deliver()
    move_to(home, began + 72 * HOUR)
    await api.new_guest(name="Well")

    # Both are under way at once; the one answered later is written down later.
    async def answer(received: Received) -> tuple[int, dict[str, str], bytes]:
        fails = received.json()["payload"]["guest_id"] == failing["id"]
        while fails == success_first and await attempted(api, webhook) == before:
            pass
        return (500 if fails else 200), {}, b""

    before = await attempted(api, webhook)
    receiver.answer = answer
    await api.deliver()

    state = await shown(api, webhook)
    assert await attempted(api, webhook) == before + 2
    assert state["is_active"] and state["disabled_reason"] is None


async def attempted(api: Api, webhook: dict[str, Any]) -> int:
    return sum(one["attempts"] for one in await deliveries(api, webhook))
