"""The guest's pages: made for phones, working without JavaScript, in the guest's language."""

from hospes.doors.pages.application import Pages
from hospes.doors.pages.visits import Services

__all__ = ["Pages", "Services"]
