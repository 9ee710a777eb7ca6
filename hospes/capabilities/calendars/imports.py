"""Taking a table of bookings over, all of it or nothing.

A line is a booking that is known when it has its id, or its channel's name for it, or when a booking
of the same channel has the same nights at the same property. Cells that are empty change nothing.
A known booking keeps its guest: what a table says of people only counts for bookings that it makes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hospes.base.db import Tx
from hospes.base.errors import Conflict, HospesError, Invalid, NotFound
from hospes.capabilities import bookings, properties
from hospes.capabilities.bookings import occupancy
from hospes.capabilities.calendars import settling, subscriptions, undoing
from hospes.capabilities.calendars.settling import Step
from hospes.capabilities.calendars.tables import Fault, Line, Table
from hospes.capabilities.calendars.undoing import FIELDS, Trace

_EVIDENCE = "import"
_OF_CHANNEL = {"arrival_on", "departure_on", "status"}


class Difference(msgspec.Struct, frozen=True):
    """What a line does: `changed` names fields, and is None for a booking that is new."""

    line: int
    booking_id: int
    changed: list[str] | None


class Report(msgspec.Struct, frozen=True):
    """What an import does, or would do. With anything conflicting or unreadable, nothing was written."""

    import_id: int | None
    new: list[Difference]
    changed: list[Difference]
    unchanged: int
    conflicting: list[Fault]
    unreadable: list[Fault]
    ignored_columns: list[str]

    @property
    def is_clean(self) -> bool:
        return not self.conflicting and not self.unreadable


class _Withdrawn(HospesError):
    """What was written is not to stay."""


async def run(
    tx: Tx,
    table: Table,
    *,
    name: str,
    property_id: int | None = None,
    is_dry: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> Report:
    """Take the table over, or only say what would be done; `property_id` is for lines that name none.

    Nothing is written when the report has no `import_id`. Raises NotFound for the property.
    """
    importer = _Importer(tx, await _units(tx, property_id), property_id)
    report = None
    try:
        async with tx.undoable():
            report = await _taken_over(tx, importer, table, name=name, on_progress=on_progress)
            _check(report, is_dry=is_dry)
    except _Withdrawn:
        assert report is not None
        return msgspec.structs.replace(report, import_id=None)
    return report


def _check(report: Report, *, is_dry: bool) -> None:
    if is_dry or not report.is_clean:
        raise _Withdrawn


async def _taken_over(
    tx: Tx, importer: "_Importer", table: Table, *, name: str, on_progress: Callable[[str, int, int], None]
) -> Report:
    steps, unreadable = await _planned(importer, table, on_progress)
    conflicting = []
    for stuck in await settling.settle(tx, [_counted(step, len(steps), on_progress) for step in steps]):
        line = stuck.step.about
        if isinstance(stuck.error, Conflict):
            conflicting.append(Fault(line.number, await importer.why(line, stuck.error)))
        else:
            unreadable.append(Fault(line.number, stuck.error.message))
    return Report(
        await undoing.keep(tx, name, importer.traces),
        [one for one in importer.differences if one.changed is None],
        [one for one in importer.differences if one.changed],
        importer.unchanged,
        _sorted(conflicting),
        _sorted(unreadable),
        table.ignored,
    )


async def _planned(
    importer: "_Importer", table: Table, on_progress: Callable[[str, int, int], None]
) -> tuple[list[Step], list[Fault]]:
    """What the lines ask for, and those that ask for nothing that can be understood."""
    steps, faults = [], [*table.faults]
    for place, (line, fault) in enumerate(zip(table.lines, _repeated(table.lines), strict=True), start=1):
        try:
            if fault is None:
                steps.append(await importer.step(line))
        except Invalid as error:
            fault = Fault(line.number, error.message)  # noqa: PLW2901
        faults += [fault] if fault is not None else []
        on_progress("Compared", place, len(table.lines))
    return steps, faults


def _counted(step: Step, every: int, on_progress: Callable[[str, int, int], None]) -> Step:
    async def do() -> None:
        await step.do()
        on_progress("Taken over", step.about.number, every)

    return msgspec.structs.replace(step, do=do)


def _sorted(faults: list[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda one: one.line)


def _repeated(lines: Sequence[Line]) -> list[Fault | None]:
    """A fault for each line that is about the booking of an earlier one."""
    seen: dict[Any, int] = {}
    found: list[Fault | None] = []
    for line in lines:
        cells = line.cells
        keys = [("id", cells["id"])] if "id" in cells else []
        if "channel_booking_id" in cells:
            keys.append(
                (cells.get("property"), cells.get("channel", "direct"), cells["channel_booking_id"])  # type: ignore[arg-type]
            )
        earlier = next((seen[key] for key in keys if key in seen), None)
        found.append(Fault(line.number, f"It is the same booking as line {earlier}.") if earlier else None)
        seen |= dict.fromkeys(keys, line.number)
    return found


class _Units(msgspec.Struct, frozen=True):
    by_id: dict[int, str]
    by_name: dict[str, int]


async def _units(tx: Tx, property_id: int | None) -> _Units:
    """The workspace's properties by id and name. Raises NotFound for the one that is given."""
    found = await properties.list_every(tx)
    if property_id is not None and all(one.id != property_id for one in found):
        raise NotFound(f"There is no property {property_id}. See them all with: hospes properties list")
    names = [one.name.casefold() for one in found]
    return _Units(
        {one.id: one.name for one in found},
        {one.name.casefold(): one.id for one in found if names.count(one.name.casefold()) == 1},
    )


