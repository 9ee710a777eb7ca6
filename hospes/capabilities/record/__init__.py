"""The one guest record, as every door shows it: the profile, and what loyalty and Wi-Fi know."""

from hospes.capabilities.record import exporting, retention
from hospes.capabilities.record.erasing import erase, keep, let_go
from hospes.capabilities.record.exporting import export
from hospes.capabilities.record.whole import Record, get, whole

__all__ = ["Record", "erase", "export", "exporting", "get", "keep", "let_go", "retention", "whole"]
