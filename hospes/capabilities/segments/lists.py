"""Lists: guests put together by hand, or from a file, as somebody to send to."""

import csv
from collections.abc import Sequence
from datetime import datetime
from io import StringIO

import msgspec

from hospes.base.db import Reader, Tx, Violation, sql
from hospes.base.errors import Duplicate, HospesError, Invalid, NotFound
from hospes.capabilities import events, guests
from hospes.capabilities.guests.folding import phone_identity
from hospes.capabilities.segments.happenings import ListJoined, ListLeft

MOST_AT_ONCE = 1000
_COLUMNS_OF_FILES = ("guest_id", "user_id", "email", "phone")


class GuestList(msgspec.Struct, frozen=True):
    id: int
    name: str
    member_count: int
    created_at: datetime
    updated_at: datetime


class Fault(msgspec.Struct, frozen=True):
    """A line of a file that leads to no guest; lines count from 1, the header's."""

    line: int
    reason: str


class Added(msgspec.Struct, frozen=True):
    """How many came anew, and which lines led to nobody."""

    added: int
    faults: list[Fault]


_COLUMNS = """
           l.id, l.name,
           (SELECT count(*) FROM list_members m WHERE m.workspace_id = $1 AND m.list_id = l.id) AS member_count,
           l.created_at, l.updated_at
"""
LIST = sql(f"""
    SELECT {_COLUMNS}
      FROM lists l
     WHERE l.workspace_id = $1 AND ($2::bigint IS NULL OR l.id < $2)
     ORDER BY l.id DESC
     LIMIT $3
""")  # noqa: S608 (constants only)
GET = sql(f"SELECT {_COLUMNS} FROM lists l WHERE l.workspace_id = $1 AND l.id = $2")  # noqa: S608


async def list_after(reader: Reader, after: int | None, *, limit: int) -> list[GuestList]:
    """Lists behind the id `after`, newest first."""
    return await reader.all(GuestList, LIST, after, limit)


async def get(reader: Reader, list_id: int) -> GuestList:
    """Raises NotFound."""
    found = await reader.find(GuestList, GET, list_id)
    if found is None:
        raise NotFound("List not found")
    return found


CREATE = sql("INSERT INTO lists (workspace_id, name, created_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING id")


async def create(tx: Tx, *, name: str) -> int:
    """Make an empty list; returns its id. Raises Invalid and Duplicate."""
    if not 1 <= len(name.strip()) <= 100:
        raise Invalid("A list's name has 1 to 100 characters.", field="name")
    try:
        return int(await tx.value(CREATE, name.strip(), tx.now))
    except Violation:
        raise Duplicate(f"A list called {name.strip()!r} exists already.") from None


MEMBERS = sql("""
    SELECT guest_id
      FROM list_members
     WHERE workspace_id = $1 AND list_id = $2 AND ($3::bigint IS NULL OR guest_id > $3)
     ORDER BY guest_id
     LIMIT $4
""")


async def members(reader: Reader, list_id: int, after: int | None, *, limit: int) -> list[int]:
    """Guests on a list, by id, behind the id `after`. Raises NotFound."""
    await get(reader, list_id)
    return await reader.column(MEMBERS, list_id, after, limit)


KNOWN = sql("SELECT id FROM guests WHERE workspace_id = $1 AND id = ANY ($2::bigint[])")
ADD = sql("""
    INSERT INTO list_members (workspace_id, list_id, guest_id, door, added_at)
    SELECT $1, $2, guest_id, $4, $5
      FROM unnest($3::bigint[]) AS guest_id
     ORDER BY guest_id
        ON CONFLICT DO NOTHING
    RETURNING guest_id
""")
TOUCH = sql("UPDATE lists SET updated_at = $3 WHERE workspace_id = $1 AND id = $2")


async def add(tx: Tx, list_id: int, guest_ids: Sequence[int]) -> int:
    """Put guests on a list, 1,000 at most; returns how many came anew. Raises NotFound, with nothing written."""
    await get(tx, list_id)
    _check_count(guest_ids)
    missing = set(guest_ids) - set(await tx.column(KNOWN, list(guest_ids)))
    if missing:
        raise NotFound(f"There is no guest {min(missing)}.")
    return await _put(tx, list_id, guest_ids)


REMOVE = sql("""
    DELETE FROM list_members
     WHERE workspace_id = $1 AND list_id = $2 AND guest_id = ANY ($3::bigint[])
    RETURNING guest_id
""")


