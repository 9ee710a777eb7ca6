"""`hospes bookings`: stays, and tables of them."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from hospes.base.db import Tx
from hospes.base.errors import Conflict, Invalid
from hospes.capabilities import bookings, staff
from hospes.capabilities.bookings import showing
from hospes.capabilities.calendars import exports, imports, subscriptions, tables, undoing
from hospes.cli.session import DataDir, Json, say, show, told
from hospes.cli.working import amount, day, in_house, in_workspace
from hospes.house import House

app = typer.Typer(no_args_is_help=True, help="Bookings: who stays where, and when.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
BookingId = Annotated[int, typer.Argument(help="The booking.")]
OfProperty = Annotated[int | None, typer.Option("--property", help="Of one property.")]
Since = Annotated[str | None, typer.Option(help="Stays that end after this date.")]
Until = Annotated[str | None, typer.Option(help="Stays that begin by this date.")]
_TOLD_EVERY = 500


@app.command("create")
def create(
    workspace_id: WorkspaceId,
    property_id: Annotated[int, typer.Argument(help="The property.")],
    arrival: Annotated[str, typer.Argument(help="A date, such as 2026-07-14.")],
    departure: Annotated[str, typer.Argument(help="A date.")],
    first_name: Annotated[str | None, typer.Option(help="The guest's.")] = None,
    last_name: Annotated[str | None, typer.Option(help="The guest's.")] = None,
    email: Annotated[str | None, typer.Option(help="The guest's.")] = None,
    phone: Annotated[str | None, typer.Option(help="The guest's, with its country.")] = None,
    language: Annotated[str | None, typer.Option(help="The guest's, such as fr.")] = None,
    adults: Annotated[int, typer.Option()] = 1,
    children: Annotated[int, typer.Option()] = 0,
    price: Annotated[str | None, typer.Option("--amount", help="The whole price, such as 585.00.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the amount; the property's when left out.")] = None,
    notes: Annotated[str | None, typer.Option(help="For the team.")] = None,
    status: Annotated[str, typer.Option(help=f"One of: {', '.join(bookings.STATUSES)}.")] = "confirmed",
    silent: Annotated[bool, typer.Option("--silent", help="Send the guest nothing.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a direct booking."""
    from_, until, total = day(arrival, "ARRIVAL"), day(departure, "DEPARTURE"), amount(price, "--amount")
    told_of: dict[str, Any] = {
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "phone": phone,
        "language": language,
    }

    async def work(house: House, tx: Tx) -> showing.BookingOut:
        new = bookings.NewBooking(
            property_id=property_id,
            arrival_on=from_,
            departure_on=until,
            status=status,
            adults=adults,
            children=children,
            amount=total,
            currency=currency,
            notes=notes,
            guest=bookings.Party(**{part: value for part, value in told_of.items() if value is not None}),
        )
        made = await bookings.create(tx, new, evidence="command line", is_silent=silent)
        return showing.sensitive(await bookings.get(tx, made.id), house.vault, workspace_id)

    _tell(in_house(data_dir, workspace_id, work), as_json=as_json)


