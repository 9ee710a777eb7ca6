"""What can happen on the Wi-Fi."""

from typing import ClassVar

from hospes.capabilities.events import Event


class SignedIn(Event, frozen=True):
    """A guest signed in at a portal; `is_verified` when a code proved the address."""

    TYPE: ClassVar[str] = "wifi.signed_in"
    TITLE: ClassVar[str] = "Signed in to WiFi"

    portal_id: int
    is_verified: bool


class VisitStarted(Event, frozen=True):
    """A guest came: a session opened, longer than the portal's gap after the one before."""

    TYPE: ClassVar[str] = "visit.started"
    TITLE: ClassVar[str] = "Connected to WiFi"

    session_id: int
    location_id: int


class VisitEnded(Event, frozen=True):
    """A guest left: the last session closed, and none opened within the gap."""

    TYPE: ClassVar[str] = "visit.ended"
    TITLE: ClassVar[str] = "Left WiFi"

    session_id: int
    location_id: int
    duration_seconds: int
