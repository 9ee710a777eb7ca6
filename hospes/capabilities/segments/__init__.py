"""Segments: guests for whom rules hold, kept current; and lists, kept by hand."""

from hospes.capabilities.segments import checking, lists, personal
from hospes.capabilities.segments.checking import Difference, check
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
from hospes.capabilities.segments.explaining import Explanation, Finding, explain
from hospes.capabilities.segments.happenings import ListJoined, ListLeft, SegmentEntered, SegmentLeft
from hospes.capabilities.segments.keeping import Keeper
from hospes.capabilities.segments.noting import note, note_all, note_tracked
from hospes.capabilities.segments.rules import VERSION, parse
from hospes.capabilities.segments.schema import schema
from hospes.capabilities.segments.wording import outline

__all__ = [
    "JOB",
    "VERSION",
    "Difference",
    "Explanation",
    "Finding",
    "Keeper",
    "ListJoined",
    "ListLeft",
    "Member",
    "Person",
    "Segment",
    "SegmentEntered",
    "SegmentLeft",
    "change",
    "check",
    "checking",
    "count",
    "create",
    "delete",
    "explain",
    "get",
    "list_after",
    "lists",
    "members",
    "note",
    "note_all",
    "note_tracked",
    "outline",
    "parse",
    "personal",
    "publish",
    "sample",
    "schema",
]
