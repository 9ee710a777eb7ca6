"""Wi-Fi: portals and who signed in, sessions that RADIUS opens and closes, and the visits they make."""

from hospes.capabilities.wifi import access, personal, portals, sessions, visits
from hospes.capabilities.wifi.portals import Portal, Settings
from hospes.capabilities.wifi.sessions import Packet, Present, Session, Wanted
from hospes.capabilities.wifi.signing_in import Form, SignIn, sign_in

__all__ = [
    "Form",
    "Packet",
    "Portal",
    "Present",
    "Session",
    "Settings",
    "SignIn",
    "Wanted",
    "access",
    "personal",
    "portals",
    "sessions",
    "sign_in",
    "visits",
]
