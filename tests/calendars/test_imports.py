"""Importing tables of bookings, taking an import back, and exporting: all or nothing, and exactly."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hospes.base.errors import Conflict, NotFound
from hospes.capabilities import bookings
from hospes.capabilities.calendars import exports, imports, tables, undoing
from tests.calendars.polled import Polled, calendar, entry

HEAD = "property,channel,channel_booking_id,arrival,departure,status,adults,amount,first_name,email,notes"


async def take(polled: Polled, text: str, *, is_dry: bool = False, head: str = HEAD) -> imports.Report:
    moved = polled.moved(f"{head}\n{text}".encode(), polled.shift)
    async with polled.api.begin() as tx:
        return await imports.run(tx, tables.read(moved), name="a.csv", property_id=polled.property_id, is_dry=is_dry)


async def undo(polled: Polled, import_id: int | None) -> tuple[int, int]:
    assert import_id is not None
    async with polled.api.begin() as tx:
        return await undoing.undo(tx, import_id)


async def state(polled: Polled) -> dict[int, dict[str, Any]]:
    """Every booking as an import can change it, and the nights it keeps."""
    reader = polled.api.reader()
    found = {}
    async for one in exports.every(reader):
        found[one.id] = undoing.snapshot(one)
    return found


def counts(report: imports.Report) -> tuple[int, int, int, int, int]:
    return (
        len(report.new),
        len(report.changed),
        report.unchanged,
        len(report.conflicting),
        len(report.unreadable),
    )


async def test_new_changed_and_unchanged_lines(polled: Polled) -> None:
    first = await take(
        polled,
        ",airbnb,HM1,2026-07-14,2026-07-18,confirmed,2,500,Ana,ana@example.com,\n"
        ",,,2026-08-01,2026-08-03,,,,Zoë,,quiet\n",
    )
    again = await take(
        polled,
        ",airbnb,HM1,2026-07-15,2026-07-18,,,510.50,Other,,\n,,,2026-08-01,2026-08-03,,,,,,\n"
        ",vrbo,V1,2026-09-01,2026-09-03,,,,,,\n",
    )

    assert (counts(first), counts(again)) == ((2, 0, 0, 0, 0), (1, 1, 1, 0, 0))
    assert again.changed[0].changed == ["arrival_on", "amount"]
    ana, zoe, _ = await polled.all()
    assert (ana.guest_name, ana.guest_email, ana.adults, ana.amount) == ("Ana", "ana@example.com", 2, Decimal("510.50"))
    assert (zoe.guest_name, zoe.notes, zoe.channel) == ("Zoë", "quiet", "direct")
    assert len(ana.mission_ids) == 1


async def test_a_dry_run_says_the_same_and_does_nothing(polled: Polled) -> None:
    text = ",airbnb,HM1,2026-07-14,2026-07-18,,,,Ana,,\n,,,2026-07-16,2026-07-20,,,,,,\n"
    before = await state(polled)

    dry = await take(polled, text, is_dry=True)
    happened = await polled.happened("booking.created")
    real = await take(polled, text)

    assert (dry.import_id, counts(dry)) == (None, counts(real))
    assert (await state(polled), happened) == (before, 0)


async def test_one_line_that_conflicts_holds_back_all(polled: Polled) -> None:
    taken = await polled.book("2026-08-02", 3)

    report = await take(
        polled, ",,,2026-07-14,2026-07-18,,,,,,\n,,,2026-08-01,2026-08-03,,,,,,\nx,,,2026-09-01,2026-09-03,,,,,,\n"
    )

    assert (report.import_id, counts(report)) == (None, (1, 0, 0, 1, 1))
    (conflict,), (unreadable,) = report.conflicting, report.unreadable
    assert (conflict.line, str(taken.id) in conflict.reason) == (3, True)
    assert (unreadable.line, "no property 'x'" in unreadable.reason) == (4, True)
    assert list(await state(polled)) == [taken.id]


async def test_lines_that_exchange_their_nights_are_taken_in_whatever_order_it_takes(polled: Polled) -> None:
    await take(polled, ",airbnb,A,2026-07-14,2026-07-18,,,,,,\n,airbnb,B,2026-07-18,2026-07-22,,,,,,\n")

    report = await take(
        polled,
        ",airbnb,N,2026-07-22,2026-07-24,,,,,,\n"
        ",airbnb,A,2026-07-18,2026-07-22,,,,,,\n,airbnb,B,2026-07-14,2026-07-18,,,,,,\n",
    )

    assert counts(report) == (1, 2, 0, 0, 0)
    assert await undo(polled, report.import_id) == (1, 2)
    assert [one.channel_booking_id for one in await polled.all()] == ["A", "B"]


async def test_the_same_booking_twice_in_one_file_is_said(polled: Polled) -> None:
    direct = await polled.book("2026-08-01", 2)
    report = await take(
        polled,
        f",{direct.id},,airbnb,HM1,2026-07-14,2026-07-18\n,,,airbnb,HM1,2026-07-15,2026-07-18\n"
        f",{direct.id},,,,2026-08-01,2026-08-03\n,,,,,2026-08-01,2026-08-03\n".replace(
            f",{direct.id},,airbnb", ",,,airbnb", 1
        ),
        head="notes,id,property,channel,channel_booking_id,arrival,departure",
    )

    assert [(fault.line, fault.reason) for fault in report.unreadable] == [
        (3, "It is the same booking as line 2."),
        (5, "It is the same booking as line 4."),
    ]


async def test_a_booking_of_a_polled_calendar_gets_money_and_notes_but_no_dates(polled: Polled) -> None:
    await polled.subscribe()
    await polled.poll(calendar(entry("a", "2026-07-14", "2026-07-18")))

    well = await take(polled, ",airbnb,HM99,2026-07-14,2026-07-18,,2,480,,,late\n")
    ill = await take(polled, ",airbnb,a,2026-07-15,2026-07-18,,,,,,\n")

    assert (counts(well), counts(ill)) == ((0, 1, 0, 0, 0), (0, 0, 0, 1, 0))
    assert "follows a calendar" in ill.conflicting[0].reason
    (stay,) = await polled.all()
    assert (stay.amount, stay.notes, stay.adults) == (Decimal("480.00"), "late", 2)


async def test_taking_back_is_refused_when_somebody_went_on_from_there(polled: Polled) -> None:
    report = await take(polled, ",airbnb,A,2026-07-14,2026-07-18,,,,,,\n,airbnb,B,2026-08-01,2026-08-03,,,,,,\n")
    first, second = await polled.all()
    async with polled.api.begin() as tx:
        await bookings.change(tx, second.id, bookings.Changes(notes="mine"), evidence="test")
    before = await state(polled)

    with pytest.raises(Conflict, match=f"changed bookings since: {second.id}\\."):
        await undo(polled, report.import_id)

    assert await state(polled) == before
    async with polled.api.begin() as tx:
        await bookings.change(tx, second.id, bookings.Changes(notes=None), evidence="test")
    assert await undo(polled, report.import_id) == (2, 0)
    with pytest.raises(Conflict, match="was taken back"):
        await undo(polled, report.import_id)
    with pytest.raises(NotFound):
        await undo(polled, 999_999_999)
    assert (await bookings.get(polled.api.reader(), first.id)).status == "cancelled"


async def test_taking_back_is_refused_when_freed_nights_are_somebody_elses(polled: Polled) -> None:
    await take(polled, ",airbnb,A,2026-07-14,2026-07-18,,,,,,\n")
    report = await take(polled, ",airbnb,A,2026-07-20,2026-07-22,,,,,,\n")
    await polled.book("2026-07-15", 1)
    before = await state(polled)

    with pytest.raises(Conflict, match="somebody else's now"):
        await undo(polled, report.import_id)

    assert await state(polled) == before


async def test_an_export_is_read_back_as_no_change_and_holds_no_formula(polled: Polled) -> None:
    names = [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2",
        "@SUM(A1)",
        "\ufeff=x",
        "＝1",
        "'=quoted",
        "a|b",
        "%x",
        'quo"te',
        "a,b;c",
    ]
    for number, name in enumerate(names):
        await polled.book(
            f"2026-07-{number * 2 + 1:02}",
            1,
            amount=Decimal("99.90"),
            notes=f"{name}\nsecond line",
            guest=bookings.Party(first_name=name, email=f"g{number}@example.com", phone=f"+33600000{number:03}"),
        )
    out = io.StringIO(newline="")
    sheet = exports.Sheet(out)
    async for one in exports.every(polled.api.reader()):
        sheet.write(one)
    before = await state(polled)

    table = tables.read(out.getvalue().encode())
    async with polled.api.begin() as tx:
        report = await imports.run(tx, table, name="export.csv")

    assert (counts(report), await state(polled)) == ((0, 0, len(names), 0, 0), before)
    assert [line.cells["first_name"] for line in table.lines] == names
    for row in list(csv.reader(io.StringIO(out.getvalue())))[1:]:
        for cell in filter(lambda cell: cell != "-2", row):  # a number is no formula
            assert not cell.startswith(tuple("=+-@|%\t\r＝＋－＠")), cell


async def test_a_property_is_named_by_id_or_by_name(polled: Polled) -> None:
    other = await polled.new_property("Rose House")

    report = await take(
        polled,
        f"{other},,,2026-07-14,2026-07-16,,,,,,\nrose HOUSE,,,2026-08-01,2026-08-03,,,,,,\n,,,2026-07-14,2026-07-16,,,,,,\n",
    )

    assert counts(report) == (3, 0, 0, 0, 0)
    assert (len(await polled.all(other)), len(await polled.all())) == (2, 1)


async def test_another_workspace_is_not_reached_by_an_id(polled: Polled) -> None:
    from tests.calendars.polled import Polled as Other

    theirs = await Other.open(polled.home, await polled.home.new_api(), polled.receiver)
    booked = await theirs.book("2026-07-14", 2)

    report = await take(polled, f"{booked.id},2026-07-20,2026-07-22\n", head="id,arrival,departure")

    assert f"There is no booking {booked.id}" in report.unreadable[0].reason
    with pytest.raises(NotFound):
        await undo(polled, (await take(theirs, ",,,2026-08-01,2026-08-03,,,,,,\n")).import_id)


line = st.tuples(
    st.sampled_from(["A", "B", "C", "D", ""]),
    st.integers(0, 20),
    st.integers(1, 4),
    st.sampled_from(["confirmed", "pending", "cancelled", "unavailable", ""]),
    st.sampled_from(["", "10", "20.50"]),
    st.sampled_from(["", "note"]),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(files=st.lists(st.lists(line, min_size=1, max_size=6), min_size=1, max_size=4))
async def test_taking_imports_back_one_by_one_leads_to_exactly_what_was(
    polled: Polled, files: list[list[tuple[str, int, int, str, str, str]]]
) -> None:
    polled.property_id = await polled.new_property()
    trail = []
    for file in files:
        before = await standing(polled)
        rows = []
        for code, start, nights, status, amount, notes in file:
            arrival = date(2026, 7, 1) + timedelta(days=start)
            channel = "airbnb" if code else "direct"
            rows.append(f",{channel},{code},{arrival},{arrival + timedelta(days=nights)},{status},,{amount},,,{notes}")
        report = await take(polled, "\n".join(rows) + "\n")
        if report.import_id is None:
            assert await standing(polled) == before
        else:
            trail.append((report.import_id, before))

    for import_id, before in reversed(trail):
        await undo(polled, import_id)
        assert await standing(polled) == before


async def standing(polled: Polled) -> dict[int, dict[str, Any]]:
    """The property's bookings, without those that an import made and taking it back has cancelled again."""
    found = {}
    async for one in exports.every(polled.api.reader(), property_id=polled.property_id):
        if one.status != "cancelled":
            found[one.id] = undoing.snapshot(one)
    return found
