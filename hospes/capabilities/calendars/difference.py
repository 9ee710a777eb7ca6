"""What a feed changes: from what it said before and says now to what is to be done. Values in, values out.

A stay is known by its UID; when that is new, by the reservation's code or by its dates, since some
feeds make new UIDs each time.
A block has no identity, only nights. Nights that somebody else holds here are no block of the feed:
most are our own bookings, which the channel was told of and tells back.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta

import msgspec

from hospes.capabilities.calendars import nights
from hospes.capabilities.calendars.channels import BLOCK, CLOSED, LONGEST_CLOSED_STAY, NOTHING, STAY
from hospes.capabilities.calendars.feeds import Entry, Feed

# How often in a row a feed has to have lost most of its stays before that is believed: three quarters
# of an hour at the usual pace, and longer than any outage of a channel's export that we know of.
THIN_POLLS = 4
# How long a channel may still tell back a booking that has gone here: they ask for our calendar
# every few hours, the slowest twice a day.
ECHO = timedelta(hours=48)
# What lies further ahead is no booking yet.
HORIZON = timedelta(days=1000)


class Known(msgspec.Struct, frozen=True):
    """A stay that the feed told of before, as it stands here."""

    uid: str
    booking_id: int
    arrival: date
    departure: date
    status: str
    is_certain: bool = True
    # What the channel calls the reservation.
    code: str | None = None

    @property
    def span(self) -> tuple[date, date]:
        return self.arrival, self.departure


class Here(msgspec.Struct, frozen=True):
    """What the house knows: the stays and blocked nights of this feed, and what others hold at the property."""

    stays: Sequence[Known] = ()
    blocked: AbstractSet[date] = frozenset()
    others: Sequence[tuple[date, date]] = ()
    # Nights that the feed blocked while others held them, and since when they are free again.
    echoes: Mapping[date, datetime | None] = {}
    thin_polls: int = 0


class Move(msgspec.Struct, frozen=True):
    """A known stay and what it is to be."""

    known: Known
    entry: Entry


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, and what is to be remembered."""

    cancel: list[Known]
    # These have ended: what becomes of them in the feed is no news any more.
    forget: list[Known]
    # Every stay of the feed that is known, changed or not.
    keep: list[Move]
    create: list[Entry]
    blocked: set[date]
    echoes: dict[date, datetime | None]
    is_thin: bool
    notes: list[str]

    @property
    def moves(self) -> list[Move]:
        """Those of the known stays that are to be changed."""
        return [one for one in self.keep if (one.known.span, one.known.status) != (one.entry.span, one.entry.status)]


def plan(here: Here, feed: Feed, *, closed_is: str, today: date, now: datetime) -> Plan:
    """How to get from `here` to what the feed says from `today` on."""
    entries = [one for one in feed.entries if one.departure > today and one.arrival <= today + HORIZON]
    stays, blocks, notes = _sorted(here, entries, closed_is=closed_is, today=today, now=now)
    keep, create, missing = _matched(here.stays, stays, today)
    gone = [one for one in missing if one.arrival > today]
    is_thin = _is_thin(here, feed, gone, today=today)
    is_believed = not is_thin or here.thin_polls + 1 >= THIN_POLLS
    cancel = gone if is_believed else []
    blocked, echoes = _blocked(here, stays, blocks, cancel, today=today, now=now)
    if not is_believed:
        blocked |= {night for night in here.blocked if night >= today} - nights.of(one.span for one in stays)
    return Plan(
        cancel,
        [one for one in missing if one.departure <= today],
        keep,
        create,
        blocked,
        echoes,
        is_thin,
        [*feed.notes, *notes],
    )


