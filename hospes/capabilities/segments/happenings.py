"""What happens to members of segments and lists, as the log tells it."""

from typing import ClassVar

from hospes.capabilities.events import Event


class SegmentEntered(Event, frozen=True):
    """A guest came into a segment."""

    TYPE: ClassVar[str] = "segment.entered"
    TITLE: ClassVar[str] = "Entered a segment"

    segment_id: int


class SegmentLeft(Event, frozen=True):
    """A guest left a segment."""

    TYPE: ClassVar[str] = "segment.left"
    TITLE: ClassVar[str] = "Left a segment"

    segment_id: int


class ListJoined(Event, frozen=True):
    """A guest was put on a list."""

    TYPE: ClassVar[str] = "list.joined"
    TITLE: ClassVar[str] = "Put on a list"

    list_id: int


class ListLeft(Event, frozen=True):
    """A guest was taken off a list."""

    TYPE: ClassVar[str] = "list.left"
    TITLE: ClassVar[str] = "Taken off a list"

    list_id: int
