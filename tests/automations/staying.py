"""A stay and what follows from it: plans as they stand, messages as they were written, the feed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from hospes.base import db
from hospes.base.secrets import Vault
from hospes.capabilities import automations, bookings, events
from hospes.capabilities.automations import Concierge, Lock, Order, Told
from hospes.providers.lock_simulator import LockSimulator
from tests.living import Home
from tests.property_api.account import Account

ANA = bookings.Party(first_name="Ana", last_name="Silva", email="ana@example.com")
DOWN, REFUSED = Told(fault="timeout", may_succeed_later=True), Told(fault="HTTP 404")
GENERATED, FAILED, REVOKED = "smart_lock.code_generated", "smart_lock.code_failed", "smart_lock.code_revoked"
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Mail(msgspec.Struct):
    slug: str
    address: str
    subject: str
    text: str
    html: str | None


class Door(LockSimulator):
    """Locks of the simulator that fail as often as a test wants, before or after they did what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Told | BaseException | None] = []
        self.loses_answers = False
        self.asked: list[tuple[str, str]] = []

    def at(self, ref: str = "front") -> dict[str, str]:
        """The codes that open this lock, by name."""
        return self.codes.get(ref, {})

    async def grant(self, order: Order) -> Told:
        self.asked.append(("grant", order.ref))
        return await self._failing() or self._answer(await super().grant(order))

    async def revoke(self, ref: str, name: str) -> Told:
        self.asked.append(("revoke", ref))
        return await self._failing() or self._answer(await super().revoke(ref, name))

    async def _failing(self) -> Told | None:
        fault = self.faults.pop(0) if self.faults and not self.loses_answers else None
        if isinstance(fault, BaseException):
            raise fault
        return fault

    def _answer(self, told: Told) -> Told:
        fault = self.faults.pop(0) if self.faults and self.loses_answers else None
        if isinstance(fault, BaseException):
            raise fault
        return fault or told


class Stays:
    """An account whose guests come and go."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.home = account.home
        self.api = account.api

    def day(self, days: int) -> str:
        """So many days from now, as a date."""
        return (self.home.clock.now() + timedelta(days=days)).date().isoformat()

    async def book(self, days: int = 30, nights: int = 4, **fields: Any) -> bookings.Booking:
        """A confirmed stay of Ana's, so many days from now; she is told."""
        return await self.account.new_booking(self.day(days), nights, **{"guest": ANA, **fields})

    async def change(self, booking: bookings.Booking, *, is_silent: bool = False, **fields: Any) -> bookings.Booking:
        changes = bookings.Changes(**fields)
        async with self.api.begin() as tx:
            await bookings.change(tx, booking.id, changes, evidence="test", is_silent=is_silent)
            return await bookings.get(tx, booking.id)

    async def look(self, booking: bookings.Booking) -> bookings.Booking:
        return await bookings.get(self.api.reader(), booking.id)

    async def use_lock(self, brand: str = "simulator", ref: str | None = "front", days: int = 5) -> None:
        async with self.api.begin() as tx:
            await automations.use_lock(tx, self.account.property_id, brand=brand, ref=ref, days=days)

    async def code(self, booking: bookings.Booking) -> str | None:
        """The lock's code as the API shows it."""
        shown = await self.look(booking)
        return bookings.showing.sensitive(shown, self.home.server.vault, self.api.workspace_id).smart_lock_code  # type: ignore[return-value]

    async def work(self) -> None:
        """Let the worker do all that is due; what follows from that too."""
        await self.home.worker.run_due(self.api.workspace_id)

    async def until(self, instant: datetime) -> None:
        """Wait until then, and let the worker do what is due."""
        self.home.clock.advance(seconds=(instant - self.home.clock.now()).total_seconds())
        await self.work()

    async def plan(self, booking: bookings.Booking) -> dict[str, datetime]:
        """What is still to be done, and when."""
        rows = await self._fetch(
            "SELECT step, due_at FROM booking_plans WHERE workspace_id = $1 AND booking_id = $2 AND due_at IS NOT NULL",
            booking.id,
        )
        return {row["step"]: row["due_at"] for row in rows}

    async def mails(self) -> list[Mail]:
        rows = await self._fetch(
            "SELECT template_slug, address, subject, plain, html FROM messages WHERE workspace_id = $1 ORDER BY id"
        )
        return [Mail(*row) for row in rows]

    async def slugs(self) -> list[str]:
        return [mail.slug for mail in await self.mails()]

    async def feed(self) -> list[tuple[str, dict[str, Any]]]:
        """What was done by itself, the oldest first."""
        found, _ = await events.list_at_property(
            self.api.reader(),
            self.account.property_id,
            list(automations.TYPES),
            booking_id=None,
            since=_FIRST,
            before=_LAST,
            limit=100,
            offset=0,
        )
        return [(one.type, one.payload) for one in sorted(found, key=lambda one: one.position)]

    async def types(self) -> list[str]:
        return [type_ for type_, _ in await self.feed()]

    async def _fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.home.dsn)
        try:
            return await connection.fetch(statement, self.api.workspace_id, *values)
        finally:
            await connection.close()


@asynccontextmanager
async def concierge(home: Home, vault: Vault, brands: Mapping[str, Lock]) -> AsyncIterator[Concierge]:
    """A worker of its own, with connections of its own."""
    database = await db.connect(home.dsn, clock=home.clock, size=4, statement_timeout_ms=15_000, is_patient=False)
    database.reactions = home.server.database.reactions
    try:
        url = home.server.settings.public_url
        yield Concierge(database, vault, home.clock, brands, instant=home.server.instant, public_url=url)
    finally:
        await database.close()


async def until(stays: Stays, worker: Concierge, instant: datetime) -> None:
    """Wait until then, and let this worker do what is due."""
    stays.home.clock.advance(seconds=(instant - stays.home.clock.now()).total_seconds())
    await worker.run(stays.api.workspace_id)


def lock_events(types: list[str]) -> list[str]:
    return [type_ for type_ in types if type_.startswith("smart_lock")]
