"""Guests: who they are, what they agreed to, what is said of them, what happened to them."""

from hospes.capabilities.guests import (
    attributes,
    channels,
    consents,
    counts,
    marks,
    names,
    notes,
    personal,
    reaching,
    tags,
)
from hospes.capabilities.guests.folding import email as checked_email
from hospes.capabilities.guests.folding import email_identity, fold
from hospes.capabilities.guests.folding import phone as checked_phone
from hospes.capabilities.guests.happenings import (
    GuestCreated,
    GuestErased,
    GuestMerged,
    GuestUnmerged,
    GuestUpdated,
    NoteAdded,
    TagAdded,
    TagRemoved,
)
from hospes.capabilities.guests.identifiers import identifiers_of, known_by, owners
from hospes.capabilities.guests.listing import Page, Wanted, list_page
from hospes.capabilities.guests.merging import FAMILIES, family, hold, merge, unmerge
from hospes.capabilities.guests.profile import (
    COLUMNS,
    Changes,
    Guest,
    Profile,
    create,
    get,
    seen,
    update,
)

__all__ = [
    "COLUMNS",
    "FAMILIES",
    "Changes",
    "Guest",
    "GuestCreated",
    "GuestErased",
    "GuestMerged",
    "GuestUnmerged",
    "GuestUpdated",
    "NoteAdded",
    "Page",
    "Profile",
    "TagAdded",
    "TagRemoved",
    "Wanted",
    "attributes",
    "channels",
    "checked_email",
    "checked_phone",
    "consents",
    "counts",
    "create",
    "email_identity",
    "family",
    "fold",
    "get",
    "hold",
    "identifiers_of",
    "known_by",
    "list_page",
    "marks",
    "merge",
    "names",
    "notes",
    "owners",
    "personal",
    "reaching",
    "seen",
    "tags",
    "unmerge",
    "update",
]
