"""The Audience API, `/api/v1` and `/api_in/v1`."""

from hospes.doors.audience_api.admission import Admission
from hospes.doors.audience_api.dialect import DIALECT
from hospes.doors.audience_api.routes import BASE, DOCS, REPORTING_BASE, ROUTES
from hospes.doors.audience_api.speech import Speech

__all__ = ["BASE", "DIALECT", "DOCS", "REPORTING_BASE", "ROUTES", "Admission", "Speech"]
