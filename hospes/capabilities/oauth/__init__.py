"""OAuth 2.1: apps, what people allow them, and the tokens that say so."""

from hospes.capabilities.oauth import (
    authentication,
    callers,
    clients,
    core,
    ending,
    grants,
    pairs,
    partners,
    redirects,
    renewing,
    scopes,
    tokens,
)
from hospes.capabilities.oauth.callers import App
from hospes.capabilities.oauth.core import Rules
from hospes.capabilities.oauth.parameters import PageFault, Parameters, RedirectFault, Refused

__all__ = [
    "App",
    "PageFault",
    "Parameters",
    "RedirectFault",
    "Refused",
    "Rules",
    "authentication",
    "callers",
    "clients",
    "core",
    "ending",
    "grants",
    "pairs",
    "partners",
    "redirects",
    "renewing",
    "scopes",
    "tokens",
]
