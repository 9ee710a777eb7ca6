"""Automations: what follows from a booking by itself, when its time comes."""

from hospes.capabilities.automations.happenings import TYPES

__all__ = ["TYPES"]