@app.command("list")
def list_all(
    workspace_id: WorkspaceId,
    property_id: OfProperty = None,
    since: Since = None,
    until: Until = None,
    status: Annotated[str | None, typer.Option(help=f"One of: {', '.join(bookings.STATUSES)}.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 200,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List bookings of every property, as they were made."""
    from_, to = _days(since, until)

    async def work(tx: Tx) -> list[showing.BookingOut]:
        found: list[showing.BookingOut] = []
        async for one in exports.every(tx, property_id=property_id, since=from_, until=to):
            if status in (None, one.status):
                found.append(showing.plain(one))
            if len(found) >= limit:
                break
        return found

    found = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show([msgspec.to_builtins(one) for one in found])
    for one in [] if as_json else found:
        print(_line(one))


@app.command("show")
def show_one(workspace_id: WorkspaceId, booking_id: BookingId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show a booking with everything that is known of it."""

    async def work(house: House, tx: Tx) -> showing.BookingOut:
        booking = await bookings.get(tx, booking_id)
        has_code = booking.lock_code is not None
        await staff.audit.note(tx, "booking.sensitive_read", booking_id=booking_id, lock_code=has_code)
        return showing.sensitive(booking, house.vault, workspace_id)

    found = in_house(data_dir, workspace_id, work)
    if as_json:
        show(found)
        return
    for name, value in msgspec.to_builtins(found).items():
        if value not in (None, {}, []):
            print(f"{name:<18} {value}")


@app.command("cancel")
def cancel(
    workspace_id: WorkspaceId,
    booking_id: BookingId,
    tell: Annotated[bool, typer.Option("--tell", help="Send the guest the usual message.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Cancel a booking: its nights are free again."""

    async def work(tx: Tx) -> showing.BookingOut:
        booking = await bookings.get(tx, booking_id)
        if await subscriptions.keeps(tx, booking.id, booking.calendar_id):
            raise Conflict(f"Booking {booking_id} follows a calendar that is polled: cancel it at its channel.")
        changes = bookings.Changes(status="cancelled")
        await bookings.change(tx, booking_id, changes, evidence="command line", is_silent=not tell)
        return showing.plain(await bookings.get(tx, booking_id))

    _tell(in_workspace(data_dir, workspace_id, work), as_json=as_json)


@app.command("import")
def import_file(
    workspace_id: WorkspaceId,
    file: Annotated[Path, typer.Argument(help="A CSV file; the first line names its columns.")],
    property_id: Annotated[int | None, typer.Option("--property", help="For lines that name no property.")] = None,
    dates: Annotated[str | None, typer.Option(help="What 03/04/2026 is: dmy or mdy.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as cp1252; guessed when left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take a table of bookings over, all of it or nothing; exits with 1 when a line cannot be taken."""
    with told():
        table = tables.read(_bytes_of(file), day_first=_day_first(dates), encoding=encoding)
    report = in_workspace(
        data_dir,
        workspace_id,
        lambda tx: imports.run(
            tx, table, name=file.name, property_id=property_id, is_dry=dry_run, on_progress=_say_progress
        ),
    )
    if as_json:
        show(report)
    else:
        _tell_import(workspace_id, report, is_dry=dry_run)
    raise typer.Exit(0 if report.is_clean else 1)


def _say_progress(what: str, done: int, total: int) -> None:
    if done % _TOLD_EVERY == 0:
        say(f"{what}: {done:,} of {total:,} lines")


def _bytes_of(file: Path) -> bytes:
    """Raises Invalid."""
    try:
        with file.open("rb") as opened:
            return opened.read(tables.MOST_BYTES + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read ({error.strerror}).") from None


def _day_first(dates: str | None) -> bool | None:
    if dates not in (None, "dmy", "mdy"):
        raise Invalid("--dates is dmy or mdy.")
    return None if dates is None else dates == "dmy"


def _tell_import(workspace_id: int, report: imports.Report, *, is_dry: bool) -> None:
    for one in report.new:
        print(f"line {one.line}: new")
    for one in report.changed:
        print(f"line {one.line}: changes {', '.join(one.changed or [])} of booking {one.booking_id}")
    for what, faults in (("conflicts", report.conflicting), ("cannot be read", report.unreadable)):
        for fault in faults:
            print(f"line {fault.line}: {what}: {fault.reason}")
    if report.ignored_columns:
        print(f"Not used: {', '.join(report.ignored_columns)}")
    print(
        f"{len(report.new)} new, {len(report.changed)} changed, {report.unchanged} unchanged, "
        f"{len(report.conflicting)} conflicting, {len(report.unreadable)} unreadable"
    )
    if report.import_id is not None:
        print(f"Done. To take it back: hospes bookings undo-import {workspace_id} {report.import_id}")
    else:
        print("Nothing was written." if is_dry else "Nothing was written: mend the lines above, then import again.")


@app.command("undo-import")
def undo_import(
    workspace_id: WorkspaceId,
    import_id: Annotated[int, typer.Argument(help="The import, as `import` printed it.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take an import back, exactly; refused when somebody changed its bookings since."""
    cancelled, restored = in_workspace(data_dir, workspace_id, lambda tx: undoing.undo(tx, import_id))
    if as_json:
        show({"import_id": import_id, "cancelled": cancelled, "restored": restored})
    else:
        print(f"Import {import_id} is taken back: {cancelled} bookings cancelled, {restored} restored.")


@app.command("export")
def export(
    workspace_id: WorkspaceId,
    output: Annotated[Path | None, typer.Option(help="A file; standard output when left out.")] = None,
    property_id: OfProperty = None,
    since: Since = None,
    until: Until = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write bookings as CSV, with the guests' names and contact details."""
    from_, to = _days(since, until)

    async def work(tx: Tx) -> int:
        with told():
            return await _exported(tx, output, property_id=property_id, since=from_, until=to)

    count = in_workspace(data_dir, workspace_id, work)
    if as_json and output is not None:
        show({"bookings": count, "file": str(output)})
    else:
        say(f"{count:,} bookings")


async def _exported(tx: Tx, output: Path | None, **which: Any) -> int:
    """Raises Invalid."""
    count = 0
    try:
        out = sys.stdout if output is None else output.open("w", encoding="utf-8", newline="")
        try:
            sheet = exports.Sheet(out)
            async for one in exports.every(tx, **which):
                sheet.write(one)
                count += 1
                _say_progress("Written", count, count)
        finally:
            if output is not None:
                out.close()
    except OSError as error:
        raise Invalid(f"{output or 'Standard output'} cannot be written ({error.strerror}).") from None
    return count


def _tell(booking: showing.BookingOut, *, as_json: bool) -> None:
    if as_json:
        show(booking)
    else:
        print(_line(booking))


def _days(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    return day(since, "--since") if since else None, day(until, "--until") if until else None


def _line(one: showing.BookingOut) -> str:
    guest = " ".join(part for part in (one.guest_first_name, one.guest_last_name) if part)
    return (
        f"{one.id}  property {one.property_id}  {one.arrival} to {one.departure}  {one.channel}  {one.status}  {guest}"
    )
