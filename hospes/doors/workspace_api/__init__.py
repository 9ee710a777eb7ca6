"""The Workspace API, `/api/workspace/v1`: everything the console can do, for the operator's automation."""

from hospes.doors.workspace_api.admission import Admission
from hospes.doors.workspace_api.dialect import DIALECT
from hospes.doors.workspace_api.routes import BASE, DOCS, ROUTES
from hospes.doors.workspace_api.speech import Speech

__all__ = ["BASE", "DIALECT", "DOCS", "ROUTES", "Admission", "Speech"]
