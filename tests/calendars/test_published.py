"""Our own calendar of a property: who may have it, and what stands in it."""

import icalendar
import pytest

from hospes.base.errors import Invalid
from hospes.capabilities import bookings, properties
from hospes.capabilities.calendars import publishing
from tests.calendars.polled import Polled, calendar, entry
from tests.living import Answer, ask


async def address(polled: Polled, reader: str = publishing.EVERYBODY) -> str:
    unit = await properties.get(polled.api.reader(), polled.property_id)
    return publishing.token(polled.home.server.vault, polled.api.workspace_id, unit, reader)


async def fetch(polled: Polled, token: str, *, method: str = "GET", tag: str | None = None) -> Answer:
    headers = [(b"host", b"testserver"), *([(b"if-none-match", tag.encode())] if tag else [])]
    return await ask(polled.home.application, method, f"/ical/{token}.ics", headers=headers)


async def test_it_says_which_nights_are_taken_and_nothing_else(polled: Polled) -> None:
    booked = await polled.book(
        "2026-07-14", 4, guest=bookings.Party(first_name="Ana", last_name="Silva", email="ana@example.com"), notes="cot"
    )
    gone = await polled.book("2026-08-01", 2)
    await polled.cancel(gone.id)

    answer = await fetch(polled, await address(polled))

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"].startswith("private")
    (event,) = icalendar.Calendar.from_ical(answer.body).walk("VEVENT")
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (booked.arrival_on, booked.departure_on)
    assert (str(event["SUMMARY"]), event["DTSTART"].params["VALUE"]) == ("Reserved", "DATE")
    assert str(event["UID"]).startswith(f"{booked.id}@{polled.property_id}.{polled.api.workspace_id}.")
    for secret in (b"Ana", b"Silva", b"example.com", b"cot"):
        assert secret not in answer.body


async def test_what_has_not_changed_is_304(polled: Polled) -> None:
    booked = await polled.book("2026-07-14", 4)
    token = await address(polled)
    first = await fetch(polled, token)

    again = await fetch(polled, token, tag=f'"other", {first.headers["etag"]}')
    head = await fetch(polled, token, method="HEAD")
    await polled.cancel(booked.id)
    changed = await fetch(polled, token, tag=first.headers["etag"])

    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (head.status, head.headers["etag"]) == (200, first.headers["etag"])
    assert changed.status == 200


async def test_an_address_that_is_not_true_is_404(polled: Polled) -> None:
    token = await address(polled)
    other = await polled.new_property("Rose House")
    last = "0" if token[-1] != "0" else "1"
    parts = token.split("-")

    for wrong in (
        token[:-1] + last,
        token.replace("-all-", "-airbnb-"),
        "-".join([parts[0], str(other), *parts[2:]]),
        "-".join(["999999", *parts[1:]]),
        "-".join(["9" * 25, *parts[1:]]),
        "x",
        "1-1-all-" + "0" * 32,
        token.upper(),
        "%00",
    ):
        answer = await fetch(polled, wrong)
        assert (answer.status, answer.body) == (404, b"There is no calendar at this address.\n"), wrong
    assert (await fetch(polled, token, method="POST")).status == 405


async def test_a_renewed_address_is_another_and_the_old_one_is_nobodys(polled: Polled) -> None:
    before = await address(polled)
    async with polled.api.begin() as tx:
        await properties.renew_calendar(tx, polled.property_id)
    after = await address(polled)

    assert (await fetch(polled, before)).status == 404
    assert (await fetch(polled, after)).status == 200


async def test_a_channel_is_not_told_of_its_own_bookings(polled: Polled) -> None:
    await polled.subscribe()
    await polled.book("2026-07-20", 2)
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18")))

    everybody, airbnb, vrbo = [
        (await fetch(polled, await address(polled, reader))).body.count(b"BEGIN:VEVENT")
        for reader in (publishing.EVERYBODY, "airbnb", "vrbo")
    ]

    assert (everybody, airbnb, vrbo) == (2, 1, 2)


async def test_a_calendar_for_nobody_is_refused(polled: Polled) -> None:
    for reader in ("direct", "google", ""):
        with pytest.raises(Invalid, match="airbnb"):
            await address(polled, reader)


async def test_both_sides_ask_each_other_for_ever_and_nothing_grows(polled: Polled) -> None:
    """Airbnb imports our calendar and writes it into its feed as closed nights, with UIDs of its own."""
    calendar_id = await polled.subscribe()
    await polled.book("2026-07-20", 2)
    token = await address(polled, "airbnb")

    for round_ in range(4):
        ours = icalendar.Calendar.from_ical((await fetch(polled, token)).body).walk("VEVENT")
        told_back = [
            entry(
                f"{round_}-{number}@airbnb.com",
                f"{event['DTSTART'].dt - polled.shift}",
                f"{event['DTEND'].dt - polled.shift}",
                "Airbnb (Not available)",
            )
            for number, event in enumerate(ours)
        ]
        await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18"), *told_back))

    assert await polled.spans() == [("07-14", "07-18", "confirmed"), ("07-20", "07-22", "confirmed")]
    assert await polled.fault(calendar_id) == ""
    assert await polled.happened("booking.created") == 2
