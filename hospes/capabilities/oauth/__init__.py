"""OAuth 2.1: apps, what people allow them, and the tokens that say so."""

from hospes.capabilities.oauth import callers, clients, core, grants, redirects, scopes, tokens
from hospes.capabilities.oauth.callers import App
from hospes.capabilities.oauth.core import PageFault, Parameters, RedirectFault, Refused, Rules

__all__ = [
    "App",
    "PageFault",
    "Parameters",
    "RedirectFault",
    "Refused",
    "Rules",
    "callers",
    "clients",
    "core",
    "grants",
    "redirects",
    "scopes",
    "tokens",
]
