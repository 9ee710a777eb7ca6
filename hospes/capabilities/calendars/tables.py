"""Reading a table of bookings: from the bytes of a file to lines, each with what it says or why it cannot be read."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import charset_normalizer
import msgspec

from hospes.base.errors import Invalid
from hospes.capabilities.calendars import cells as cells_of
from hospes.capabilities.calendars import columns

MOST_BYTES: Final = 20 * 1024 * 1024
# One transaction takes them all, and numbers its events with 16 bits: each line makes up to four.
MOST_LINES: Final = 10_000
_MOST_COLUMNS: Final = 200
_SEPARATORS: Final = ",;\t|"
# What files in other encodings than UTF-8 are written in; a guess among all there are finds odd ones.
_USUAL: Final = "cp1252"
_ENCODINGS: Final = [_USUAL, "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "utf_16", "shift_jis", "gb18030"]
# What our exports put a quote in front of, so that no spreadsheet takes it for a formula.
DEFUSED: Final = re.compile(r"'['@+\-=|%\t\r\n\uff1d\uff0b\uff0d\uff20]")
_DAYS: Final = ("arrival", "departure")


class Line(msgspec.Struct, frozen=True):
    """A line of the file and what it says, by column; cells that are empty are left out."""

    number: int
    cells: dict[str, Any]


class Fault(msgspec.Struct, frozen=True):
    """Why a line cannot be taken."""

    line: int
    reason: str


class Table(msgspec.Struct, frozen=True):
    lines: list[Line]
    faults: list[Fault]
    columns: list[str]
    ignored: list[str]


def read(data: bytes, *, day_first: bool | None = None, encoding: str | None = None) -> Table:
    """The file's lines. `day_first` says what 03/04/2026 is, where the file does not show it; `encoding` is guessed.

    Raises Invalid for a file that is no table of bookings at all.
    """
    if len(data) > MOST_BYTES:
        raise Invalid(f"The file is larger than {MOST_BYTES >> 20} MB. Split it.")
    text = _text(data) if encoding is None else _in(data, encoding)
    rows = _rows(text, _separator(text))
    header = next(rows, None)
    if header is None or isinstance(header, Fault):
        raise Invalid("The file has no line with the names of columns.")
    names = [columns.column(cell) for cell in header[1]]
    _check_header(header[1], names)
    raw, faults = _raw(rows, names)
    if day_first is None:
        day_first = cells_of.order([cells[day] for _, cells in raw for day in _DAYS if day in cells])
    lines = []
    for number, cells in raw:
        try:
            lines.append(Line(number, cells_of.converted(cells, day_first=day_first)))
        except Invalid as error:
            faults.append(Fault(number, error.message))
    ignored = [cell for cell, name in zip(header[1], names, strict=True) if name is None and cell.strip()]
    return Table(lines, sorted(faults, key=lambda one: one.line), [name for name in names if name], ignored)


def _text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = data.count(b"\n", 0, error.start) + 1
    half = data.decode("utf-8", errors="surrogateescape")
    strange = sum("\udc80" <= char <= "\udcff" for char in half)
    if sum(not char.isascii() for char in half) > 2 * strange:
        raise Invalid(f"Line {bad} is in another encoding than the rest, which is UTF-8. Save the file as UTF-8.")
    sample = b"\n".join(line for line in data.splitlines() if not line.isascii())[:20_000]
    guesses = charset_normalizer.from_bytes(sample, cp_isolation=_ENCODINGS)
    best = guesses.best()
    # A few names look well in several encodings: then the most usual one it is.
    usual = next((one for one in guesses if one.encoding == _USUAL and best and one.chaos <= best.chaos), best)
    return data.decode(usual.encoding if usual is not None else _USUAL, errors="replace")


def _in(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except LookupError:
        raise Invalid(f"There is no encoding {encoding!r}. Try utf-8 or cp1252.") from None
    except UnicodeError:
        raise Invalid(f"The file is not in the encoding {encoding}.") from None


def _separator(text: str) -> str:
    """The one that gives the most columns that are known."""
    first = next((line for line in text.splitlines()[:20] if line.strip()), "")

    def known(separator: str) -> int:
        return sum(columns.column(cell.strip('" ')) is not None for cell in first.split(separator)[:_MOST_COLUMNS])

    return max(_SEPARATORS, key=known)


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]] | Fault]:
    """Each row that is not empty, with its first line's number; a row that is no CSV ends the reading."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(number, f"This is no CSV: {error}. Nothing behind it was read.")
            return
        if any(cell.strip() for cell in row):
            yield number, row


def _check_header(header: Sequence[str], names: Sequence[str | None]) -> None:
    if len(header) > _MOST_COLUMNS:
        raise Invalid(f"The file has more than {_MOST_COLUMNS} columns.")
    known = [name for name in names if name]
    twice = {name for name in known if known.count(name) > 1}
    if twice:
        raise Invalid(f"Two columns mean the same: {', '.join(sorted(twice))}. Rename one of each.")
    missing = {"arrival", "departure"} - set(known)
    if missing and "id" not in known:
        raise Invalid(
            f"The first line names no column for {' and '.join(sorted(missing))}. "
            f"It may be called {columns.SPELLINGS['arrival'][2]!r} and {columns.SPELLINGS['departure'][2]!r}, for one."
        )


def _raw(
    rows: Iterator[tuple[int, list[str]] | Fault], names: Sequence[str | None]
) -> tuple[list[tuple[int, dict[str, str]]], list[Fault]]:
    found: list[tuple[int, dict[str, str]]] = []
    faults: list[Fault] = []
    for row in rows:
        if isinstance(row, Fault):
            faults.append(row)
            break
        number, cells = row
        if len(found) + len(faults) >= MOST_LINES:
            raise Invalid(f"The file has more than {MOST_LINES:,} lines. Split it.")
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            faults.append(Fault(number, f"It has {len(cells)} cells, the first line has {len(names)}."))
        elif any("\0" in cell for cell in cells):
            faults.append(Fault(number, "It has a zero byte in it."))
        else:
            said = {name: _armed(cell) for name, cell in zip(names, cells, strict=False) if name}
            found.append((number, {name: cell.strip() for name, cell in said.items() if cell.strip()}))
    return found, faults


def _armed(cell: str) -> str:
    """The text as it was before an export made it harmless."""
    return cell[1:].replace("\\|", "|") if DEFUSED.match(cell) else cell
