"""Messages to guests: what is sent when, and that silence holds back only what it should."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from hospes.capabilities import bookings, workspaces
from tests.automations.staying import Stays
from tests.living import Home
from tests.property_api.account import Account


async def test_a_confirmed_booking_is_confirmed_to_its_guest(stays: Stays) -> None:
    booking = await stays.book()

    await stays.work()

    [mail] = await stays.mails()
    assert (mail.slug, mail.address) == ("booking_confirmation", "ana@example.com")
    assert mail.subject == "Your stay at Lilas Apartment is confirmed"
    assert mail.text.startswith("Hello Ana,\n\nthank you for your booking.")
    assert "from 16:00" in mail.text and "Nights: 4" in mail.text and mail.html is None
    assert await stays.feed() == [
        (
            "guest_message.sent",
            {
                "property_id": booking.property_id,
                "booking_id": booking.id,
                "guest_id": booking.guest_id,
                "message": "confirmation",
            },
        )
    ]


async def test_a_booking_that_becomes_confirmed_later_is_confirmed_then(stays: Stays) -> None:
    booking = await stays.book(status="pending")
    await stays.work()
    before = await stays.slugs()

    await stays.change(booking, status="confirmed")
    await stays.work()

    assert (before, await stays.slugs()) == ([], ["booking_confirmation"])


async def test_new_dates_are_told_and_other_changes_are_not(stays: Stays) -> None:
    booking = await stays.book()
    await stays.work()

    moved = await stays.change(booking, departure_on=booking.departure_on + timedelta(days=1))
    await stays.work()
    await stays.change(booking, adults=3, notes="A cot, please.")
    await stays.change(booking, check_in_time=time(17))
    await stays.work()
    await stays.change(booking, departure_on=booking.departure_on)
    await stays.work()

    _, changed, again = await stays.mails()
    assert (changed.slug, again.slug) == ("booking_changed", "booking_changed")
    assert f"{moved.departure_on.day} " in changed.text and "Nights: 5" in changed.text
    assert "from 17:00" in again.text and "Nights: 4" in again.text


async def test_a_confirmation_that_is_still_to_be_sent_tells_the_new_dates_itself(stays: Stays) -> None:
    booking = await stays.book()
    await stays.change(booking, departure_on=booking.departure_on + timedelta(days=2))

    await stays.work()

    [mail] = await stays.mails()
    assert mail.slug == "booking_confirmation" and "Nights: 6" in mail.text


async def test_silence_holds_back_what_the_change_would_cause_at_once_and_nothing_else(stays: Stays) -> None:
    booking = await stays.book(status="pending")
    await stays.change(booking, is_silent=True, status="confirmed")
    await stays.change(booking, is_silent=True, departure_on=booking.departure_on + timedelta(days=1))
    await stays.work()
    at_once = await stays.slugs()

    await stays.until(booking.begins_at - timedelta(days=2))
    await stays.until(booking.ends_at)

    assert (at_once, await stays.slugs()) == ([], ["before_arrival"])
    moved = await stays.look(booking)
    await stays.until(moved.ends_at - timedelta(hours=3))
    assert await stays.slugs() == ["before_arrival", "check_out"]


async def test_before_arrival_goes_two_days_before_check_in_and_not_a_second_earlier(stays: Stays) -> None:
    booking = await stays.book(10)

    await stays.until(booking.begins_at - timedelta(days=2, seconds=1))
    early = await stays.slugs()
    await stays.until(booking.begins_at - timedelta(days=2))

    assert (early, await stays.slugs()) == (["booking_confirmation"], ["booking_confirmation", "before_arrival"])


async def test_a_booking_at_short_notice_is_told_at_once_until_check_in_and_not_after_it(stays: Stays) -> None:
    soon = await stays.book(1)
    await stays.work()
    told = await stays.slugs()

    await stays.until(soon.begins_at)
    other = await stays.account.new_property(name="Rose House")
    today = await stays.book(0, property_id=other)
    await stays.work()

    assert told == ["booking_confirmation", "before_arrival"]
    assert today.begins_at <= stays.home.clock.now() < today.ends_at
    assert await stays.slugs() == [*told, "booking_confirmation"]


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
async def test_check_out_is_told_at_eight_by_the_propertys_clock(stays: Stays, zone: str) -> None:
    there = await stays.account.new_property(name="Far House", time_zone=zone)
    booking = await stays.book(property_id=there)

    due = (await stays.plan(booking))["message.check_out"]

    assert due.astimezone(ZoneInfo(zone)) == datetime.combine(booking.departure_on, time(8), ZoneInfo(zone))
    await stays.until(due)
    assert (await stays.mails())[-1].slug == "check_out"


async def test_check_out_is_told_an_hour_before_a_check_out_before_eight(stays: Stays) -> None:
    booking = await stays.book(check_out_time=time(6))

    assert (await stays.plan(booking))["message.check_out"] == booking.ends_at - timedelta(hours=1)


async def test_steps_move_with_the_dates_and_what_was_sent_is_not_sent_again(stays: Stays) -> None:
    booking = await stays.book(10)
    await stays.until(booking.begins_at - timedelta(days=2))
    told = await stays.slugs()

    later = timedelta(days=20)
    moved = await stays.change(
        booking, is_silent=True, arrival_on=booking.arrival_on + later, departure_on=booking.departure_on + later
    )
    plan = await stays.plan(booking)
    await stays.until(moved.begins_at)

    assert list(plan) == ["message.check_out"] and plan["message.check_out"].date() == moved.departure_on
    assert await stays.slugs() == told == ["booking_confirmation", "before_arrival"]


@pytest.mark.parametrize("status", ["cancelled", "pending", "unavailable"])
async def test_a_plan_dies_with_its_booking_and_lives_again_with_it(stays: Stays, status: str) -> None:
    booking = await stays.book(10)
    planned = await stays.plan(booking)

    await stays.change(booking, status=status)
    ended = await stays.plan(booking)
    await stays.work()
    silence = await stays.mails()
    await stays.change(booking, status="confirmed")

    assert (ended, silence) == ({}, [])
    assert await stays.plan(booking) == planned


@pytest.mark.parametrize("status", ["unavailable", "pending", "cancelled"])
async def test_a_block_and_what_is_not_confirmed_plan_nothing(stays: Stays, status: str) -> None:
    await stays.use_lock()
    booking = await stays.book(status=status)

    assert await stays.plan(booking) == {}


async def test_a_stay_that_is_over_plans_nothing(stays: Stays) -> None:
    await stays.use_lock()
    booking = await stays.book(-10)

    assert await stays.plan(booking) == {}


async def test_a_message_whose_stay_ended_while_the_server_stood_still_is_not_sent(stays: Stays) -> None:
    booking = await stays.book()

    await stays.until(booking.ends_at)

    assert (await stays.plan(booking), await stays.mails(), await stays.feed()) == ({}, [], [])


async def test_a_guest_without_an_address_is_told_nothing_and_the_feed_says_so_once(stays: Stays) -> None:
    booking = await stays.book(10, guest=bookings.Party(first_name="Ana"))
    await stays.work()
    await stays.change(booking, adults=2, check_in_time=time(17))
    await stays.work()
    at_once = await stays.feed()

    await stays.until(booking.ends_at - timedelta(minutes=1))

    assert [(type_, told["message"], told["reason"]) for type_, told in at_once] == [
        ("guest_message.failed", "confirmation", "no email address")
    ]
    assert [told["message"] for _, told in await stays.feed()] == ["confirmation", "before_arrival", "check_out"]
    assert await stays.mails() == []


async def test_a_booking_without_a_guest_has_no_address_either(stays: Stays) -> None:
    await stays.book(channel="airbnb", channel_booking_id="HM1", guest=bookings.Party())

    await stays.work()

    [(type_, told)] = await stays.feed()
    assert (type_, told["guest_id"], told["reason"]) == ("guest_message.failed", None, "no email address")


async def test_an_address_that_becomes_known_in_time_gets_what_had_its_own_time(stays: Stays) -> None:
    booking = await stays.book(1, guest=bookings.Party(first_name="Ana"))
    await stays.work()

    await stays.change(booking, is_silent=True, guest=bookings.Party(email="ana@example.com"))
    await stays.work()

    assert await stays.slugs() == ["before_arrival"]


async def test_a_sandboxs_plan_goes_by_its_own_clock(home: Home) -> None:
    api = await home.new_api(is_sandbox=True)
    stays = Stays(await Account.open(home, api))
    booking = await stays.book(10)
    await stays.work()

    home.clock.advance(days=9)
    job = home.worker._jobs["automations"]
    assert api.workspace_id not in await job.waiting()
    await stays.work()
    frozen = await stays.slugs()
    to = booking.begins_at - timedelta(days=1)
    await workspaces.move_clock(home.server.database, api.workspace_id, to=to, by=None)
    assert api.workspace_id in await job.waiting()
    await stays.work()

    assert (frozen, await stays.slugs()) == (["booking_confirmation"], ["booking_confirmation", "before_arrival"])
