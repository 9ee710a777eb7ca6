"""Cases W1 to W6, W11, W23, W24 and W27: several workers, much that waits, deaths, and clocks that jump."""

import asyncio
import json
import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest

from hospes.base.secrets import Vault
from hospes.capabilities import events
from hospes.capabilities.guests.happenings import GuestCreated
from hospes.capabilities.webhooks import Courier, outbox
from hospes.providers.outbound import Answer
from tests.living import Api, Home
from tests.webhooks.carrying import FAILED, WELL, Noting, carry, couriers, new_webhooks, put

TRANSACTIONS = 10_000
WAITING = 100_000
WAITING_FOR_THE_DEAD = 10_000
ROUNDS = 1_000
WORKERS = 4


async def well(_url: str, _sent: str) -> Answer:
    await asyncio.sleep(0)
    return WELL


async def failing(_url: str, _sent: str) -> Answer:
    return FAILED


class Door:
    """A way out that answers nobody before it is opened."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.opened = asyncio.Event()

    async def __call__(self, _url: str, _sent: str) -> Answer:
        await self.opened.wait()
        return self._answer


class RolledBack(Exception):
    pass


async def test_each_committed_transaction_has_its_delivery_and_no_other(home: Home, api: Api, vault: Vault) -> None:
    """W1"""
    await new_webhooks(api, 1)
    chance = random.Random(1)
    numbers, committed = iter(range(1, TRANSACTIONS + 1)), set()

    async def write() -> None:
        for number in numbers:
            fails = chance.random() < 0.5
            with suppress(RolledBack):
                async with api.begin() as tx:
                    await events.record(tx, GuestCreated(guest_id=number))
                    if fails:
                        raise RolledBack
                committed.add(number)

    await asyncio.gather(*(write() for _ in range(8)))
    way_out = Noting(well)
    async with couriers(home, vault, way_out) as [courier]:
        await carry_all(courier, api, way_out)

    told = Counter(json.loads(body)["payload"]["guest_id"] for body in way_out.bodies)
    assert told == Counter(committed)


async def carry_all(courier: Courier, api: Api, way_out: Noting) -> None:
    before = -1
    while before < (before := len(way_out.begun)):
        await carry(courier, api)


async def test_what_a_killed_worker_had_sent_and_not_noted_is_sent_again_the_same(
    home: Home, api: Api, vault: Vault
) -> None:
    """W2; `tests/crash` kills real workers."""
    [webhook] = await new_webhooks(api, 1)
    await put(api, [webhook], 3)

    async def die(_url: str, _sent: str) -> Answer:
        raise asyncio.CancelledError

    killed, stranger, successor = Noting(die), Noting(well), Noting(well)
    async with couriers(home, vault, killed, stranger, successor, names=["one", "two", "one"]) as workers:
        await carry(workers[0], api)
        await carry(workers[1], api)
        await workers[2].take_over()
        await carry(workers[2], api)

    assert stranger.begun == []
    assert len(killed.begun) == 3
    assert (killed.begun, killed.bodies) == (successor.begun, successor.bodies)
    for _, sent in successor.begun:
        shown = (await api.get(f"/webhooks/{webhook}/deliveries/{sent}")).json()
        assert (shown["status"], [one["number"] for one in shown["attempt_log"]]) == ("succeeded", [1])


async def test_what_waits_behind_a_slow_receiver_past_its_lease_is_sent_by_one_worker_alone(
    home: Home, api: Api, vault: Vault
) -> None:
    """W5"""
    [webhook] = await new_webhooks(api, 1)
    await put(api, [webhook], 50)
    door = Door(WELL)
    slow, other = Noting(door), Noting(well)

    async with couriers(home, vault, slow, other) as [first, second]:
        await first.run(api.workspace_id)
        while len(slow.begun) < 20:
            await asyncio.sleep(0)
        home.clock.advance(seconds=75)
        door.opened.set()
        await first.settle()
        await carry(second, api)
        assert (len(slow.begun), len(other.begun)) == (20, 0)

        home.clock.advance(seconds=15)
        await carry(second, api)

    assert len(other.begun) == 30
    assert len({sent for _, sent in slow.begun + other.begun}) == 50


async def test_four_workers_send_everything_and_nothing_twice(home: Home, api: Api, vault: Vault) -> None:
    """W6"""
    webhooks = await new_webhooks(api, 10)
    await put(api, list(webhooks), WAITING // len(webhooks))
    way_out = Noting(well)

    async with couriers(home, vault, *[way_out] * WORKERS) as workers:
        await asyncio.gather(*(carry_all(courier, api, way_out) for courier in workers))

    assert way_out.twice_at_once == []
    assert len(way_out.begun) == len(set(way_out.begun)) == WAITING
    for webhook in webhooks:
        succeeded = (await api.get(f"/webhooks/{webhook}/deliveries", status="succeeded")).json()
        assert succeeded["total"] == WAITING // len(webhooks)


@pytest.mark.parametrize("answers", [True, False], ids=["failing", "silent"])
async def test_a_dead_endpoint_with_much_waiting_does_not_hold_up_another_tenants(
    home: Home, api: Api, vault: Vault, answers: bool
) -> None:
    """W11"""
    other = await home.new_api()
    dead = list(await new_webhooks(other, 1))
    await put(other, dead, WAITING_FOR_THE_DEAD)
    webhooks = await new_webhooks(api, 1)
    door = Door(FAILED)

    async def answer(url: str, sent: str) -> Answer:
        if url in webhooks.values():
            return WELL
        return await (failing if answers else door)(url, sent)

    way_out = Noting(answer)
    async with couriers(home, vault, way_out) as [courier]:
        await courier.run(other.workspace_id)
        for number in range(20):
            before = len(way_out.begun)
            await put(api, list(webhooks), 1, after=number)
            await courier.run(api.workspace_id)
            async with asyncio.timeout(10):
                while not any(url in webhooks.values() for url, _ in way_out.begun[before:]):
                    await asyncio.sleep(0)
        assert len(way_out.begun) < WAITING_FOR_THE_DEAD

        door.opened.set()
        await courier.settle()


async def test_eighty_silent_endpoints_leave_room_for_another_tenants(home: Home, api: Api, vault: Vault) -> None:
    """W11"""
    crowd = [await home.new_api() for _ in range(4)]
    for neighbour in crowd:
        await put(neighbour, list(await new_webhooks(neighbour, 20)), 100)
    webhooks = await new_webhooks(api, 1)
    await put(api, list(webhooks), 1)
    door = Door(FAILED)

    async def answer(url: str, sent: str) -> Answer:
        return WELL if url in webhooks.values() else await door(url, sent)

    way_out = Noting(answer)
    async with couriers(home, vault, way_out) as [courier]:
        for neighbour in crowd:
            await courier.run(neighbour.workspace_id)

        await courier.run(api.workspace_id)
        async with asyncio.timeout(10):
            while way_out.begun[-1][0] not in webhooks.values():
                await asyncio.sleep(0)

        assert max(way_out.most_at_once.values()) == 20
        door.opened.set()
        await courier.settle()


@pytest.mark.parametrize(("jump", "due"), [(timedelta(hours=-1), 0), (timedelta(days=1), 100)])
async def test_a_clock_that_jumps_loses_nothing_and_makes_no_burst(
    home: Home, api: Api, vault: Vault, jump: timedelta, due: int
) -> None:
    """W23"""
    [webhook] = await new_webhooks(api, 1)
    await put(api, [webhook], 100)
    broken, mended = Noting(failing), Noting(well)

    async with couriers(home, vault, broken, mended) as [first, second]:
        before = home.clock.now()
        await carry(first, api)
        home.clock.jump(before + jump)
        await carry(second, api)
        assert len(mended.begun) == due
        home.clock.jump(max(before, home.clock.now()))
        home.clock.advance(minutes=2)
        await carry(second, api)

    assert len(set(broken.begun)) == len(broken.begun) == 100
    assert sorted(mended.begun) == sorted(broken.begun)
    assert mended.most_at_once == {url: 20 for url, _ in mended.begun}


async def test_at_the_start_what_waited_is_sent_oldest_first_and_to_all_alike(
    home: Home, api: Api, vault: Vault
) -> None:
    """W24"""
    webhooks = await new_webhooks(api, 20)
    each = WAITING // len(webhooks)
    await put(api, list(webhooks), each)
    way_out = Noting(well)

    async with couriers(home, vault, way_out) as [courier]:
        await carry_all(courier, api, way_out)

    halfway = Counter(url for url, _ in way_out.begun[: WAITING // 2])
    assert len(way_out.begun) == WAITING
    assert way_out.most_at_once == dict.fromkeys(webhooks.values(), 20)
    assert min(halfway[url] for url in webhooks.values()) >= 0.9 * each / 2
    for url in webhooks.values():
        sent = [one for address, one in way_out.begun if address == url]
        assert sent == sorted(sent)


async def test_when_a_success_and_the_disabling_meet_the_webhook_stays_on(home: Home, api: Api, vault: Vault) -> None:
    """W27"""
    apis = [api, *[await home.new_api() for _ in range(ROUNDS // 20 - 1)]]
    webhooks = [list(await new_webhooks(one, 20)) for one in apis]
    for one, its in zip(apis, webhooks, strict=True):
        await put(one, its, 1)
    bad, good = Door(FAILED), Door(WELL)

    async with couriers(home, vault, Noting(failing), Noting(bad), Noting(good)) as [past, first, second]:
        # Half way and at 72 hours: nothing has succeeded in between.
        await carry(past, *apis)
        home.clock.advance(hours=36)
        await carry(past, *apis)
        home.clock.advance(hours=36)
        for one in apis:
            await first.run(one.workspace_id)
        for one, its in zip(apis, webhooks, strict=True):
            await put(one, its, 1, after=1)
            await second.run(one.workspace_id)

        bad.opened.set()
        good.opened.set()
        await asyncio.gather(first.settle(), second.settle())

    states: Counter[tuple[bool, str | None]] = Counter()
    for one in apis:
        for webhook in (await one.get("/webhooks", limit=200)).json()["items"]:
            states[webhook["is_active"], webhook["disabled_reason"]] += 1
    assert states == {(True, None): ROUNDS}


_TYPES = "bigint, timestamptz, timestamptz, timestamptz, bigint[], bigint, bigint, bigint, bigint, text"
_VALUES = "1, now(), now(), now(), '{}', 60, 1, 20, 60, 'worker'"


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_what_was_locked_is_found_again_where_it_lies_whatever_is_known_of_the_workspace(
    dsn: str, mode: str
) -> None:
    """By an index, a new workspace's hundred thousand deliveries were gone through for every sixty: seconds of it."""
    connection = await asyncpg.connect(dsn, server_settings={"plan_cache_mode": mode, "enable_seqscan": "off"})
    await connection.execute(f"PREPARE claim ({_TYPES}) AS {outbox.CLAIM.text}")

    lines = [row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE claim ({_VALUES})")]

    await connection.close()
    [found] = [line for line in lines if "Scan" in line and line.split("  (")[0].endswith(" on webhook_deliveries d")]
    assert "Tid Scan" in found
