"""Reading a feed: from bytes of a stranger to nights. RFC 5545.

Lines are unfolded and sifted first: what reaches the library is the few properties that are needed,
of a bounded number of entries. Rules of repetition and definitions of time zones stay outside,
since a line of either can ask for a billion dates; a time zone counts by its name.
"""

import io
import re
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from icalendar import Event

from hospes.base.errors import HospesError
from hospes.capabilities.calendars import channels
from hospes.capabilities.calendars.nights import DAY

MOST_ENTRIES: Final = 2000
# What a line says that counts, it says early; a date in a longer one is none.
_LONGEST_TEXT: Final = 1024
_LONGEST_DATE: Final = 200
_LONGEST_UID: Final = 200
_WANTED: Final = re.compile(rb"(DTSTART|DTEND|DURATION|UID|SUMMARY|DESCRIPTION|URL|STATUS|SEQUENCE)[:;]", re.IGNORECASE)
_DATES: Final = (b"DTSTART", b"DTEND", b"DURATION")
_REPEATS: Final = re.compile(rb"(RRULE|RDATE)[:;]", re.IGNORECASE)
_FIRST, _LAST = date(2000, 1, 2), date(2099, 12, 31)


class Broken(HospesError):
    """The text is no calendar."""


class Entry(msgspec.Struct, frozen=True):
    """Nights that the feed says are taken. `kind` is one of `channels.STAY`, `BLOCK` and `CLOSED`."""

    uid: str
    arrival: date
    departure: date
    kind: str
    status: str = "confirmed"
    code: str | None = None
    name: str | None = None

    @property
    def span(self) -> tuple[date, date]:
        return self.arrival, self.departure


class Feed(msgspec.Struct, frozen=True):
    """`notes` say in words what could not be read; while `is_whole` is False, something may be missing."""

    entries: list[Entry]
    notes: list[str] = []
    is_whole: bool = True


def read(data: bytes, channel: str, *, zone: ZoneInfo, own_domain: str) -> Feed:
    """The feed's entries by their dates at the property, in `zone`; those with our own UIDs are left out.

    Raises Broken for what is no calendar, or is cut off.
    """
    entries, unreadable, repeats = [], 0, 0
    for lines in _sifted(data):
        try:
            entry = _entry(lines.wanted.values(), channel, zone, own_domain)
        except _NoNight:
            continue
        except Exception:  # noqa: BLE001 (a stranger's text, and a library that raises OSError for a long time zone)
            unreadable += 1
        else:
            entries += [entry] if entry else []
            repeats += lines.is_repeated
    notes = []
    if unreadable:
        notes.append(f"{_entries(unreadable)} could not be read: without a date that makes sense.")
    if repeats:
        notes.append(f"{_entries(repeats)} repeat; only the first time of each is taken.")
    return Feed(_single(entries), notes, is_whole=not unreadable)


class _NoNight(Exception):
    """The entry begins and ends on one day."""


class _Lines:
    """The lines of one VEVENT that are wanted, of each property the first; what stands deeper is left out."""

    def __init__(self) -> None:
        self.wanted: dict[bytes, bytes] = {}
        self.is_repeated = False
        self._depth = 0

    def take(self, line: bytes) -> bool:
        """Whether the entry goes on behind this line. Raises Broken."""
        word = line[:16].strip().upper()
        if word == b"BEGIN:VEVENT":
            raise Broken("The calendar is damaged: an entry begins inside another.")
        if word == b"END:VCALENDAR":
            raise Broken("The calendar is damaged: an entry has no end.")
        if word.startswith((b"BEGIN:", b"END:")):
            self._depth += 1 if word[:1] == b"B" else -1
        elif not self._depth:
            found = _WANTED.match(line)
            name = found[1].upper() if found else b""
            if found and (name not in _DATES or len(line) <= _LONGEST_DATE):
                self.wanted.setdefault(name, line[:_LONGEST_TEXT])
            self.is_repeated = self.is_repeated or _REPEATS.match(line) is not None
        return self._depth >= 0


