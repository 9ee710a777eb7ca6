"""What the entries of each channel's feed mean: a stay, a block, or a closure that may be either.

The four channels say it in the title, and each in its own words (docs/operator/bookings.md has the table):

- Airbnb: "Reserved" is a stay, with the reservation's code in its address in the description;
  "Airbnb (Not available)" is a block, or nights that another calendar closed there.
- Booking.com: everything is "CLOSED - Not available". What it means is not in the feed.
- VRBO: "Reserved - Ana" is a stay, "Blocked" a block.
- Expedia: "Reserved" is a stay; "Blocked", "Closed" or "Not available" is a block.
"""

import re

import msgspec

STAY, BLOCK, CLOSED = "stay", "block", "closed"
# What a calendar may be told to take closures for, besides a stay or a block.
NOTHING = "nothing"
# Longer than what Booking.com lets guests book in one go unless a host asked for more: nobody's stay.
LONGEST_CLOSED_STAY = 30
_LONGEST_NAME = 99

_BLOCKED = re.compile(
    r"not\s+available|unavailable|\bblock(?:ed)?\b|\bclosed\b|\bclosure\b|\bmaintenance\b|\bowner\b|\bhold\b",
    re.IGNORECASE,
)
_RESERVED = re.compile(r"\s*(?:reserved|reservation|booked|booking)\b(?:\s*[-–:]\s*(?P<name>.*))?", re.IGNORECASE)
_CLOSED = re.compile(r"\s*closed\b(?:\s*[-–:]\s*(?P<name>.*))?", re.IGNORECASE)
# https://www.airbnb.com/hosting/reservations/details/HMABCD1234, with a country's host, or itinerary?code=.
_AIRBNB_CODE = re.compile(r"airbnb\.[a-z.]{2,10}/[^\s]{0,100}?(?:details/|code=)(?P<code>HM[A-Z0-9]{6,12})\b")
# A name has letters, and is neither a code nor a word of the trade.
_NO_NAME = re.compile(r"[\d@#/:]|\b(?:guest|booking|reservation|airbnb|vrbo|expedia)\b", re.IGNORECASE)


class Meaning(msgspec.Struct, frozen=True):
    """`code` is what the channel calls the reservation; `name` is the guest's, where the feed gives one."""

    kind: str
    code: str | None = None
    name: str | None = None


def read(channel: str, *, summary: str, description: str, url: str) -> Meaning:
    """What one entry of a channel's feed means."""
    if channel == "airbnb":
        return _airbnb(summary, f"{url} {description}")
    if channel == "booking":
        return _booking(summary)
    found = _RESERVED.fullmatch(summary)
    if found:
        return Meaning(STAY, name=_name(found["name"]))
    if _BLOCKED.search(summary):
        return Meaning(BLOCK)
    # Owners' calendars title an entry as they like: somebody is there.
    return Meaning(STAY if channel != "other" else CLOSED)


def _airbnb(summary: str, details: str) -> Meaning:
    found = _AIRBNB_CODE.search(details)
    if found:
        return Meaning(STAY, code=found["code"])
    return Meaning(BLOCK) if _BLOCKED.search(summary) else Meaning(STAY)


def _booking(summary: str) -> Meaning:
    found = _CLOSED.fullmatch(summary) or _RESERVED.fullmatch(summary)
    name = _name(found["name"]) if found else None
    return Meaning(CLOSED, name=None) if name is None else Meaning(STAY, name=name)


def _name(text: str | None) -> str | None:
    """A guest's name, or None for a code, nothing, or words that say that nobody is named."""
    name = " ".join((text or "").split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return None
    return None if _BLOCKED.search(name) or _NO_NAME.search(name) else name


def is_of(url_host: str) -> str:
    """The channel whose feeds have this host; `other` for a host that is nobody's."""
    for word, channel in _HOSTS.items():
        if re.search(rf"(?:^|\.){word}\.", url_host):
            return channel
    return "other"


_HOSTS = {"airbnb": "airbnb", "booking": "booking", "vrbo": "vrbo", "homeaway": "vrbo", "expedia": "expedia"}
