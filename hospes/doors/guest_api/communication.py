"""Communication: sending a template, and how it fared. Contract 12."""

from hospes.web.routes import Route

ROUTES: list[Route] = []
