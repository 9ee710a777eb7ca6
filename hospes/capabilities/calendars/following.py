"""Following a feed: what `difference` planned becomes bookings, by the verbs that everybody uses."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from hospes.base.db import Tx
from hospes.base.errors import Conflict
from hospes.capabilities import bookings, properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.bookings.occupancy import Kept
from hospes.capabilities.calendars import difference, mirror, nights, room, settling
from hospes.capabilities.calendars.claims import Claimed, State
from hospes.capabilities.calendars.difference import STAY, Plan
from hospes.capabilities.calendars.feeds import Entry, Feed
from hospes.capabilities.calendars.settling import Do, Step, Stuck

_MOST_TOLD = 3
_TAKEN = "these nights are another booking's here"


async def follow(tx: Tx, calendar: Claimed, feed: Feed) -> State:
    """Take a feed over; returns what is to be remembered of it. Bookings of others are never overwritten."""
    unit = await properties.get(tx, calendar.property_id)
    today = tx.now.astimezone(ZoneInfo(unit.time_zone)).date()
    here = await mirror.here(tx, calendar, today)
    plan = difference.plan(here, feed, closed_is=calendar.closed_is, today=today, now=tx.now)
    follower = _Follower(tx, calendar, today)
    await follower.cancel(plan)
    await follower.stays(plan)
    await follower.blocks(plan.blocked)
    faults = [*_thinned(calendar, plan), *follower.conflicts, *plan.notes]
    return State(
        is_changed=follower.is_changed,
        fault=_told(faults),
        thin_polls=calendar.thin_polls + 1 if plan.is_thin else 0,
        echoes=plan.echoes,
        is_settled=not plan.is_thin and not follower.conflicts,
    )


def _thinned(calendar: Claimed, plan: Plan) -> list[str]:
    if not plan.is_thin or calendar.thin_polls + 1 >= difference.THIN_POLLS:
        return []
    told = (
        "Most of the coming stays are missing from the feed, or parts of it cannot be read. Nothing is cancelled "
        f"unless it is so {difference.THIN_POLLS} times in a row; this was time {calendar.thin_polls + 1}."
    )
    return [told]


def _told(faults: Sequence[str]) -> str | None:
    if not faults:
        return None
    more = len(faults) - _MOST_TOLD
    return " ".join([*faults[:_MOST_TOLD], *([f"And {more} more."] if more > 0 else [])])


class _Follower:
    """One feed being followed: what could not be done, and whether anything was."""

    def __init__(self, tx: Tx, calendar: Claimed, today: date) -> None:
        self.conflicts: list[str] = []
        self.is_changed = False
        self._tx = tx
        self._calendar = calendar
        self._today = today
        self._evidence = room.evidence(calendar.channel)
        self._links: list[tuple[str, int, bool]] = []

    async def cancel(self, plan: Plan) -> None:
        """What is not in the feed any more."""
        for one in plan.cancel:
            await self._change(one.booking_id, bookings.Changes(status="cancelled"))
        gone = [one.uid for one in (*plan.cancel, *plan.forget)]
        renamed = [one.known.uid for one in plan.keep if one.known.uid != one.entry.uid]
        await mirror.drop(self._tx, self._calendar.id, [*gone, *renamed])

    async def stays(self, plan: Plan) -> None:
        """Known stays move first, to where others of them leave; then come the new ones."""
        steps = [
            Step(one.entry, self._moving(one.known.booking_id, one.entry), one.known.booking_id) for one in plan.moves
        ]
        called = await self._called(plan)
        used = {one.known.code for one in plan.keep}
        for entry in plan.create:
            # Two entries may name one reservation: the first is it, the other goes by its UID.
            code = entry.uid if entry.code is None or entry.code in used else entry.code
            used.add(code)
            steps.append(Step(entry, self._making(entry, called.get(code), code)))
        for stuck in await settling.settle(self._tx, steps):
            if not await self._made_room(stuck):
                self._conflict(stuck)
        for one in plan.keep:
            if one.known.uid != one.entry.uid or one.known.is_certain != (one.entry.kind == STAY):
                self._links.append((one.entry.uid, one.known.booking_id, one.entry.kind == STAY))
        await mirror.put(self._tx, self._calendar.id, self._links)

    async def blocks(self, wanted: set[date]) -> None:
        """The calendar's own blocks become these nights, with as few changes as it takes."""
        keeping = await occupancy.list_keeping(self._tx, self._calendar.property_id, self._today)
        present = [one for one in keeping if mirror.is_block_of(one, self._calendar.id)]
        steps = []
        for arrival, departure in nights.runs(wanted):
            shared = [one for one in present if one.arrival_on < departure and arrival < one.departure_on]
            if not shared:
                steps.append(self._blocking(arrival, departure))
                continue
            present.remove(shared[0])
            # The nights behind us are no news.
            begun = shared[0].arrival_on < self._today == arrival
            step = self._stretching(shared[0], shared[0].arrival_on if begun else arrival, departure)
            steps += [step] if step else []
        for one in present:
            await self._free(one)
        for stuck in await settling.settle(self._tx, steps):
            self._conflict(stuck)

    async def _called(self, plan: Plan) -> dict[str, Kept]:
        """Bookings that the channel calls by these names: from before, or from another calendar of it."""
        if not plan.create:
            return {}
        names = [name for one in plan.create for name in (one.code, one.uid) if name]
        tx, calendar = self._tx, self._calendar
        found = await occupancy.list_called(tx, calendar.property_id, calendar.channel, names)
        kept = {one.known.booking_id for one in plan.keep}
        return {one.channel_booking_id or "": one for one in found if one.id not in kept}

    def _moving(self, booking_id: int, entry: Entry) -> Do:
        async def do() -> None:
            await self._change(
                booking_id,
                bookings.Changes(arrival_on=entry.arrival, departure_on=entry.departure, status=entry.status),
            )

        return do

    def _making(self, entry: Entry, known: Kept | None, code: str) -> Do:
        async def do() -> None:
            if known is not None:
                await self._moving(known.id, entry)()
                booking_id = known.id
            else:
                booking_id = await self._create(entry, code)
            self._links.append((entry.uid, booking_id, entry.kind == STAY))

        return do

    async def _create(self, entry: Entry, code: str) -> int:
        first, _, last = (entry.name or "").partition(" ")
        guest = bookings.Party(first_name=first, last_name=last or None) if entry.name else bookings.Party()
        new = bookings.NewBooking(
            property_id=self._calendar.property_id,
            arrival_on=entry.arrival,
            departure_on=entry.departure,
            channel=self._calendar.channel,
            channel_booking_id=code,
            status=entry.status,
            calendar_id=self._calendar.id,
            guest=guest,
        )
        # Silent: a channel confirms its bookings, and tells their guests of changes, by itself.
        made = await bookings.create(self._tx, new, evidence=self._evidence, is_silent=True)
        self.is_changed = True
        return made.id

    async def _change(self, booking_id: int, changes: bookings.Changes) -> None:
        await bookings.change(self._tx, booking_id, changes, evidence=self._evidence)
        self.is_changed = True

    async def _free(self, block: Kept) -> None:
        """The block ends; what of it lies behind us stays."""
        begun = block.arrival_on < self._today
        changes = bookings.Changes(departure_on=self._today) if begun else bookings.Changes(status="cancelled")
        await self._change(block.id, changes)

    def _blocking(self, arrival: date, departure: date) -> Step:
        async def do() -> None:
            await room.block(self._tx, self._calendar, arrival, departure)
            self.is_changed = True

        return Step(Entry("", arrival, departure, difference.BLOCK), do)

    def _stretching(self, block: Kept, arrival: date, departure: date) -> Step | None:
        if departure - arrival > bookings.stays.LONGEST:
            arrival = departure - bookings.stays.LONGEST
        if (arrival, departure) == block.span:
            return None

        async def do() -> None:
            changes = bookings.Changes(arrival_on=arrival, departure_on=departure)
            await self._change(block.id, changes)

        return Step(Entry("", arrival, departure, difference.BLOCK), do, block.id)

    async def _made_room(self, stuck: Stuck) -> bool:
        """Once more, after whoever gives way has done so; not for what fails for another reason."""
        entry: Entry = stuck.step.about

        async def do() -> None:
            if not await room.make(self._tx, self._calendar, entry, is_certain=entry.kind == STAY):
                raise Conflict
            await stuck.step.do()

        return isinstance(stuck.error, Conflict) and await settling.tried(self._tx, do) is None

    def _conflict(self, stuck: Stuck) -> None:
        entry: Entry = stuck.step.about
        why = _TAKEN if isinstance(stuck.error, Conflict) else stuck.error.message
        self.conflicts.append(
            f"{entry.arrival} to {entry.departure} cannot be taken over: {why}. "
            "Nothing was overwritten; it is tried again at each poll."
        )
