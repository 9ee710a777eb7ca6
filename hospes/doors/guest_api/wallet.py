"""Wallet: the payload, signed links, redeeming a reward. Contract 11."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
