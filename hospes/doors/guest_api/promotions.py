"""Promotions: list, grant, redeem at the till. Contract 9."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