def _sifted(data: bytes) -> list[_Lines]:
    """Every VEVENT. Raises Broken."""
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if text[:15].upper() != b"BEGIN:VCALENDAR":
        raise Broken("The address answers with something that is no calendar.")
    if text[-13:].upper() != b"END:VCALENDAR":
        raise Broken("The calendar is cut off: its end is missing.")
    found: list[_Lines] = []
    inside: _Lines | None = None
    for raw in io.BytesIO(_unfolded(text)):
        line = raw.rstrip(b"\r\n")
        if inside is not None:
            if not inside.take(line):
                found.append(inside)
                inside = None
        elif line[:16].strip().upper() == b"BEGIN:VEVENT":
            inside = _Lines()
            if len(found) >= MOST_ENTRIES:
                raise Broken(f"The calendar has more than {MOST_ENTRIES:,} entries.")
    return found


def _unfolded(text: bytes) -> bytes:
    """RFC 5545 section 3.1: a line goes on where the next begins with a blank."""
    for fold in (b"\r\n ", b"\r\n\t", b"\n ", b"\n\t"):
        text = text.replace(fold, b"")
    return text


def _entry(lines: Iterable[bytes], channel: str, zone: ZoneInfo, own_domain: str) -> Entry | None:
    """None for an entry that takes no nights: cancelled, or our own come back."""
    event: Any = Event.from_ical(b"\r\n".join([b"BEGIN:VEVENT", *lines, b"END:VEVENT", b""]))
    uid = _text(event, "UID")
    if uid.rpartition("@")[2] == own_domain or _text(event, "STATUS").upper() == "CANCELLED":
        return None
    arrival, departure = _dates(event, zone)
    if not _FIRST <= arrival < departure <= _LAST:
        raise Broken
    meaning = channels.read(
        channel,
        summary=_text(event, "SUMMARY"),
        description=_text(event, "DESCRIPTION"),
        url=_text(event, "URL"),
    )
    return Entry(
        _bounded(uid) or f"{arrival}/{departure}",
        arrival,
        departure,
        meaning.kind,
        "pending" if _text(event, "STATUS").upper() == "TENTATIVE" else "confirmed",
        meaning.code,
        meaning.name,
    )


def _text(event: Any, name: str) -> str:
    value = event.get(name)
    value = value[0] if isinstance(value, list) else value
    return "" if value is None else str(value).replace("\0", "").strip()


def _bounded(uid: str) -> str:
    return uid if len(uid) <= _LONGEST_UID else sha256(uid.encode()).hexdigest()


def _dates(event: Any, zone: ZoneInfo) -> tuple[date, date]:
    """The first night, and the day of departure. Raises _NoNight, and others for what is no date."""
    start, end = _instant(event, "DTSTART"), event.get("DTEND")
    arrival = _day(start, zone)
    if end is not None:
        departure = _day(_instant(event, "DTEND"), zone)
    elif event.get("DURATION") is not None:
        departure = _day(start + event["DURATION"].dt, zone)
    else:
        # RFC 5545 section 3.6.1: a date alone is that day; an instant alone takes no time.
        departure = arrival if isinstance(start, datetime) else arrival + DAY
    if departure == arrival and not isinstance(start, datetime):
        departure = arrival + DAY  # not allowed, and seen: the last night in place of the day behind it
    if departure == arrival:
        raise _NoNight
    return arrival, departure


def _instant(event: Any, name: str) -> date:
    value = event[name]
    value = (value[0] if isinstance(value, list) else value).dt
    if not isinstance(value, date):
        raise TypeError(name)
    return value


def _day(at: date, zone: ZoneInfo) -> date:
    """The date at the property. What has no time zone is the property's own time (RFC 5545 section 3.3.5)."""
    if not isinstance(at, datetime):
        return at
    return at.astimezone(zone).date() if at.tzinfo is not None else at.date()


def _single(entries: list[Entry]) -> list[Entry]:
    """Each UID once: of those that overlap the last one written counts, others get the arrival as a second name."""
    by_uid: dict[str, list[Entry]] = {}
    for entry in entries:
        others = [one for one in by_uid.get(entry.uid, []) if not _overlap(one, entry)]
        by_uid[entry.uid] = [*others, entry]
    found = []
    for same in by_uid.values():
        first, *more = sorted(same, key=lambda one: one.arrival)
        found += [first, *(msgspec.structs.replace(one, uid=_bounded(f"{one.uid}#{one.arrival}")) for one in more)]
    return sorted(found, key=lambda one: (one.arrival, one.uid))


def _overlap(one: Entry, other: Entry) -> bool:
    return one.arrival < other.departure and other.arrival < one.departure


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"
