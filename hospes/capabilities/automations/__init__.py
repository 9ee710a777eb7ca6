"""Automations: what follows from a booking by itself, when its time comes."""

from hospes.capabilities.automations import locks, openings, personal, words
from hospes.capabilities.automations.concierge import Concierge
from hospes.capabilities.automations.following import JOB, follow, use_lock
from hospes.capabilities.automations.happenings import TYPES
from hospes.capabilities.automations.locks import Lock, Order, Told

__all__ = [
    "JOB",
    "TYPES",
    "Concierge",
    "Lock",
    "Order",
    "Told",
    "follow",
    "locks",
    "openings",
    "personal",
    "use_lock",
    "words",
]
