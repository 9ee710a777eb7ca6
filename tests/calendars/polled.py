"""A property whose calendars are polled from a real server on loopback."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from hospes.capabilities import bookings, calendars, properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.calendars import subscriptions
from tests.living import Api, Home, Receiver

FEEDS = Path(__file__).parent / "feeds"
SINCE = date(2026, 1, 1)


class Polled:
    def __init__(self, home: Home, api: Api, receiver: Receiver) -> None:
        self.home = home
        self.api = api
        self.receiver = receiver
        self.property_id = 0

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
        self.receiver.answers(status, headers=headers, body=feed.encode() if body is None else body)  # type: ignore[union-attr]

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
        return [(f"{one.arrival_on:%m-%d}", f"{one.departure_on:%m-%d}", one.status) for one in await self.all()]

    async def calendar(self, calendar_id: int) -> calendars.Calendar:
        return await subscriptions.get(self.api.reader(), calendar_id)

    async def fault(self, calendar_id: int) -> str:
        return (await self.calendar(calendar_id)).fault or ""

    async def book(self, arrival: str, nights: int, **more: Any) -> bookings.Booking:
        on = date.fromisoformat(arrival)
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
