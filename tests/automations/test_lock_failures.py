"""Codes for smart locks through silence, refusals, lost answers and dying workers: one code a stay, and none left over."""

import asyncio
from datetime import timedelta

import pytest

from hospes.base.secrets import Vault
from hospes.capabilities.automations import Concierge, Order, Told
from tests.automations.staying import (
    DOWN,
    FAILED,
    GENERATED,
    REFUSED,
    Door,
    Stays,
    concierge,
    lock_events,
    until,
)
from tests.living import Home


async def test_a_lock_that_does_not_answer_is_asked_again_later_each_time_and_then_given_up(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(1)
    door.faults = [DOWN] * 6

    waits = []
    for _ in range(4):
        await worker.run(stays.api.workspace_id)
        due = (await stays.plan(booking))["lock.code"]
        waits.append(due - stays.home.clock.now())
        assert await stays.types() == ["guest_message.sent"]
        stays.home.clock.advance(seconds=waits[-1].total_seconds())
    await worker.run(stays.api.workspace_id)
    stays.home.clock.advance(minutes=1)
    await worker.run(stays.api.workspace_id)

    assert waits == [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120)]
    assert len(door.asked) == 5 and "lock.code" not in await stays.plan(booking)
    kinds = await stays.feed()
    assert [type_ for type_, _ in kinds] == ["guest_message.sent", FAILED, "guest_message.sent"]
    assert kinds[1][1]["reason"] == "timeout"
    assert "code" not in (await stays.mails())[-1].text


