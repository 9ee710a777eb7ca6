"""Codes for smart locks: made in time, once, and gone when they should be; told to the guest and nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from hospes.base.secrets import Vault
from hospes.capabilities import automations, bookings
from hospes.capabilities.automations import Concierge, Order, Told
from tests.automations.staying import DOWN, REFUSED, Door, Stays, concierge
from tests.living import Home, Receiver

GENERATED, FAILED, REVOKED = "smart_lock.code_generated", "smart_lock.code_failed", "smart_lock.code_revoked"


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def worker(stays: Stays, vault: Vault, door: Door) -> AsyncIterator[Concierge]:
    """A worker that reaches this door, and does what is due in this account only when asked."""
    await stays.use_lock("door")
    async with concierge(stays.home, vault, {"door": door, "other": door}) as worker:
        yield worker


async def until(stays: Stays, worker: Concierge, instant: object) -> None:
    stays.home.clock.advance(seconds=(instant - stays.home.clock.now()).total_seconds())  # type: ignore[operator]
    await worker.run(stays.api.workspace_id)


def lock_events(told: list[str]) -> list[str]:
    return [type_ for type_ in told if type_.startswith("smart_lock")]


async def test_a_code_is_made_so_many_days_before_check_in_and_not_a_second_earlier(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(20)

    await until(stays, worker, booking.begins_at - timedelta(days=5, seconds=1))
    early = await stays.code(booking)
    await until(stays, worker, booking.begins_at - timedelta(days=5))

    code = await stays.code(booking)
    assert early is None and code is not None and len(code) == 6
    assert door.at() == {f"Hospes {stays.api.workspace_id}-{booking.id}": code}
    assert (GENERATED, "door") in [(type_, told.get("lock_brand")) for type_, told in await stays.feed()]


async def test_the_code_is_shown_to_apps_that_may_see_it_and_told_to_nobody_else(
    stays: Stays, worker: Concierge, receiver: Receiver
) -> None:
    """A webhook `booking.updated` follows a new code, and does not hold it (contract 15.1)."""
    account = stays.account
    told = {"propertyId": account.property_id, "url": receiver.url, "events": ["booking.updated"]}
    assert (await account.post("/webhooks", told)).status == 201
    booking = await stays.book(3)

    with capture_logs() as logs:
        await worker.run(stays.api.workspace_id)
        await stays.work()

    code = await stays.code(booking)
    assert code is not None
    path = f"/bookings/{booking.id}"
    reader = await account.new_app("bookings.read")
    assert (await account.get(path)).json()["smartLockCode"] == code
    assert "smartLockCode" not in (await account.get(path, token=reader.token)).json()
    [delivered] = receiver.received
    assert delivered.headers["x-nowistay-event"] == "booking.updated" and delivered.json()["id"] == booking.id
    feed = (await account.get(f"/properties/{account.property_id}/activity", category="automation")).body.decode()
    assert GENERATED in feed and "lockBrand" in feed
    connection = await asyncpg.connect(stays.home.dsn)
    events = await connection.fetch("SELECT payload::text FROM events WHERE workspace_id = $1", stays.api.workspace_id)
    rows = await connection.fetch("SELECT b::text FROM bookings b WHERE workspace_id = $1", stays.api.workspace_id)
    await connection.close()
    seen = delivered.body.decode() + feed + json.dumps(logs, default=str) + str(events) + str(rows)
    for secret in (code, "ana@example.com"):
        assert secret not in seen


async def test_the_message_before_arrival_carries_the_code_and_no_other_does(stays: Stays, worker: Concierge) -> None:
    booking = await stays.book(20)
    for at in (booking.begins_at - timedelta(days=5), booking.begins_at - timedelta(days=2), booking.begins_at):
        await until(stays, worker, at)
    code = await stays.code(booking)
    await until(stays, worker, booking.ends_at - timedelta(hours=2))

    mails = {mail.slug: mail.text for mail in await stays.mails()}
    assert code is not None and f"Your code for the door: {code}\n" in mails["before_arrival"]
    assert code not in mails["booking_confirmation"] + mails["check_out"] and len(mails) == 3


async def test_the_message_before_arrival_waits_for_its_code(stays: Stays, worker: Concierge, door: Door) -> None:
    await stays.use_lock("door", days=1)
    booking = await stays.book(20)

    await until(stays, worker, booking.begins_at - timedelta(days=2))
    waiting = await stays.slugs()
    door.faults = [DOWN]
    await until(stays, worker, booking.begins_at - timedelta(days=1))
    still = await stays.slugs()
    await until(stays, worker, booking.begins_at - timedelta(days=1) + timedelta(minutes=1))

    assert waiting == still == ["booking_confirmation"]
    assert str(await stays.code(booking)) in (await stays.mails())[-1].text


async def test_the_code_is_taken_back_at_check_out_and_gone_from_the_booking(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(3)
    await worker.run(stays.api.workspace_id)
    made = dict(door.at())

    await until(stays, worker, booking.ends_at - timedelta(seconds=1))
    stayed = await stays.code(booking)
    await until(stays, worker, booking.ends_at)

    assert list(made.values()) == [stayed]
    assert (door.at(), await stays.code(booking), await stays.plan(booking)) == ({}, None, {})
    assert lock_events(await stays.types()) == [GENERATED, REVOKED]


async def test_a_cancellation_takes_the_code_back_at_once(stays: Stays, worker: Concierge, door: Door) -> None:
    booking = await stays.book(3)
    await worker.run(stays.api.workspace_id)

    await stays.change(booking, status="cancelled")
    await worker.run(stays.api.workspace_id)

    assert (door.at(), await stays.code(booking), await stays.plan(booking)) == ({}, None, {})
    assert lock_events(await stays.types()) == [GENERATED, REVOKED]


async def test_new_dates_make_a_new_code_in_place_of_the_old_and_who_knew_that_is_told(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(1)
    await worker.run(stays.api.workspace_id)
    old = await stays.code(booking)

    await stays.change(booking, is_silent=True, departure_on=booking.departure_on + timedelta(days=1))
    await worker.run(stays.api.workspace_id)

    new = await stays.code(booking)
    assert new is not None and new != old and list(door.at().values()) == [new]
    assert await stays.slugs() == ["booking_confirmation", "before_arrival", "before_arrival"]
    first, second = (mail.text for mail in (await stays.mails())[1:])
    assert str(old) in first and new in second and str(old) not in second
    assert lock_events(await stays.types()) == [GENERATED, GENERATED]


async def test_dates_that_move_far_end_the_old_code_now_and_make_the_new_one_in_its_time(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    booking = await stays.book(3)
    await worker.run(stays.api.workspace_id)
    later = timedelta(days=30)

    moved = await stays.change(
        booking, arrival_on=booking.arrival_on + later, departure_on=booking.departure_on + later
    )
    await worker.run(stays.api.workspace_id)
    between = (dict(door.at()), await stays.code(booking))
    await until(stays, worker, moved.begins_at - timedelta(days=5))

    assert between == ({}, None)
    assert list(door.at().values()) == [await stays.code(booking)]
    assert lock_events(await stays.types()) == [GENERATED, REVOKED, GENERATED]


async def test_changes_that_do_not_move_the_stay_leave_its_code(stays: Stays, worker: Concierge, door: Door) -> None:
    booking = await stays.book(3)
    await worker.run(stays.api.workspace_id)
    code = await stays.code(booking)

    await stays.change(booking, adults=3, guest=bookings.Party(email="new@example.com"))
    await stays.change(booking, departure_on=booking.departure_on + timedelta(days=1))
    await stays.change(booking, departure_on=booking.departure_on)
    await worker.run(stays.api.workspace_id)

    assert await stays.code(booking) == code and door.asked == [("grant", "front")]


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


async def test_a_lock_that_is_new_gets_codes_for_the_stays_to_come_and_the_old_one_keeps_none(
    stays: Stays, worker: Concierge, door: Door
) -> None:
    stay = await stays.book(3)
    later = await stays.book(20)
    await worker.run(stays.api.workspace_id)
    old = dict(door.at())

    await stays.use_lock("other", "back", 14)
    await worker.run(stays.api.workspace_id)

    assert len(old) == 1 and door.at() == {}
    assert list(door.at("back").values()) == [await stays.code(stay)]
    assert (await stays.plan(later))["lock.code"] == later.begins_at - timedelta(days=14)
    async with stays.api.begin() as tx:
        await automations.use_lock(tx, stays.account.property_id, brand=None, ref=None)
    await worker.run(stays.api.workspace_id)
    assert (door.at("back"), await stays.code(stay)) == ({}, None)
    assert not {"lock.code", "lock.revoke"} & set(await stays.plan(later))


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
