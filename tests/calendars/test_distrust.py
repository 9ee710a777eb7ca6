"""Feeds that are broken, thin, empty, hostile or not there: bookings stay, and a person is told in words."""

import contextlib
from zoneinfo import ZoneInfo

import pytest

from hospes.capabilities.calendars import feeds
from tests.calendars.polled import Polled, calendar, entry

FOUR = [entry(str(n), f"2026-08-{n:02}", f"2026-08-{n + 1:02}") for n in (1, 5, 9, 13)]
SPANS = [("08-01", "08-02"), ("08-05", "08-06"), ("08-09", "08-10"), ("08-13", "08-14")]


async def spans(polled: Polled) -> list[tuple[str, str]]:
    return [span[:2] for span in await polled.spans()]


async def test_half_of_the_stays_may_go_at_once(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(*FOUR))

    await polled.poll(calendar(*FOUR[:2]))

    assert await spans(polled) == SPANS[:2]


@pytest.mark.parametrize("left", [0, 1])
async def test_more_than_half_goes_only_when_it_stays_gone(polled: Polled, left: int) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll(calendar(*FOUR))

    for turn in (1, 2, 3):
        await polled.poll(calendar(*FOUR[:left]))
        assert await spans(polled) == SPANS
        assert f"this was time {turn}." in await polled.fault(calendar_id)
    await polled.poll()

    assert await spans(polled) == SPANS[:left]


