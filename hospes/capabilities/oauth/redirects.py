"""Redirect URIs: which may be registered, and which of them a request means. OAuth 2.1 section 2.3, RFC 8252."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

LONGEST = 2048
# What we add ourselves must not stand there already.
_OURS = {"code", "state", "iss", "error", "error_description", "response"}
_LOOPBACK = {"127.0.0.1", "[::1]", "localhost"}
_PLAIN = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()+,;=%-]+")
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
# Schemes of native apps are reversed domain names (RFC 8252 section 7.1): a dot keeps `data:` out too.
_PRIVATE = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9][a-z0-9+-]*)+")


def fault(uri: str) -> str | None:
    """What is wrong with a URI that somebody wants to register; None when it may be."""
    if len(uri) > LONGEST:
        return f"A redirect URI has at most {LONGEST} characters."
    if not _PLAIN.fullmatch(uri):
        return "A redirect URI is absolute and holds no blanks, wildcards or characters beyond ASCII."
    if "#" in uri:
        return "A redirect URI has no fragment."
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "The redirect URI cannot be read."
    if ".." in parts.path.split("/") or "." in parts.path.split("/") or "%2e" in parts.path.lower():
        return "A redirect URI has no dot segments."
    if any(name in _OURS for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return "The redirect URI's own query may not hold a name that the answer uses."
    return _place_fault(parts, port)


def _place_fault(parts: SplitResult, port: int | None) -> str | None:
    if _PRIVATE.fullmatch(parts.scheme):
        return None if not parts.netloc and parts.path.startswith("/") else "Write it as com.example.app:/path."
    if parts.scheme not in ("https", "http"):
        return "A redirect URI starts with https://, with http:// and a loopback address, or with com.example.app:/."
    if "@" in parts.netloc:
        return "A redirect URI holds no user name."
    if port == 0 or parts.netloc.endswith(":"):
        return "The redirect URI's port is not valid."
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    if host.lower() in _LOOPBACK:
        return None
    if parts.scheme == "http":
        return "Without TLS a redirect URI goes to 127.0.0.1, [::1] or localhost only."
    return None if _HOST.fullmatch(host.lower()) else "The redirect URI's host is not valid."


def means(registered: str, asked: str) -> bool:
    """Whether a request for `asked` means `registered`: equal, or equal but for a loopback port (RFC 8252 7.3)."""
    if registered == asked:
        return True
    return _portless(registered) is not None and _portless(registered) == _portless(asked) and fault(asked) is None


def _portless(uri: str) -> str | None:
    """A loopback URI without its port; None for every other."""
    try:
        parts = urlsplit(uri)
        host = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    except ValueError:
        return None
    if parts.scheme != "http" or host not in _LOOPBACK:
        return None
    return parts._replace(netloc=host).geturl()


def answered(uri: str, told: Mapping[str, str | None]) -> str:
    """Where the browser goes with the answer: the URI as it was registered, its own query kept."""
    joint = "&" if urlsplit(uri).query else "?"
    return uri.removesuffix("?") + joint + urlencode({name: value for name, value in told.items() if value is not None})


def place(uri: str) -> str:
    """Where it leads, for people: its host, or the app's scheme."""
    parts = urlsplit(uri)
    return parts.netloc or f"the app {parts.scheme}"


def origin(uri: str) -> str:
    """As a Content-Security-Policy names it."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
