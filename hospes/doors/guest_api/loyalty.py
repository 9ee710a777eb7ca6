"""Loyalty: balance, tier, adding points and spending them. Contract 10."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
