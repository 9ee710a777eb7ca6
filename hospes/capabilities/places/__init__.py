"""Where guests are met: locations, and the captive portals in them."""

from hospes.capabilities.places.sites import Location, create_location, create_portal, get, list_after, list_page

__all__ = ["Location", "create_location", "create_portal", "get", "list_after", "list_page"]
