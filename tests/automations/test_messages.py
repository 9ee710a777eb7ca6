"""Messages to guests: what is sent when, in whose words, and that silence holds back only what it should."""

from tests.automations.staying import Stays


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