async def test_a_lock_that_refuses_is_not_asked_again_until_the_booking_changes(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(1)
    door.faults = [REFUSED]

    await worker.run(stays.api.workspace_id)
    await worker.run(stays.api.workspace_id)
    asked = list(door.asked)
    await stays.change(booking, is_silent=True, departure_on=booking.departure_on + timedelta(days=1))
    await worker.run(stays.api.workspace_id)

    assert asked == [("grant", "front")]
    assert await stays.code(booking) is not None
    assert lock_events(await stays.types()) == [FAILED, GENERATED]
    assert await stays.slugs() == ["booking_confirmation", "before_arrival", "before_arrival"]


async def test_a_brand_that_nobody_set_up_is_told_at_once(stays: Stays, worker: Concierge) -> None:
    await stays.use_lock("igloohome")
    await stays.book(3)

    await worker.run(stays.api.workspace_id)

    [told] = [told for type_, told in await stays.feed() if type_ == FAILED]
    assert told["reason"] == "no lock of the brand igloohome is set up"


@pytest.mark.parametrize("lost", [DOWN, KeyError("an adapter's own fault")])
async def test_an_answer_that_was_lost_does_not_leave_two_codes(
    stays: Stays, worker: Concierge, door: Door, lost: Told | BaseException
) -> None:
    booking = await stays.book(3)
    door.loses_answers, door.faults = True, [lost]

    await worker.run(stays.api.workspace_id)
    made = dict(door.at())
    stays.home.clock.advance(minutes=1)
    await worker.run(stays.api.workspace_id)

    assert door.asked == [("grant", "front")] * 2
    assert made == door.at() and list(made.values()) == [await stays.code(booking)]
    assert lock_events(await stays.types()) == [GENERATED]


@pytest.mark.parametrize("does_it", [True, False])
async def test_what_a_worker_that_died_had_asked_is_asked_again_once_its_lease_is_over(
    stays: Stays, worker: Concierge, door: Door, vault: Vault, does_it: bool
) -> None:
    booking = await stays.book(3)
    door.loses_answers, door.faults = does_it, [asyncio.CancelledError()]

    with pytest.raises(asyncio.CancelledError):
        await worker.run(stays.api.workspace_id)
    async with concierge(stays.home, vault, {"door": door}) as other:
        await other.run(stays.api.workspace_id)
        in_hand = (len(door.asked), await stays.code(booking))
        stays.home.clock.advance(minutes=6)
        assert stays.api.workspace_id in await other.waiting()
        await other.run(stays.api.workspace_id)

    assert in_hand == (1, None)
    assert len(door.asked) == 2 and list(door.at().values()) == [await stays.code(booking)]
    assert lock_events(await stays.types()) == [GENERATED]


async def test_a_worker_that_died_before_it_wrote_down_a_code_leaves_none_behind_when_the_stay_is_cancelled(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(3)
    door.loses_answers, door.faults = True, [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await worker.run(stays.api.workspace_id)
    made = dict(door.at())

    await stays.change(booking, status="cancelled")
    stays.home.clock.advance(minutes=6)
    await worker.run(stays.api.workspace_id)

    assert len(made) == 1
    assert (door.at(), await stays.plan(booking)) == ({}, {})


async def test_a_stay_that_is_cancelled_while_its_lock_is_asked_has_no_code_in_the_end(
    stays: Stays, home: Home, vault: Vault, worker: Concierge
) -> None:
    booking = await stays.book(3)

    class Slow(Door):
        async def grant(self, order: Order) -> Told:
            if not self.asked:
                await stays.change(booking, status="cancelled")
            return await super().grant(order)

    slow = Slow()
    async with concierge(home, vault, {"door": slow}) as other:
        await other.run(stays.api.workspace_id)

    assert slow.asked == [("grant", "front"), ("revoke", "front")]
    assert (slow.at(), await stays.code(booking), await stays.plan(booking)) == ({}, None, {})
    assert lock_events(await stays.types()) == []


async def test_two_workers_ask_for_each_code_once(stays: Stays, worker: Concierge, door: Door, vault: Vault) -> None:
    units = [stays.account.property_id] + [await stays.account.new_property(name=f"Unit {n}") for n in range(7)]
    for unit in units:
        stays.account.property_id = unit
        await stays.use_lock("door", f"lock {unit}")
        await stays.book(3)

    async with concierge(stays.home, vault, {"door": door}) as other:
        await asyncio.gather(*(one.run(stays.api.workspace_id) for one in (worker, other)))

    assert sorted(door.asked) == sorted(("grant", f"lock {unit}") for unit in units)


async def test_a_code_that_nobody_may_use_is_taken_back_however_long_the_lock_is_silent(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(4)
    await worker.run(stays.api.workspace_id)
    await stays.change(booking, status="cancelled")
    door.faults = [DOWN] * 8

    for _ in range(8):
        await worker.run(stays.api.workspace_id)
        await until(stays, worker, (await stays.plan(booking))["lock.revoke"] - timedelta(seconds=1))
        stays.home.clock.advance(seconds=1)
    still = await stays.code(booking)
    await worker.run(stays.api.workspace_id)

    assert still is not None and stays.home.clock.now() < booking.ends_at
    assert (door.at(), await stays.code(booking), await stays.plan(booking)) == ({}, None, {})


async def test_a_code_that_ended_by_itself_is_forgotten_when_its_lock_stays_silent(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(3)
    await worker.run(stays.api.workspace_id)
    door.faults = [DOWN] * 20

    await until(stays, worker, booking.ends_at)
    for _ in range(4):
        await until(stays, worker, (await stays.plan(booking))["lock.revoke"])

    assert (await stays.code(booking), await stays.plan(booking)) == (None, {})
    assert len(door.asked) == 6


async def test_a_lock_that_is_gone_does_not_keep_the_door_from_its_next_one(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(3)
    await worker.run(stays.api.workspace_id)
    await stays.use_lock("door", "back")
    door.faults = [REFUSED] * 5

    await worker.run(stays.api.workspace_id)
    for _ in range(4):
        assert door.at("back") == {}
        await until(stays, worker, (await stays.plan(booking))["lock.revoke"])

    assert list(door.at("back").values()) == [await stays.code(booking)]