async def test_a_feed_that_is_itself_again_begins_the_count_anew(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    for feed in (FOUR, [], [], [], FOUR, [], [], []):
        await polled.poll(calendar(*feed))

    assert await spans(polled) == SPANS
    assert "this was time 3." in await polled.fault(calendar_id)


async def test_blocks_are_kept_while_a_feed_is_thin(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(entry("w", "2026-08-01", "2026-08-10", "Airbnb (Not available)")))

    for _ in range(3):
        await polled.poll(calendar())
        assert await spans(polled) == [("08-01", "08-10")]
    await polled.poll()

    assert await spans(polled) == []


WHOLE = calendar(*FOUR)
BROKEN = {
    "an error": (500, b"oops"),
    "gone": (404, b"not found"),
    "a page": (200, b"<html><body>Log in</body></html>"),
    "nothing": (200, b""),
    "cut off": (200, WHOLE.encode()[: len(WHOLE) // 2]),
    "cut off between entries": (200, WHOLE.encode().removesuffix(b"END:VCALENDAR\r\n")),
    "an entry without an end": (200, WHOLE.replace("END:VEVENT\r\nEND:VCALENDAR", "END:VCALENDAR").encode()),
    "an entry inside another": (200, WHOLE.replace("END:VEVENT\r\n", "", 1).encode()),
    "zip": (200, b"\x1f\x8b\x08\x00" + b"\0" * 1000),
    "noise": (200, bytes(range(256)) * 50),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_no_calendar_changes_nothing_however_often_it_comes(polled: Polled, what: str) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll(WHOLE)
    status, body = BROKEN[what]

    for _ in range(6):
        await polled.poll(body, status=status)

    assert await spans(polled) == SPANS
    now = await polled.calendar(calendar_id)
    assert (now.fault or "").endswith("Nothing was changed; it is tried again.")
    assert now.failures > 1
    await polled.poll(WHOLE)
    polled.home.clock.advance(hours=2)
    await polled.poll()
    assert await polled.fault(calendar_id) == ""


def odd(*lines: str) -> str:
    return calendar(*FOUR[:3], "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"]))


ODD = {
    "no date": odd("UID:x", "SUMMARY:Reserved"),
    "a date that is none": odd("UID:x", "DTSTART;VALUE=DATE:20269999", "SUMMARY:Reserved"),
    "the end before the start": odd("UID:x", "DTEND;VALUE=DATE:20260801", "DTSTART;VALUE=DATE:20260810"),
    "a year far away": odd("UID:x", "DTSTART;VALUE=DATE:99990101", "DTEND;VALUE=DATE:99990105"),
    "a year before any": odd("UID:x", "DTSTART;VALUE=DATE:00010101", "DTEND;VALUE=DATE:99990105"),
    "a huge time zone": odd("UID:x", f"DTSTART;TZID={'A' * 100_000}:20260820T100000"),
    "a path for a time zone": odd("UID:x", "DTSTART;TZID=../../../etc/passwd:20260820T100000"),
    "an instant that does not fit": odd("UID:x", "DTSTART:00010101T000000Z", "DTEND:20260820T100000Z"),
    "a duration without end": odd("UID:x", "DTSTART;VALUE=DATE:20260820", "DURATION:P99999999999D"),
    "a billion times": odd("UID:x", "DTSTART;VALUE=DATE:20260713", "RRULE:FREQ=SECONDLY;COUNT=1000000000"),
    "an interval of nothing": odd("UID:x", "DTSTART;VALUE=DATE:20260713", "RRULE:FREQ=DAILY;INTERVAL=0"),
    "a million lines": odd("UID:x", "DTSTART;VALUE=DATE:20260713", *(["X-A:1"] * 400_000)),
    "a long description": odd("UID:x", "DTSTART;VALUE=DATE:20260713", "DESCRIPTION:" + "é" * 1_000_000),
    "a long uid": odd("UID:" + "x" * 1_000_000, "DTSTART;VALUE=DATE:20260713"),
    "zero bytes": odd("UID:x\0y", "DTSTART;VALUE=DATE:20260713", "SUMMARY:Reserved\0"),
    "no uid": odd("DTSTART;VALUE=DATE:20260713", "SUMMARY:Reserved"),
    "a period for a date": odd("UID:x", "DTSTART;VALUE=PERIOD:20260713T000000Z/P1D"),
    "deep": odd("UID:x", "DTSTART;VALUE=DATE:20260713", *["BEGIN:VALARM"] * 5000, *["END:VALARM"] * 5000),
}


@pytest.mark.parametrize("what", ODD)
async def test_an_odd_entry_spoils_no_other(polled: Polled, what: str) -> None:
    await polled.subscribe()
    await polled.poll(calendar(*FOUR))
    began = polled.home.server.clock.monotonic()

    await polled.poll(ODD[what])

    assert set(SPANS[:3]) <= set(await spans(polled))
    assert polled.home.server.clock.monotonic() >= began


async def test_an_entry_that_cannot_be_read_cancels_nothing_at_first(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    await polled.poll(calendar(*FOUR))

    for _ in range(3):
        await polled.poll(ODD["no date"])
        assert await spans(polled) == SPANS
    await polled.poll()

    assert await spans(polled) == SPANS[:3]
    assert "1 entry could not be read" in await polled.fault(calendar_id)


async def test_more_entries_than_anybody_has_are_refused(polled: Polled) -> None:
    calendar_id = await polled.subscribe()

    await polled.poll(calendar(*["BEGIN:VEVENT\r\nEND:VEVENT"] * 2001))

    assert "more than 2,000 entries" in await polled.fault(calendar_id)


async def test_a_feed_of_more_than_5_mb_is_not_read(polled: Polled) -> None:
    calendar_id = await polled.subscribe()

    await polled.poll(b"BEGIN:VCALENDAR" + b"x" * (5 * 1024 * 1024))

    assert "larger than 5 MB" in await polled.fault(calendar_id)


async def test_days_longer_than_a_stay_can_be_are_said(polled: Polled) -> None:
    calendar_id = await polled.subscribe()

    await polled.poll(calendar(entry("a", "2026-07-14", "2032-07-14"), *FOUR[:1]))

    assert await spans(polled) == SPANS[:1]
    assert "cannot be taken over: A stay has at most 1,000 nights." in await polled.fault(calendar_id)


async def test_a_cancelled_entry_is_no_entry_and_a_tentative_one_is_pending(polled: Polled) -> None:
    await polled.subscribe()

    await polled.poll(
        calendar(
            entry("a", "2026-07-14", "2026-07-18", "Reserved", "STATUS:CANCELLED"),
            entry("b", "2026-08-01", "2026-08-03", "Reserved", "STATUS:TENTATIVE"),
        )
    )

    assert await polled.spans() == [("08-01", "08-03", "pending")]


async def test_folded_lines_a_byte_order_mark_and_bare_line_feeds_are_read(polled: Polled) -> None:
    await polled.subscribe("vrbo")
    text = "\ufeff" + calendar(
        "BEGIN:VEVENT\r\nUID:a\r\nDTSTART;VALUE=DATE:2026\r\n 0714\r\nDTEND;VALUE=DATE:20260718\r\n"
        "SUMMARY:Reserved - A\r\n na Zo\r\n\të\r\nEND:VEVENT"
    )

    await polled.poll(text)
    (crlf,) = await polled.all()
    await polled.poll(text.replace("\r\n", "\n"))
    (lf,) = await polled.all()

    assert (crlf.guest_name, lf.id) == ("Ana Zoë", crlf.id)


async def test_an_end_on_the_first_day_is_one_night_and_an_hour_is_none(polled: Polled) -> None:
    await polled.subscribe()

    await polled.poll(
        calendar(
            entry("a", "2026-07-14", "2026-07-14"),
            "BEGIN:VEVENT\r\nUID:b\r\nDTSTART;VALUE=DATE:20260720\r\nSUMMARY:Reserved\r\nEND:VEVENT",
            "BEGIN:VEVENT\r\nUID:c\r\nDTSTART;VALUE=DATE:20260722\r\nDURATION:P3D\r\nSUMMARY:Reserved\r\nEND:VEVENT",
            "BEGIN:VEVENT\r\nUID:d\r\nDTSTART:20260801T100000\r\nDTEND:20260801T120000\r\nSUMMARY:Reserved\r\nEND:VEVENT",
        )
    )

    assert await spans(polled) == [("07-14", "07-15"), ("07-20", "07-21"), ("07-22", "07-25")]


def full(*lines: str) -> bytes:
    """As many entries as are read, each as long as 5 MB allow."""
    one = "\r\n".join(["BEGIN:VEVENT", "UID:{}", "DTSTART;VALUE=DATE:20260713", *lines, "END:VEVENT"])
    return calendar(*(one.replace("{}", str(number)) for number in range(2000))).encode()


WORST = {
    "descriptions": full("DESCRIPTION:" + "airbnb.com/" * 200),
    "titles": full("SUMMARY:" + "closed " * 300),
    "one uid": full().replace(b"UID:", b"UID:a\r\nX:"),
    "parameters": full("DTEND;" + ";".join(f"X{number}=1" for number in range(300)) + ":20260715"),
    "folds": b"BEGIN:VCALENDAR\r\nX:" + b"\r\n x" * 1_200_000 + b"\r\nEND:VCALENDAR",
    "begins": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + b"BEGIN:A\r\n" * 500_000 + b"END:VCALENDAR",
}


ENTRIES = {"descriptions": 2000, "titles": 2000, "one uid": 1, "parameters": 2000, "folds": 0, "begins": 0}


@pytest.mark.parametrize("what", WORST)
def test_the_worst_that_fits_is_read_or_refused(what: str) -> None:
    """A61. Each takes a second or two; what were to take minutes would not let the tests end."""
    found = 0
    with contextlib.suppress(feeds.Broken):
        feed = feeds.read(WORST[what][: 5 * 1024 * 1024], "airbnb", zone=ZoneInfo("Europe/Paris"), own_domain="x")
        found = len(feed.entries)

    assert found == ENTRIES[what]
