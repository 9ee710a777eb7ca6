"""The Guest API, `/api/v1/external/v1`."""

from hospes.doors.guest_api.admission import Admission
from hospes.doors.guest_api.dialect import DIALECT
from hospes.doors.guest_api.routes import BASE, DOCS, ROUTES
from hospes.doors.guest_api.speech import Speech

__all__ = ["BASE", "DIALECT", "DOCS", "ROUTES", "Admission", "Speech"]
