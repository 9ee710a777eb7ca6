"""The one guest record, as every door shows it: the profile, and what loyalty and Wi-Fi know."""

from hospes.capabilities.record.whole import Record, get, whole

__all__ = ["Record", "get", "whole"]
