"""The one guest record, as every door shows it: the profile, and what loyalty and Wi-Fi know."""

from hospes.capabilities.record import retention
from hospes.capabilities.record.erasing import erase, keep, let_go
from hospes.capabilities.record.whole import Record, get, whole

__all__ = ["Record", "erase", "get", "keep", "let_go", "retention", "whole"]
