"""The log: everything that happens, once, in order."""

from hospes.capabilities.events import personal
from hospes.capabilities.events.log import (
    TRACKED,
    Entry,
    Event,
    Filter,
    Happening,
    PropertyEvent,
    Recorded,
    Sequenced,
    count,
    list_after,
    list_at_property,
    list_newest,
    record,
    since,
    titled,
)
from hospes.capabilities.events.partitions import keep_partitions
from hospes.capabilities.events.together import Tracked, record_all, record_tracked

__all__ = [
    "TRACKED",
    "Entry",
    "Event",
    "Filter",
    "Happening",
    "PropertyEvent",
    "Recorded",
    "Sequenced",
    "Tracked",
    "count",
    "keep_partitions",
    "list_after",
    "list_at_property",
    "list_newest",
    "personal",
    "record",
    "record_all",
    "record_tracked",
    "since",
    "titled",
]
