"""What an app may be allowed, in plain words. Property API 4."""

SCOPES = {
    "properties.read": "See your properties and their settings",
    "bookings.read": "See your bookings, without guests' contact details",
    "bookings.sensitive.read": "See guests' email, phone and address, and smart-lock codes",
    "bookings.write": "Create and change direct bookings",
    "booking_parameters.read": "See your custom booking fields",
    "booking_parameters.write": "Create custom booking fields and fill them in",
    "missions.read": "See cleaning and other missions",
    "missions.write": "Create and change missions, and assign them to your team",
    "activity.read": "See what happened at your properties",
    "team_members.read": "See your team, with contact details",
    "webhooks.read": "See the app's own webhooks",
    "webhooks.write": "Have booking changes sent to the app",
}
# What a client is registered for that names no scope: everything that only reads, but nothing sensitive.
DEFAULT = " ".join(scope for scope in SCOPES if scope.endswith(".read") and ".sensitive." not in scope)


def parsed(text: str) -> list[str] | None:
    """The scopes of a list with single blanks between them, each once; None when one is not known. RFC 6749 3.3."""
    scopes = text.split(" ")
    return list(dict.fromkeys(scopes)) if all(scope in SCOPES for scope in scopes) else None
