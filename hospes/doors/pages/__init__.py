"""The pages of guests and staff: made for phones, working without JavaScript."""

from hospes.doors.pages.application import Pages
from hospes.doors.pages.routes import GUESTS, STAFF
from hospes.doors.pages.visits import Services

__all__ = ["GUESTS", "STAFF", "Pages", "Services"]
