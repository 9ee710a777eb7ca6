"""CRM: guests and what hangs on them. Contract 8."""

import msgspec

from hospes.base.db import Reader, Tx
from hospes.capabilities import events, guests, record
from hospes.doors.guest_api.shapes import (
    Entries,
    EntryOut,
    EventQuery,
    GuestIn,
    GuestOut,
    GuestPatch,
    GuestQuery,
    Guests,
    NoteIn,
    NoteOut,
    Notes,
    Page,
    TagIn,
    TagOut,
    Tags,
    TimelineQuery,
)


async def list_guests(reader: Reader, query: GuestQuery) -> Guests:
    """List guests

    Newest first. `search` finds any part of a name, email address or phone number, whatever its
    case and accents. In a workspace with many thousand guests the total of a very common search
    term is projected from a sample; `total_is_estimate` then says so.
    """
    wanted = guests.Wanted(query.search, query.location_id, query.tag, query.is_vip)
    page = await guests.list_page(reader, wanted, limit=query.limit, offset=query.offset)
    return Guests(
        items=[GuestOut.of(guest) for guest in await record.whole(reader, page.guests)],
        total=page.total,
        limit=query.limit,
        offset=query.offset,
        total_is_estimate=True if page.is_estimate else msgspec.UNSET,
    )


async def create_guest(tx: Tx, body: GuestIn) -> GuestOut:
    """Create guest

    Needs a location and at least one of name, email and phone. When a guest has the email address
    or phone number already, the answer is 409 and names that guest in `existing_id`.
    """
    profile = guests.Profile(
        location_id=body.location_id,
        portal_id=body.portal_id,
        name=body.name,
        email=body.email,
        phone=body.phone,
        marketing_consent=body.marketing_consent if isinstance(body.marketing_consent, bool) else None,
        is_vip=body.is_vip,
        tags=tuple(body.tags),
        attributes=body.attributes,
    )
    guest_id = await guests.create(tx, profile, evidence=tx.actor.name)
    return GuestOut.of(await record.get(tx, guest_id))


async def get_guest(reader: Reader, guest_id: int) -> GuestOut:
    """Get guest by ID

    The id of a guest that was merged answers with the guest it became.
    """
    return GuestOut.of(await record.get(reader, guest_id))


async def update_guest(tx: Tx, guest_id: int, body: GuestPatch) -> GuestOut:
    """Update guest

    What is absent stays. `tags` replaces the whole set; an attribute set to null is removed.
    """
    changes = guests.Changes(
        name=body.name,
        email=body.email,
        phone=body.phone,
        marketing_consent=body.marketing_consent,
        is_vip=body.is_vip,
        tags=tuple(body.tags) if isinstance(body.tags, list) else body.tags,
        attributes=body.attributes,
    )
    guest = await guests.update(tx, guest_id, changes, evidence=tx.actor.name)
    return GuestOut.of(await record.get(tx, guest.id))


async def show_timeline(reader: Reader, guest_id: int, query: TimelineQuery) -> Entries:
    """Guest activity timeline

    Newest first. `sequence` counts the guest's events without gaps, but for those that somebody tracked.
    """
    family = await guests.family(reader, guest_id)
    return await _entries(reader, events.Filter(family, query.type, None, query.since, query.until), query)


async def list_events(reader: Reader, query: EventQuery) -> Entries:
    """List events of the workspace

    Newest first. With `after`, the id of an event you have, the events behind it come in the order
    of the log, oldest first: read on from the last one and you miss nothing.
    """
    family = await guests.family(reader, query.guest_id) if query.guest_id is not None else None
    by = events.Filter(family, query.type, query.location_id, query.since, query.until)
    if query.after is None:
        return await _entries(reader, by, query)
    following = await events.list_after(reader, query.after, by, limit=query.limit)
    items = [EntryOut.of(entry) for entry in following]
    return Entries(items=items, total=await events.count(reader, by), limit=query.limit, offset=0)


async def list_tags(reader: Reader, query: Page) -> Tags:
    """List tag definitions"""
    found = await guests.tags.list_all(reader, limit=query.limit, offset=query.offset)
    total = await guests.tags.count(reader)
    return Tags(items=[TagOut.of(tag) for tag in found], total=total, limit=query.limit, offset=query.offset)


async def create_tag(tx: Tx, body: TagIn) -> TagOut:
    """Create tag

    Every workspace knows the tag `vip` from the start; defining it once gives it your label and colour.
    """
    return TagOut.of(await guests.tags.define(tx, slug=body.slug, label=body.label, color=body.color))


async def list_notes(reader: Reader, guest_id: int, query: Page) -> Notes:
    """List staff notes"""
    notes, total = await guests.notes.list_of(reader, guest_id, limit=query.limit, offset=query.offset)
    return Notes(items=[NoteOut.of(note) for note in notes], total=total, limit=query.limit, offset=query.offset)


async def add_note(tx: Tx, guest_id: int, body: NoteIn) -> NoteOut:
    """Add staff note"""
    return NoteOut.of(await guests.notes.add(tx, guest_id, body.text))


async def _entries(reader: Reader, by: events.Filter, page: Page) -> Entries:
    found = await events.list_newest(reader, by, limit=page.limit, offset=page.offset)
    total = await events.count(reader, by)
    return Entries(items=[EntryOut.of(entry) for entry in found], total=total, limit=page.limit, offset=page.offset)
