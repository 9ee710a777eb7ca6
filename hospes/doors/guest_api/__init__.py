"""The Guest API, `/api/v1/external/v1`."""

from hospes.doors.guest_api.admission import Admission
from hospes.doors.guest_api.routes import BASE, ROUTES, TITLE
from hospes.doors.guest_api.speech import GuestSpeech

__all__ = ["BASE", "ROUTES", "TITLE", "Admission", "GuestSpeech"]
