"""What can happen to a guest."""

from typing import ClassVar

from hospes.capabilities.events import Event


class GuestCreated(Event, frozen=True):
    """A person became known."""

    TYPE: ClassVar[str] = "guest.created"
    TITLE: ClassVar[str] = "Guest created"


class GuestUpdated(Event, frozen=True):
    """Profile, VIP flag, consent or tags changed; `changed` names the fields."""

    TYPE: ClassVar[str] = "guest.updated"
    TITLE: ClassVar[str] = "Guest updated"

    changed: list[str]


class TagAdded(Event, frozen=True):
    """A tag was given; `tag` is its slug."""

    TYPE: ClassVar[str] = "tag.added"
    TITLE: ClassVar[str] = "Tag added"

    tag: str


class TagRemoved(Event, frozen=True):
    """A tag was taken away; `tag` is its slug."""

    TYPE: ClassVar[str] = "tag.removed"
    TITLE: ClassVar[str] = "Tag removed"

    tag: str


class NoteAdded(Event, frozen=True):
    """Staff wrote a note."""

    TYPE: ClassVar[str] = "note.added"
    TITLE: ClassVar[str] = "Note added"

    note_id: int


class GuestErased(Event, frozen=True):
    """A person was erased: their id answers no more, and whoever copied them has to forget them too."""

    TYPE: ClassVar[str] = "guest.erased"
    TITLE: ClassVar[str] = "Guest erased"


class GuestMerged(Event, frozen=True):
    """Two records turned out to be one person; `merged_guest_id` answers for `guest_id` from now on."""

    TYPE: ClassVar[str] = "guest.merged"
    TITLE: ClassVar[str] = "Merged with another guest"

    merged_guest_id: int
    merge_id: int


class GuestUnmerged(Event, frozen=True):
    """A merge was taken back."""

    TYPE: ClassVar[str] = "guest.unmerged"
    TITLE: ClassVar[str] = "Merge undone"

    merged_guest_id: int
    merge_id: int
