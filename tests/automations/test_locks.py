"""Codes for smart locks: made in time, gone when they should be; told to the guest and nobody else."""

import json
from datetime import timedelta

import asyncpg
from structlog.testing import capture_logs

from hospes.capabilities import automations, bookings
from hospes.capabilities.automations import Concierge
from tests.automations.staying import DOWN, GENERATED, REVOKED, Door, Stays, lock_events, until
from tests.living import Receiver


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
