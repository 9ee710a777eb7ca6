"""Tables of bookings: whatever spreadsheets and channels make of a file."""

import pytest

from hospes.base.errors import Invalid
from hospes.capabilities.calendars import tables

HEAD = "arrival,departure,first_name"


def one(text: str | bytes, **more: object) -> dict[str, object]:
    """The cells of a file's only line."""
    table = tables.read(text if isinstance(text, bytes) else text.encode(), **more)  # type: ignore[arg-type]
    assert table.faults == []
    (line,) = table.lines
    return line.cells


@pytest.mark.parametrize(
    "head",
    [
        "arrival,departure",
        "Arrival;Departure",
        "Check-in\tCheck-out",
        "checkin|checkout",
        "Check in date,Check out date",
        '"Start date","End date"',
        "START_DATE,END_DATE",
    ],
)
def test_separators_and_spellings_are_seen(head: str) -> None:
    separator = next(sign for sign in ",;\t|" if sign in head)

    cells = one(f"{head}\r\n2026-07-14{separator}2026-07-18\r\n")

    assert [str(cells[day]) for day in ("arrival", "departure")] == ["2026-07-14", "2026-07-18"]


def test_the_table_of_a_channel_is_read() -> None:
    """The columns that Airbnb's and Booking.com's tables have."""
    airbnb = one(
        "Confirmation code,Status,Guest name,Contact,# of adults,# of children,Start date,End date,Listing,Earnings\n"
        'HMABCD2345,Confirmed,Ana Silva,+351 912 345 678,2,1,7/14/2026,7/18/2026,Lilas,"€1,234.50"\n'
    )
    booking = one(
        "Book number;Booked by;Guest name(s);Check-in;Check-out;Status;Price\n"
        "4011223344;;Zoë Brandt;2026-07-14;2026-07-18;ok;585.00 EUR\n".replace(" EUR", "")
    )

    assert airbnb["channel_booking_id"] == "HMABCD2345"
    assert (airbnb["adults"], airbnb["children"], str(airbnb["arrival"])) == (2, 1, "2026-07-14")
    assert (booking["channel_booking_id"], booking["status"], str(booking["amount"])) == (
        "4011223344",
        "confirmed",
        "585.00",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "iso8859-15"])
@pytest.mark.parametrize("name", ["Zoë", "José Muñoz", "Jürgen Groß", "Ana"])
def test_encodings_are_guessed(encoding: str, name: str) -> None:
    cells = one(f"{HEAD}\r\n2026-07-14,2026-07-18,{name}\r\n".encode(encoding))

    assert cells["first_name"] == name


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1250", "Paweł Wałęsa, Zdeněk Dvořák, Łukasz Żółć, Jiří Šťastný"),
        ("cp1251", "Наталья Иванова и Сергей Петров"),
        ("cp1253", "Γιώργος Παπαδόπουλος, Ελένη Νικολάου"),
        ("shift_jis", "山田太郎、鈴木花子、佐藤健"),
    ],
)
def test_other_alphabets_are_guessed_from_a_line_or_two(encoding: str, names: str) -> None:
    data = f'arrival,departure,notes\n2026-07-14,2026-07-18,"{names}"\n'.encode(encoding)

    assert one(data)["notes"] == names
    assert one(data, encoding=encoding)["notes"] == names


@pytest.mark.parametrize("encoding", ["klingon", "ascii", "utf-32", "base64"])
def test_an_encoding_that_is_wrong_is_said(encoding: str) -> None:
    with pytest.raises(Invalid, match="encoding"):
        tables.read(f"{HEAD}\n2026-07-14,2026-07-18,Zoë\n".encode(), encoding=encoding)


def test_a_line_in_another_encoding_is_named() -> None:
    lines = [HEAD, *(f"2026-07-{day},2026-07-{day + 1},Zoë é ü" for day in range(10, 16))]
    data = "\n".join(lines).encode() + "\n2026-08-01,2026-08-02,Zoë".encode("cp1252")

    with pytest.raises(Invalid, match="Line 8 is in another encoding"):
        tables.read(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234.50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("€ 1 234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1,234", "1234.0"),
        ("0", "0.0"),
        ("12,5", "12.5"),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, expected: str) -> None:
    cells = one(f'arrival,departure,amount\n2026-07-14,2026-07-18,"{text}"\n')

    assert str(cells["amount"]) == expected


@pytest.mark.parametrize("text", ["1,23,4", "abc", "1.2.3,4", "-5", "1e9", "NaN", "$", "١٢", "1,234.567"])
def test_what_is_no_amount_is_said(text: str) -> None:
    table = tables.read(f'arrival,departure,amount\n2026-07-14,2026-07-18,"{text}"\n'.encode())

    assert [(fault.line, fault.reason[:7]) for fault in table.faults] == [(2, "amount:")]


def test_days_and_months_are_told_apart_by_the_whole_file() -> None:
    both = "arrival,departure\n03/04/2026,05/04/2026\n"

    ambiguous = tables.read(both.encode())
    seen = tables.read((both + "13/04/2026,14/04/2026\n").encode())
    american = tables.read((both + "04/13/2026,04/14/2026\n").encode())
    said = tables.read(both.encode(), day_first=True)

    assert "two ways" in ambiguous.faults[0].reason
    assert [str(line.cells["arrival"]) for line in seen.lines] == ["2026-04-03", "2026-04-13"]
    assert [str(line.cells["arrival"]) for line in american.lines] == ["2026-03-04", "2026-04-13"]
    assert str(said.lines[0].cells["arrival"]) == "2026-04-03"


def test_each_line_that_cannot_be_read_is_named_with_its_reason() -> None:
    text = (
        "arrival,departure,status,adults,id\n"
        "2026-07-14,2026-07-18,confirmed,2,\n"
        "soon,2026-07-18,,,\n"
        "2026-02-30,2026-07-18,,,\n"
        "2026-07-14,2026-07-18,perhaps,,\n"
        "2026-07-14,2026-07-18,,many,\n"
        "2026-07-14,2026-07-18,,,12a\n"
        "2026-07-14,2026-07-18,,,,extra\n"
        "2026-07-14,2026-07-18,,\0,\n"
        "\n"
        '2026-07-14,2026-07-18,"open\n'
    )

    table = tables.read(text.encode())

    assert [line.number for line in table.lines] == [2]
    assert [fault.line for fault in table.faults] == [3, 4, 5, 6, 7, 8, 9, 11]
    assert [fault.reason.split(":")[0] for fault in table.faults[:5]] == [
        "arrival",
        "arrival",
        "status",
        "adults",
        "id",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"name,email\nAna,a@example.com\n",
        b"arrival\n2026-07-14\n",
        b"arrival,check-in,departure\na,b,c\n",
        ("," * 1_000_000).encode(),
        b"\0" * 1000,
        b"x" * (tables.MOST_BYTES + 1),
        b"arrival,departure\n" + b"2026-07-14,2026-07-15\n" * 10_001,
        b"\xff\xfe" + b"\x00" * 7,
        b'"',
    ],
    ids=range(11),
)
def test_a_file_that_is_no_table_of_bookings_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        tables.read(data)


def test_columns_that_are_not_known_are_said() -> None:
    table = tables.read(b"arrival,departure,Shoe size,\n2026-07-14,2026-07-18,43,\n")

    assert table.ignored == ["Shoe size"]