def _sorted(
    here: Here, entries: list[Entry], *, closed_is: str, today: date, now: datetime
) -> tuple[list[Entry], list[Entry], list[str]]:
    """Stays, blocks, and what a person should look at. A closure becomes one or the other here."""
    uids, spans = {one.uid for one in here.stays}, {one.span for one in here.stays}
    echoing = {night for night, since in here.echoes.items() if since is None or now - since < ECHO}
    told_back = {night for night in nights.of(here.others) | echoing if night >= today}
    stays: list[Entry] = []
    blocks: list[Entry] = []
    notes: list[str] = []
    for one in entries:
        if closed_is == NOTHING and one.kind != STAY:
            continue
        is_known = one.uid in uids or one.span in spans
        is_long = (one.departure - one.arrival).days > LONGEST_CLOSED_STAY
        if one.kind == STAY or (one.kind == CLOSED and is_known):
            stays.append(one)
        elif one.kind == BLOCK:
            blocks.append(one)
        elif closed_is == BLOCK or is_long or not told_back.isdisjoint(nights.between(*one.span)):
            blocks.append(one)
            notes += [_crossing(one)] if any(_crosses(one.span, other) for other in here.others) else []
        else:
            stays.append(one)
    return stays, blocks, notes


def _crosses(one: tuple[date, date], other: tuple[date, date]) -> bool:
    """Whether two stays share nights, and the other has nights that the one has not: then it is no echo."""
    return one[0] < other[1] and other[0] < one[1] and not (one[0] <= other[0] and other[1] <= one[1])


def _matched(known: Sequence[Known], stays: list[Entry], today: date) -> tuple[list[Move], list[Entry], list[Known]]:
    """Known stays with what they are now, new ones, and those that are not in the feed."""
    by_uid = {one.uid: one for one in known}
    keep = [Move(by_uid[one.uid], _whole(by_uid[one.uid], one, today)) for one in stays if one.uid in by_uid]
    told = {one.uid for one in stays}
    missing = [one for one in known if one.uid not in told]
    by_span = {one.span: one for one in missing if one.status != "cancelled"}
    by_code = {one.code: one for one in missing if one.code is not None}
    create = []
    for one in stays:
        if one.uid in by_uid:
            continue
        renamed = (by_code.get(one.code) if one.code else None) or by_span.get(one.span)
        if renamed is None or renamed not in missing:
            create.append(one)
        else:
            missing.remove(renamed)
            keep.append(Move(renamed, one))
    return keep, create, missing


def _whole(known: Known, entry: Entry, today: date) -> Entry:
    """Some feeds begin today: of a stay that has begun, the nights behind us are the ones we know."""
    if known.arrival < today and known.arrival < entry.arrival <= today:
        return msgspec.structs.replace(entry, arrival=known.arrival)
    return entry


def _is_thin(here: Here, feed: Feed, gone: list[Known], *, today: date) -> bool:
    """Whether the feed lost so much that it looks damaged rather than changed."""
    ahead = [one for one in here.stays if one.arrival > today]
    if not feed.entries:
        return bool(ahead or any(night > today for night in here.blocked))
    return len(gone) * 2 > len(ahead) or not feed.is_whole


def _blocked(
    here: Here, stays: list[Entry], blocks: list[Entry], cancel: list[Known], *, today: date, now: datetime
) -> tuple[set[date], dict[date, datetime | None]]:
    """The nights that the feed blocks and nobody else holds, and those that it only tells back."""
    until = today + HORIZON
    wanted = {night for night in nights.of(one.span for one in blocks) if today <= night < until}
    wanted -= nights.of(one.span for one in stays)
    held, freed = nights.of(here.others), nights.of(one.span for one in cancel)
    blocked: set[date] = set()
    echoes: dict[date, datetime | None] = {}
    for night in wanted:
        since = here.echoes.get(night) or now
        if night in held:
            echoes[night] = None
        elif night in freed or (night in here.echoes and now - since < ECHO):
            echoes[night] = since
        else:
            blocked.add(night)
    return blocked, echoes


def _crossing(one: Entry) -> str:
    return f"The channel closed {one.arrival} to {one.departure}, part of which is another booking here: look there."


__all__ = ["BLOCK", "CLOSED", "STAY", "Here", "Known", "Move", "Plan", "plan"]