async def remove(tx: Tx, list_id: int, guest_ids: Sequence[int]) -> int:
    """Take guests off a list, 1,000 at most; returns how many were on it. Raises NotFound."""
    await get(tx, list_id)
    _check_count(guest_ids)
    gone = sorted(await tx.column(REMOVE, list_id, list(guest_ids)))
    for guest_id in gone:
        await events.record(tx, ListLeft(guest_id=guest_id, list_id=list_id))
    await tx.run(TOUCH, list_id, tx.now)
    return len(gone)


IDENTIFIED = sql("""
    SELECT given.place, i.guest_id
      FROM unnest($2::integer[], $3::text[], $4::text[]) AS given (place, kind, value)
      JOIN guest_identifiers i ON i.workspace_id = $1 AND i.kind = given.kind AND i.value = given.value
     UNION ALL
    SELECT given.place, g.id
      FROM unnest($2::integer[], $3::text[], $4::text[]) AS given (place, kind, value)
      JOIN guests g ON g.workspace_id = $1 AND given.kind = 'guest_id' AND g.id::text = given.value
""")


class _Found(msgspec.Struct, frozen=True):
    place: int
    guest_id: int


async def add_file(tx: Tx, list_id: int, text: str) -> Added:
    """Put the guests of a CSV file on a list, 1,000 lines at most.

    Its first line names the columns; the first of guest_id, user_id, email and phone that a line fills
    says who is meant. Lines that lead to nobody are told, and the others count. Raises NotFound, Invalid.
    """
    await get(tx, list_id)
    asked, faults = _read(text)
    places, kinds, values = ([row[column] for row in asked] for column in range(3))
    found = {row.place: row.guest_id for row in await tx.all(_Found, IDENTIFIED, places, kinds, values)}
    faults += [Fault(line, f"No guest has this {kind}.") for line, kind, _ in asked if line not in found]
    added = await _put(tx, list_id, sorted(set(found.values()))) if found else 0
    return Added(added, sorted(faults, key=lambda fault: fault.line))


async def _put(tx: Tx, list_id: int, guest_ids: Sequence[int]) -> int:
    came = sorted(await tx.column(ADD, list_id, list(guest_ids), tx.actor.door, tx.now))
    for guest_id in came:
        await events.record(tx, ListJoined(guest_id=guest_id, list_id=list_id))
    await tx.run(TOUCH, list_id, tx.now)
    return len(came)


def _read(text: str) -> tuple[list[tuple[int, str, str]], list[Fault]]:
    """Whom lines mean (line, kind, value), and which mean nobody. Raises Invalid."""
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff")), restval="")
    names = [name for name in reader.fieldnames or [] if name in _COLUMNS_OF_FILES]
    if not names:
        raise Invalid(f"The first line names one of the columns {', '.join(_COLUMNS_OF_FILES)}.", field="csv")
    asked: list[tuple[int, str, str]] = []
    faults: list[Fault] = []
    try:
        for row in reader:
            if len(asked) + len(faults) >= MOST_AT_ONCE:
                raise Invalid(f"A file has at most {MOST_AT_ONCE} lines.", field="csv")
            _read_line(reader.line_num, [(name, row[name].strip()) for name in names], asked, faults)
    except csv.Error:
        raise Invalid(f"Line {reader.line_num} is not CSV.", field="csv") from None
    return asked, faults


def _read_line(line: int, cells: list[tuple[str, str]], asked: list[tuple[int, str, str]], faults: list[Fault]) -> None:
    kind, value = next(((name, cell) for name, cell in cells if cell), ("", ""))
    if not value:
        faults.append(Fault(line, "The line is empty."))
        return
    try:
        asked.append((line, kind, _identity(kind, value)))
    except HospesError as error:
        faults.append(Fault(line, error.message))


def _identity(kind: str, value: str) -> str:
    """As the address is kept. Raises Invalid."""
    if kind == "email":
        return guests.email_identity(guests.checked_email(value))
    return phone_identity(guests.checked_phone(value)) if kind == "phone" else value


def _check_count(guest_ids: Sequence[int]) -> None:
    if not 1 <= len(guest_ids) <= MOST_AT_ONCE:
        raise Invalid(f"Name 1 to {MOST_AT_ONCE} guests.", field="guest_ids")
