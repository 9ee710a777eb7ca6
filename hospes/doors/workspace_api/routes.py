"""The Workspace API's table."""

from hospes.doors.workspace_api import (
    apps,
    campaigns,
    guests,
    loyalty,
    places,
    promotions,
    pushes,
    segments,
    stays,
    templates,
    wifi,
)

BASE = "/api/workspace/v1"
DOCS = BASE

ROUTES = [
    *places.ROUTES,
    *stays.ROUTES,
    *wifi.ROUTES,
    *promotions.ROUTES,
    *loyalty.ROUTES,
    *templates.ROUTES,
    *pushes.ROUTES,
    *campaigns.ROUTES,
    *segments.ROUTES,
    *guests.ROUTES,
    *apps.ROUTES,
]
