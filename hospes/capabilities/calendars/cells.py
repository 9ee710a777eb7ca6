"""What stands in the cells of a table of bookings: days, times, numbers, amounts and words."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from hospes.base.errors import Invalid
from hospes.capabilities.calendars import columns

_MONEY: Final = ("amount", "night_rate", "cleaning_fee", "local_taxes")
_SYMBOLS: Final = {"€": "EUR", "£": "GBP", "zł": "PLN", "₺": "TRY"}
_ISO: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ].*)?", re.ASCII)
_DOTTED: Final = re.compile(r"(\d\d?)\.\s?(\d\d?)\.\s?(\d{4})", re.ASCII)
_SLASHED: Final = re.compile(r"(\d\d?)[/-](\d\d?)[/-](\d{4})", re.ASCII)


def order(days: Sequence[str]) -> bool | None:
    """Whether days come first in 03/04/2026: None when no date shows it."""
    pairs = [(int(found[1]), int(found[2])) for day in days if (found := _SLASHED.fullmatch(day))]
    if any(first > 12 for first, _ in pairs):
        return True
    return False if any(second > 12 for _, second in pairs) else None


def converted(cells: dict[str, str], *, day_first: bool | None) -> dict[str, Any]:
    """The values of a line. Raises Invalid, naming the column and what stands there."""
    said: dict[str, Any] = {}
    for name, text in cells.items():
        if name in ("arrival", "departure"):
            said[name] = _day(text, name, day_first=day_first)
        else:
            said[name] = _CONVERTERS.get(name, _text)(text, name)
    symbols = [symbol for name in _MONEY if name in cells and (symbol := _symbol(cells[name]))]
    if symbols:
        said.setdefault("currency", symbols[0])
    return said


def _text(text: str, _name: str) -> str:
    return text


def _day(text: str, name: str, *, day_first: bool | None) -> date:
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DOTTED.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if found := _SLASHED.fullmatch(text):
            if day_first is None:
                raise Invalid(f"{name}: {text} can be read in two ways. Say --dates dmy or --dates mdy.")
            day, month = (found[1], found[2]) if day_first else (found[2], found[1])
            return date(int(found[3]), int(month), int(day))
    except ValueError:
        pass
    raise Invalid(f"{name}: {_shown(text)} is no date. Write 2026-07-14.")


def _time(text: str, name: str) -> time:
    for form in ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I %p"):
        try:
            return datetime.strptime(text.upper(), form).time()  # noqa: DTZ007 (a time of day has no zone)
        except ValueError:
            continue
    raise Invalid(f"{name}: {_shown(text)} is no time of day. Write 16:00.")


def _whole(text: str, name: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII):
        raise Invalid(f"{name}: {_shown(text)} is no number.")
    return int(text)


def _money(text: str, name: str) -> Decimal:
    """An amount as 1234.5, 1,234.50, 1.234,50 or € 1 234,50."""
    digits = re.sub(r"[\s\u00a0\u202f'’]", "", text)
    for sign in _SYMBOLS:
        digits = digits.replace(sign, "")
    found = re.fullmatch(r"(\d[\d.,]*?)(?:[.,](\d{1,2}))?", digits, re.ASCII)
    if found is None or not re.fullmatch(r"\d+|\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+", found[1]):
        raise Invalid(f"{name}: {_shown(text)} is no amount. Write 1234.50, and the currency in a column of its own.")
    return Decimal(re.sub(r"[.,]", "", found[1]) + "." + (found[2] or "0"))


def _symbol(text: str) -> str | None:
    """The currency that a sign in an amount names; a dollar may be anybody's."""
    return next((code for sign, code in _SYMBOLS.items() if sign in text), None)


def _currency(text: str, _name: str) -> str:
    return text.upper()


def _channel(text: str, _name: str) -> str:
    return columns.channel(text)


def _id(text: str, name: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII):
        raise Invalid(f"{name}: {_shown(text)} is no number of a booking.")
    return int(text)


def _status(text: str, _name: str) -> str:
    found = columns.status(text)
    if found is None:
        raise Invalid(f"status: {_shown(text)} is not known. Write confirmed, pending, cancelled or unavailable.")
    return found


def _shown(text: str) -> str:
    """What stands in a cell, short and on one line."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f"{line[:40]}…" if len(line) > 40 else line or "an empty cell"


_CONVERTERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "id": _id,
    "channel": _channel,
    "status": _status,
    "check_in_time": _time,
    "check_out_time": _time,
    "adults": _whole,
    "children": _whole,
    "currency": _currency,
    **dict.fromkeys(_MONEY, _money),
}
