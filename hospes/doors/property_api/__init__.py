"""The Property API, `/public/v1`: properties, bookings, missions, team, activity, webhooks; tokens of OAuth 2.1."""

from hospes.doors.property_api.admission import Admission
from hospes.doors.property_api.dialect import DIALECT, PLAYGROUND
from hospes.doors.property_api.routes import BASE, DOCS, ROUTES
from hospes.doors.property_api.speech import Speech

__all__ = ["BASE", "DIALECT", "DOCS", "PLAYGROUND", "ROUTES", "Admission", "Speech"]
