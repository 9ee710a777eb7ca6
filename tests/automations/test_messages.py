"""Messages to guests: what is sent when, in whose words, and that silence holds back only what it should."""

import asyncio
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date

from hospes.base.secrets import Vault
from hospes.capabilities import bookings, events, workspaces
from hospes.capabilities.automations import words
from hospes.capabilities.messaging import rendering
from tests.automations.staying import Stays, concierge
from tests.living import Home
from tests.messaging.mailing import new_template
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


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "Hello Ana,"),
        ("fr", "Bonjour Ana,"),
        ("es", "Hola Ana:"),
        ("pt", "Hello Ana,"),
        (None, "Hello Ana,"),
    ],
)
async def test_guests_are_told_in_their_language_where_we_have_it(
    stays: Stays, language: str | None, says: str
) -> None:
    guest = bookings.Party(first_name="Ana", email="ana@example.com", language=language)
    booking = await stays.book(1, guest=guest)

    await stays.work()

    confirmation, arrival = await stays.mails()
    assert confirmation.text.startswith(says) and arrival.text.startswith(says)
    month = {"fr": "fr", "es": "es"}.get(language or "", "en_GB")
    assert format_date(booking.arrival_on, "full", month) in confirmation.text


@pytest.mark.parametrize("spoken", ["en", "fr", "es"])
@pytest.mark.parametrize("step", list(words.SLUGS))
def test_our_words_name_everything_and_leave_out_what_is_not_known(step: str, spoken: str) -> None:
    content = words.built_in(step, spoken)
    stay = {
        "arrival": "ARRIVAL",
        "departure": "DEPARTURE",
        "nights": 4,
        "check_in_time": "16:00",
        "check_out_time": "11:00",
        "property": {"name": "Lilas", "address": ""},
    }
    facts = {"booking": stay, "guest": {"first_name": ""}, "business": {"name": "Test"}, "lock_code": ""}

    text = rendering.render(content.text, facts)
    subject = rendering.render(content.subject, facts)

    assert "Lilas" in subject and text.endswith("\n\nTest\n")
    assert " ," not in text and "\n\n\n" not in text and "{" not in text
    assert "11:00" in text and ("code" not in text.lower() and "código" not in text.lower())
    with_code = rendering.render(content.text, {**facts, "lock_code": "987654"})
    assert ("987654" in with_code) == (step == "message.before_arrival")


async def test_the_operators_words_are_used_where_there_are_some(stays: Stays) -> None:
    await new_template(
        stays.api,
        slug="booking_confirmation",
        subject="{{ guest.first_name }} at {{ booking.property.name }}",
        html="<p>{{ booking.arrival }} to {{ booking.departure_on }}: {{ booking.property.address }}</p>",
        text="{{ booking.nights }} nights from {{ booking.arrival_on }} [{{ lock_code }}] {{ business.name }}",
        variables=["booking"],
    )
    guest = bookings.Party(first_name="Ana", email="ana@example.com", language="pt")
    booking = await stays.book(1, guest=guest)

    await stays.work()

    mail, arrival = await stays.mails()
    assert mail.subject == "Ana at Lilas Apartment"
    assert mail.text == f"4 nights from {booking.arrival_on} [] Test"
    assert (
        mail.html == f"<p>{format_date(booking.arrival_on, 'full', 'pt')} to {booking.departure_on}: Paris, França</p>"
    )
    assert arrival.text.startswith("Hello Ana,")


async def test_words_that_cannot_be_filled_in_are_not_sent_and_the_feed_says_why(stays: Stays) -> None:
    await new_template(stays.api, slug="booking_confirmation", variables=["table"])
    await stays.book()

    await stays.work()

    assert await stays.mails() == []
    [(type_, told)] = await stays.feed()
    assert (type_, told["reason"]) == ("guest_message.failed", "Missing template variable: table")


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


async def test_two_workers_send_everything_and_nothing_twice(stays: Stays, vault: Vault) -> None:
    for day in range(20):
        await stays.book(30 + day, 1)

    async with concierge(stays.home, vault, {}) as one, concierge(stays.home, vault, {}) as other:
        await asyncio.gather(*(worker.run(stays.api.workspace_id) for worker in (one, other)))

    assert await stays.slugs() == ["booking_confirmation"] * 20
    assert await stays.types() == ["guest_message.sent"] * 20


async def test_a_worker_that_dies_while_writing_a_message_has_sent_nothing_and_the_next_sends_it_once(
    stays: Stays, vault: Vault
) -> None:
    await stays.book()

    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    async with concierge(stays.home, vault, {}) as worker:
        worker._database.reactions = (dies,)
        with pytest.raises(asyncio.CancelledError):
            await worker.run(stays.api.workspace_id)
    left = await stays.mails()
    await stays.work()
    await stays.work()

    assert (left, await stays.slugs()) == ([], ["booking_confirmation"])
    assert await stays.types() == ["guest_message.sent"]


async def test_a_message_that_cannot_be_written_holds_up_no_other_and_is_given_up_in_the_end(
    stays: Stays, vault: Vault
) -> None:
    bad, good = await stays.book(10), await stays.book(20)

    async def stumbles(_: object, event: events.Recorded) -> None:
        if event.type == "guest_message.sent" and event.payload["booking_id"] == bad.id:
            raise KeyError("of an adapter")

    async with concierge(stays.home, vault, {}) as worker:
        worker._database.reactions = (stumbles,)
        for _ in range(6):
            await worker.run(stays.api.workspace_id)
            stays.home.clock.advance(minutes=5)

    told = [(type_, one["booking_id"]) for type_, one in await stays.feed()]
    assert told == [("guest_message.sent", good.id), ("guest_message.failed", bad.id)]
    assert await stays.slugs() == ["booking_confirmation"]
