"""Segments: guests for whom rules hold, kept current; and lists, kept by hand."""

from hospes.capabilities.segments.definitions import (
    JOB,
    Member,
    Person,
    Segment,
    change,
    count,
    create,
    delete,
    get,
    list_after,
    members,
    publish,
    sample,
)
from hospes.capabilities.segments.happenings import ListJoined, ListLeft, SegmentEntered, SegmentLeft
from hospes.capabilities.segments.keeping import Keeper
from hospes.capabilities.segments.noting import note, note_all
from hospes.capabilities.segments.rules import parse

__all__ = [
    "JOB",
    "Keeper",
    "ListJoined",
    "ListLeft",
    "Member",
    "Person",
    "Segment",
    "SegmentEntered",
    "SegmentLeft",
    "change",
    "count",
    "create",
    "delete",
    "get",
    "list_after",
    "members",
    "note",
    "note_all",
    "parse",
    "publish",
    "sample",
]
