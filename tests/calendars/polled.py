"""A property whose calendars are polled from a real server on loopback."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from hospes.capabilities import bookings, calendars, properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.calendars import subscriptions
from tests.living import Api, Home, Receiver

FEEDS = Path(__file__).parent / "feeds"
SINCE = date(2026, 1, 1)
# The day on which every test's story begins. The clock is the house's and somewhere else by then,
# so what goes out is moved to its present, and what comes back is moved to the story's.
BEGIN = date(2026, 6, 20)
_DATE = re.compile(rb"(202[67])(-?)([01][0-9])(-?)([0-3][0-9])")


class Polled:
    def __init__(self, home: Home, api: Api, receiver: Receiver) -> None:
        self.home = home
        self.api = api
        self.receiver = receiver
        self.property_id = 0
        self.shift = home.clock.now().date() - BEGIN

    @classmethod
    async def open(cls, home: Home, api: Api, receiver: Receiver) -> Self:
        made = cls(home, api, receiver)
        made.property_id = await made.new_property()
        return made

    async def new_property(self, name: str = "Lilas Apartment") -> int:
        async with self.api.begin() as tx:
            new = properties.NewProperty(location_id=self.api.location_id, name=name, time_zone="Europe/Paris")
            return await properties.create(tx, new)

    def says(self, feed: str | bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """What every feed says from now on: the name of a file, or its text."""
        body = feed if isinstance(feed, bytes) else (FEEDS / feed).read_bytes() if feed.endswith(".ics") else None
        body = feed.encode() if body is None else body  # type: ignore[union-attr]
        self.receiver.answers(status, headers=headers, body=self.moved(body, self.shift))

    @staticmethod
    def moved(text: bytes, by: timedelta) -> bytes:
        """The text with every date of the story so much later."""

        def one(found: re.Match[bytes]) -> bytes:
            year, dash, month, _, day = found.groups()
            try:
                at = date(int(year), int(month), int(day)) + by
            except ValueError:
                return found[0]
            return at.strftime("%Y-%m-%d" if dash else "%Y%m%d").encode()

        return _DATE.sub(one, text)

    async def subscribe(self, channel: str = "airbnb", **more: Any) -> int:
        async with self.api.begin() as tx:
            made = await subscriptions.create(
                tx,
                self.home.server.vault,
                self.home.server.destinations,
                **{"property_id": self.property_id, "url": self.receiver.url, "channel": channel, **more},
            )
            return made.id

    async def poll(self, feed: str | bytes | None = None, **more: Any) -> None:
        """A quarter of an hour goes by."""
        if feed is not None:
            self.says(feed, **more)
        self.home.clock.advance(minutes=61)
        await self.home.worker.run_due(self.api.workspace_id)

    async def all(self, property_id: int | None = None) -> list[bookings.Booking]:
        """Every booking of the property that was not cancelled, by arrival."""
        reader = self.api.reader()
        kept = await occupancy.list_keeping(reader, property_id or self.property_id, SINCE)
        return [await bookings.get(reader, one.id) for one in kept]

    async def spans(self) -> list[tuple[str, str, str]]:
        """Arrival, departure and status of each."""
        return [
            (f"{one.arrival_on - self.shift:%m-%d}", f"{one.departure_on - self.shift:%m-%d}", one.status)
            for one in await self.all()
        ]

    async def calendar(self, calendar_id: int) -> calendars.Calendar:
        return await subscriptions.get(self.api.reader(), calendar_id)

    async def fault(self, calendar_id: int) -> str:
        fault = (await self.calendar(calendar_id)).fault or ""
        # Back from wherever the clock has come to.
        return re.sub(r"\d{4}-\d\d-\d\d", lambda found: f"{date.fromisoformat(found[0]) - self.shift}", fault)

    async def book(self, arrival: str, nights: int, **more: Any) -> bookings.Booking:
        on = date.fromisoformat(arrival) + self.shift
        new = bookings.NewBooking(
            property_id=self.property_id, arrival_on=on, departure_on=on + timedelta(days=nights), **more
        )
        async with self.api.begin() as tx:
            return await bookings.create(tx, new, evidence="test")

    async def cancel(self, booking_id: int) -> None:
        async with self.api.begin() as tx:
            await bookings.change(tx, booking_id, bookings.Changes(status="cancelled"), evidence="test")

    async def happened(self, type_: str) -> int:
        statement = "SELECT count(*) FROM events WHERE workspace_id = $1 AND type = $2"
        return await self._value(statement, type_)

    async def _value(self, statement: str, *values: Any) -> int:
        import asyncpg

        connection = await asyncpg.connect(self.home.dsn)
        found = await connection.fetchval(statement, self.api.workspace_id, *values)
        await connection.close()
        return int(found)


def calendar(*entries: str) -> str:
    """A feed with these entries."""
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN", *entries, "END:VCALENDAR", ""])


def entry(uid: str, arrival: str, departure: str, summary: str = "Reserved", *more: str) -> str:
    """An entry over whole days."""
    return "\r\n".join(
        [
            "BEGIN:VEVENT",
            f"UID:{uid}",
            f"DTSTART;VALUE=DATE:{arrival.replace('-', '')}",
            f"DTEND;VALUE=DATE:{departure.replace('-', '')}",
            f"SUMMARY:{summary}",
            *more,
            "END:VEVENT",
        ]
    )
