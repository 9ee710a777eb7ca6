"""What the columns of bookings are called, in our exports and in those of channels and their tools."""

import re

# Of each column the ways in which it is written; case, blanks, dots, dashes and underscores do not count.
SPELLINGS = {
    "id": ("id", "hospes id"),
    "property": ("property", "property id", "property name", "listing", "unit", "apartment", "accommodation", "room"),
    "channel": ("channel", "source", "platform", "portal", "ota", "booked via"),
    "channel_booking_id": (
        *("channel booking id", "confirmation code", "confirmation number", "reservation id", "reservation number"),
        *("reservation code", "booking id", "booking number", "book number", "booking reference", "reference"),
    ),
    "status": ("status", "state", "booking status"),
    "arrival": ("arrival", "arrival date", "check in", "checkin", "check in date", "start date", "start", "from"),
    "departure": ("departure", "departure date", "check out", "checkout", "check out date", "end date", "end", "to"),
    "check_in_time": ("check in time", "arrival time"),
    "check_out_time": ("check out time", "departure time"),
    "adults": ("adults", "of adults", "number of adults"),
    "children": ("children", "of children", "number of children", "kids"),
    "amount": ("amount", "total", "total price", "price", "total amount", "gross amount"),
    "night_rate": ("night rate", "nightly rate", "rate"),
    "cleaning_fee": ("cleaning fee", "cleaning"),
    "local_taxes": ("local taxes", "taxes", "tourist tax", "city tax"),
    "currency": ("currency",),
    "notes": ("notes", "note", "comment", "comments", "remarks"),
    "guest_name": ("guest", "guest name", "guest names", "name", "booked by", "booker name"),
    "first_name": ("first name", "guest first name", "given name"),
    "last_name": ("last name", "guest last name", "surname", "family name"),
    "email": ("email", "e mail", "guest email", "email address"),
    "phone": ("phone", "guest phone", "phone number", "telephone", "mobile", "contact"),
    "language": ("language", "guest language"),
}
_BY_SPELLING = {spelling: column for column, spellings in SPELLINGS.items() for spelling in spellings}

CHANNELS = {
    "booking.com": "booking",
    "bookingcom": "booking",
    "homeaway": "vrbo",
    "abritel": "vrbo",
    "manual": "direct",
    "website": "direct",
}
STATUSES = {
    **dict.fromkeys(("confirmed", "ok", "booked", "accepted", "reserved", "approved", "past guest"), "confirmed"),
    **dict.fromkeys(("currently hosting", "arriving soon", "checked in", "checked out", "completed"), "confirmed"),
    **dict.fromkeys(("pending", "request", "requested", "tentative", "option", "inquiry"), "pending"),
    **dict.fromkeys(("cancelled", "canceled", "cancelled by guest", "canceled by guest", "no show"), "cancelled"),
    **dict.fromkeys(("cancelled by host", "canceled by host", "cancelled by partner", "declined"), "cancelled"),
    **dict.fromkeys(("unavailable", "blocked", "block", "closed", "not available"), "unavailable"),
}


def column(header: str) -> str | None:
    """Which column a header names; None for one that is not known."""
    return _BY_SPELLING.get(_plain(header))


def status(text: str) -> str | None:
    """A status in the house's word; None for an unknown one."""
    return STATUSES.get(_plain(text))


def channel(text: str) -> str:
    """A channel in the house's word, or the text as it is."""
    return CHANNELS.get(text.strip().lower(), text.strip().lower())


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text.lower()).split())
