"""How feeds are asked for: validators, redirects, leases, and what an unchanged feed costs."""

import asyncio
from datetime import timedelta

import pytest

from hospes.capabilities.calendars import CalendarPolls, claims
from hospes.providers.calendar_feeds import CalendarFeeds
from hospes.providers.destinations import Destinations
from hospes.providers.outbound import Outbound
from tests.calendars.polled import Polled, calendar, entry
from tests.living import Received

FEED = calendar(entry("a", "2026-07-14", "2026-07-18"))


async def test_validators_are_sent_back_and_304_is_enough(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    stamp = "Sat, 20 Jun 2026 10:00:00 GMT"
    await polled.poll(FEED, headers={"ETag": '"v1"', "Last-Modified": stamp})

    await polled.poll("", status=304)

    asked = polled.receiver.received[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"v1"', stamp)
    now = await polled.calendar(calendar_id)
    assert (now.fault, now.failures, now.good_at) == (None, 0, polled.home.clock.now())
    assert now.changed_at is not None and now.good_at is not None and now.changed_at < now.good_at


async def test_the_same_feed_with_new_stamps_is_the_same_feed(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    for minute in range(3):
        await polled.poll(
            calendar(entry("a", "2026-07-14", "2026-07-18", "Reserved", f"DTSTAMP:20250620T10{minute:02}00Z"))
        )

    now = await polled.calendar(calendar_id)

    assert now.changed_at is not None and now.good_at is not None
    assert now.good_at - now.changed_at > timedelta(hours=1)


async def test_validators_are_not_sent_while_something_is_left_open(polled: Polled) -> None:
    await polled.subscribe()
    await polled.book("2026-07-15", 1)
    await polled.poll(FEED, headers={"ETag": '"v1"'})

    await polled.poll()

    assert "if-none-match" not in polled.receiver.received[-1].headers


async def test_redirects_are_followed_three_times_and_no_more(polled: Polled) -> None:
    calendar_id = await polled.subscribe()
    left = 3

    async def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
        nonlocal left
        left -= 1
        if left >= 0:
            return 302, {"Location": "/elsewhere.ics#part"}, b""
        return 200, {}, polled.moved(FEED.encode(), polled.shift)

    polled.receiver.answer = answer  # type: ignore[assignment]
    await polled.poll()
    assert await polled.spans() == [("07-14", "07-18", "confirmed")]

    left = 4
    await polled.poll()

    assert "HTTP 302" in await polled.fault(calendar_id)
    assert len(polled.receiver.received) == 4 + 4


@pytest.mark.parametrize(
    "onward",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/a.ics",
        "file:///etc/passwd",
        "https://metadata.google.internal/",
        "http://[::ffff:a9fe:a9fe]/",
        "//[",
        "ftp://example.com/",
    ],
)
async def test_a_redirect_inside_is_refused(polled: Polled, onward: str) -> None:
    calendar_id = await polled.subscribe()

    await polled.poll("", status=302, headers={"Location": onward})

    assert "may not be asked" in await polled.fault(calendar_id)


async def test_a_feed_that_fails_is_asked_less_often_and_mends(polled: Polled) -> None:
    calendar_id = await polled.subscribe(every_minutes=10)
    await polled.poll(FEED)
    waits = []
    for _ in range(5):
        await polled.poll("", status=503)
        now = await polled.calendar(calendar_id)
        waits.append((now.due_at - polled.home.clock.now()).total_seconds() / 600)

    await polled.poll(FEED)

    assert [round(wait) for wait in waits] == [1, 2, 3, 4, 4]
    now = await polled.calendar(calendar_id)
    assert (now.fault, now.failures) == (None, 0)


async def test_several_workers_never_poll_one_feed_twice_at_once(polled: Polled) -> None:
    server = polled.home.server
    for number in range(12):
        await polled.subscribe(url=f"{polled.receiver.url}/{number}")

    async def slowly(_: Received) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(0.05)
        return 200, {}, polled.moved(calendar().encode(), polled.shift)

    polled.receiver.answer = slowly  # type: ignore[assignment]
    polled.home.clock.advance(minutes=1)
    async with Outbound(Destinations(allow_loopback=True), server.clock) as outbound:
        jobs = [
            CalendarPolls(server.database, server.vault, server.clock, CalendarFeeds(outbound), instant=server.instant)
            for _ in range(3)
        ]
        await asyncio.gather(*(job.run(polled.api.workspace_id) for job in jobs))

    assert len(polled.receiver.received) == 12


async def test_a_worker_whose_lease_ran_out_writes_nothing(polled: Polled) -> None:
    calendar_id = await polled.subscribe()

    async def meanwhile(_: Received) -> tuple[int, dict[str, str], bytes]:
        # Fetching took so long that another worker has the calendar by now.
        polled.home.clock.advance(minutes=6)
        reader = polled.api.reader()
        await claims.claim(reader, house_now=polled.home.clock.now(), most=10)
        return 200, {}, polled.moved(FEED.encode(), polled.shift)

    polled.receiver.answer = meanwhile  # type: ignore[assignment]
    await polled.poll()

    assert await polled.spans() == []
    assert (await polled.calendar(calendar_id)).polled_at is None


async def test_an_address_inside_is_not_taken(polled: Polled) -> None:
    from hospes.base.errors import Invalid

    for url in ("https://10.0.0.1/a.ics", "ftp://example.com/a.ics", "calendar.ics", "https://intranet/a.ics"):
        with pytest.raises(Invalid):
            await polled.subscribe(url=url)


async def test_the_address_of_a_feed_is_sealed(polled: Polled) -> None:
    import asyncpg

    await polled.subscribe(url="https://www.airbnb.com/calendar/ical/1.ics?s=topsecret")

    connection = await asyncpg.connect(polled.home.dsn)
    row = await connection.fetchrow("SELECT * FROM calendars WHERE workspace_id = $1", polled.api.workspace_id)
    await connection.close()
    assert b"topsecret" not in row["url"]
    assert "topsecret" not in str(dict(row))
