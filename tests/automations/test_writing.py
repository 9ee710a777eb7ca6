"""Whose words guests are told in, and that each message is written once."""

import asyncio

import pytest
from babel.dates import format_date

from hospes.base.secrets import Vault
from hospes.capabilities import bookings, events
from hospes.capabilities.automations import words
from hospes.capabilities.messaging import rendering
from tests.automations.staying import Stays, concierge
from tests.messaging.mailing import new_template


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
