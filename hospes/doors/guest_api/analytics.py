"""Analytics: headline figures, guests, promotions. Contract 14."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
