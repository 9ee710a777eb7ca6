"""Loyalty of the workspace."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
