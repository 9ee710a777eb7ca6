"""The Workspace API's table."""

from hospes.doors.workspace_api import loyalty, places, promotions, templates, wifi

BASE = "/api/workspace/v1"
DOCS = BASE

ROUTES = [*places.ROUTES, *wifi.ROUTES, *promotions.ROUTES, *loyalty.ROUTES, *templates.ROUTES]