class _Importer:
    """One import: what it does, and how it was before."""

    def __init__(self, tx: Tx, units: _Units, property_id: int | None) -> None:
        self.differences: list[Difference] = []
        self.traces: list[Trace] = []
        self.unchanged = 0
        self._lines: dict[int, int] = {}
        self._tx = tx
        self._units = units
        self._property_id = property_id

    async def step(self, line: Line) -> Step:
        """What a line asks for. Raises Invalid."""
        unit_id = self._unit(line)
        known = await self._known(line, unit_id)
        if known is not None:
            self._check_single(known.id, line)
        else:
            new = _new(line, unit_id)

            async def make() -> None:
                made = await bookings.create(self._tx, new, evidence=_EVIDENCE, is_silent=True)
                self.differences.append(Difference(line.number, made.id, None))
                self.traces.append(Trace(made.id, None, undoing.snapshot(made)))

            return Step(line, make)

        async def change() -> None:
            await self._change(line, known)

        return Step(line, change, known.id)

    def _check_single(self, booking_id: int, line: Line) -> None:
        earlier = self._lines.setdefault(booking_id, line.number)
        if earlier != line.number:
            raise Invalid(f"It is the same booking as line {earlier}.")

    async def why(self, line: Line, error: Conflict) -> str:
        """In words, with the bookings that stand in the way."""
        unit_id, arrival, departure = self._unit(line), line.cells.get("arrival"), line.cells.get("departure")
        if arrival is None or departure is None or not error.message.startswith("These dates"):
            return error.message
        kept = await occupancy.list_keeping(self._tx, unit_id, arrival)
        who = [f"{one.id} ({one.arrival_on} to {one.departure_on})" for one in kept if one.arrival_on < departure]
        return f"{error.message}: {', '.join(who[:3])}." if who else error.message

    async def _change(self, line: Line, known: bookings.Booking) -> None:
        wanted = {field: line.cells[column] for column, field in FIELDS.items() if column in line.cells}
        changed = [field for field, value in wanted.items() if getattr(known, field) != value]
        if not changed:
            self.unchanged += 1
            return
        if _OF_CHANNEL & set(changed) and await subscriptions.keeps(self._tx, known.id, known.calendar_id):
            raise Conflict(f"Booking {known.id} follows a calendar: its dates and status change at its channel.")
        after = await bookings.change(
            self._tx, known.id, bookings.Changes(**{field: wanted[field] for field in changed}), evidence=_EVIDENCE
        )
        self.differences.append(Difference(line.number, known.id, changed))
        self.traces.append(Trace(known.id, undoing.snapshot(known), undoing.snapshot(after)))

    def _unit(self, line: Line) -> int:
        named = line.cells.get("property")
        if named is None:
            if self._property_id is None:
                raise Invalid("It names no property: add a column, or say --property ID.")
            return self._property_id
        if named.isascii() and named.isdigit() and int(named) in self._units.by_id:
            return int(named)
        found = self._units.by_name.get(named.casefold())
        if found is None:
            raise Invalid(f"There is no property {named[:40]!r}, or several: use the id of one.")
        return found

    async def _known(self, line: Line, unit_id: int) -> bookings.Booking | None:
        cells = line.cells
        if "id" in cells:
            return await self._by_id(cells["id"], unit_id)
        channel = cells.get("channel", "direct")
        if "channel_booking_id" in cells:
            called = await occupancy.list_called(self._tx, unit_id, channel, [cells["channel_booking_id"]])
            if called:
                return await bookings.get(self._tx, called[0].id)
        if "arrival" not in cells or "departure" not in cells:
            return None
        same = await occupancy.find_same(self._tx, unit_id, channel, cells["arrival"], cells["departure"])
        found = await bookings.get(self._tx, same) if same is not None else None
        # A feed often has no code of the reservation, only a UID: the nights are the booking's then.
        is_other = "channel_booking_id" in cells and found is not None and found.calendar_id is None
        return None if is_other else found

    async def _by_id(self, booking_id: int, unit_id: int) -> bookings.Booking:
        try:
            found = await bookings.get(self._tx, booking_id)
        except NotFound:
            raise Invalid(f"There is no booking {booking_id}. Leave the id empty for a new one.") from None
        if found.property_id != unit_id:
            raise Invalid(
                f"Booking {booking_id} is of property {found.property_id}: a booking does not move to another."
            )
        return found


def _new(line: Line, unit_id: int) -> bookings.NewBooking:
    """Raises Invalid."""
    cells = line.cells
    missing = [name for name in ("arrival", "departure") if name not in cells]
    if missing:
        raise Invalid(f"It has no {' and no '.join(missing)}.")
    own = {field: cells[column] for column, field in FIELDS.items() if column in cells}
    return bookings.NewBooking(
        **own,
        property_id=unit_id,
        channel=cells.get("channel", "direct"),
        channel_booking_id=cells.get("channel_booking_id"),
        guest=_party(cells),
    )


def _party(cells: dict[str, Any]) -> bookings.Party:
    first, last = cells.get("first_name"), cells.get("last_name")
    if first is None and last is None:
        first, _, last = str(cells.get("guest_name", "")).partition(" ")
    told = {
        "first_name": first,
        "last_name": last,
        **{part: cells.get(part) for part in ("email", "phone", "language")},
    }
    return bookings.Party(**{part: value for part, value in told.items() if value})
