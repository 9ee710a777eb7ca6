"""Wi-Fi: locations, portals, sessions, who is here now. Contract 13."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
