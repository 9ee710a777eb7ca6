"""Where guests are met: locations, and the captive portals in them."""

from hospes.capabilities.places.sites import create_location, create_portal

__all__ = ["create_location", "create_portal"]
