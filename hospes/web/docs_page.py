"""The page that shows an OpenAPI document, and the built files it needs. Nothing comes from another host."""

import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path

import msgspec

from hospes.web.requests import Receive, Scope, Send

BUILT = Path(__file__).with_name("assets")

_POLICY = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",  # Swagger UI sets style attributes
    "img-src 'self' data:",  # its icons are data: URIs in the style sheet
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
]

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": "; ".join(_POLICY),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" type="image/svg+xml" href="{assets}/favicon.svg">
<link rel="stylesheet" href="{assets}/docs.css">
<script src="{assets}/docs.js" defer></script>
</head>
<body>
<header class="masthead">
<img src="{assets}/favicon.svg" alt="" width="28" height="28">
<span class="masthead-title">{title}</span>
<a href="{openapi}">OpenAPI document</a>
</header>
{playground}<div id="docs" data-openapi="{openapi}"></div>
<noscript><p class="notice">This page needs JavaScript. All of it stands in the
<a href="{openapi}">OpenAPI document</a> too.</p></noscript>
</body>
</html>
"""

_RETURN_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Back to the docs</title>
<script src="{assets}/oauth2-redirect.js" defer></script>
</head>
<body></body>
</html>
"""

_MISSING_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<p>The docs page's files are missing. Run <code>make install</code>, then start Hospes again.</p>
<p>The <a href="{openapi}">OpenAPI document</a> is there.</p>
</body>
</html>
"""


class Playground(msgspec.Struct, frozen=True):
    """Where the page registers a client of its own and gets tokens; `redirect` leads back to it."""

    register: str
    authorize: str
    token: str
    revoke: str
    redirect: str

    def banner(self) -> str:
        fields = msgspec.structs.asdict(self).items()
        told = " ".join(f'data-{name}="{escape(address)}"' for name, address in fields)
        return f'<div id="playground" class="playground waiting" role="status" {told}></div>\n'


def docs_page(*, title: str, openapi_url: str, assets_url: str, playground: Playground | None = None) -> bytes:
    """The page as HTML. Relative URLs keep working behind a proxy that adds a prefix to the path."""
    return _PAGE.format(
        title=escape(title),
        openapi=escape(openapi_url),
        assets=escape(assets_url.rstrip("/")),
        playground=playground.banner() if playground else "",
    ).encode()


class _File(msgspec.Struct, frozen=True):
    kind: str
    plain: bytes
    packed: bytes | None
    tag: str


_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_NEEDED = {"docs.css", "docs.js", "favicon.svg", "oauth2-redirect.js"}


class Assets:
    """ASGI application for the built files.

    It reads them once, at the start, and looks names up among them: no path of a request ever
    reaches the file system.
    """

    def __init__(self, folder: Path = BUILT) -> None:
        self._files = _read(folder)
        self.are_built = self._files.keys() >= _NEEDED

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        method, headers = scope["method"], dict(scope["headers"])
        file = self._files.get(_path(scope).removeprefix("/"))
        if file is None:
            return await _send(send, method, 404, {"content-type": _KINDS[".txt"]}, b"Not Found")
        if method not in ("GET", "HEAD"):
            return await _send(send, method, 405, {"allow": "GET, HEAD"}, b"")
        packed = file.packed if _takes_gzip(headers.get(b"accept-encoding", b"")) else None
        tag = f'"{file.tag}"' if packed is None else f'"{file.tag}-gzip"'
        answer = {
            "cache-control": "public, max-age=3600",
            "etag": tag,
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if _holds(headers.get(b"if-none-match", b""), tag):
            return await _send(send, method, 304, answer, None)
        answer["content-type"] = file.kind
        if packed is not None:
            answer["content-encoding"] = "gzip"
        return await _send(send, method, 200, answer, file.plain if packed is None else packed)


class DocsPage:
    """ASGI application that answers every GET with the page, or says what is missing."""

    def __init__(
        self,
        assets: Assets,
        *,
        title: str,
        openapi_url: str,
        assets_url: str,
        playground: Playground | None = None,
    ) -> None:
        self._status = 200
        self._body = docs_page(title=title, openapi_url=openapi_url, assets_url=assets_url, playground=playground)
        if not assets.are_built:
            self._status = 503
            self._body = _MISSING_PAGE.format(title=escape(title), openapi=escape(openapi_url)).encode()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await _send_page(scope, send, self._status, self._body)


class ReturnPage:
    """ASGI application: the page that a consent page leads back to. It hands what it got to the page that opened it."""

    def __init__(self, *, assets_url: str) -> None:
        self._body = _RETURN_PAGE.format(assets=escape(assets_url.rstrip("/"))).encode()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await _send_page(scope, send, 200, self._body)


async def _send_page(scope: Scope, send: Send, status: int, body: bytes) -> None:
    method = scope["method"]
    if method not in ("GET", "HEAD"):
        return await _send(send, method, 405, {"allow": "GET, HEAD"}, b"")
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-cache", **SECURITY_HEADERS}
    return await _send(send, method, status, headers, body)


def _read(folder: Path) -> dict[str, _File]:
    files: dict[str, _File] = {}
    for path in sorted(folder.glob("*.*")):
        kind = _KINDS.get(path.suffix)
        if kind is None:
            continue
        plain, packed = path.read_bytes(), path.with_name(f"{path.name}.gz")
        tag = hashlib.sha256(plain).hexdigest()[:32]
        files[path.name] = _File(kind, plain, packed.read_bytes() if packed.is_file() else None, tag)
    return files


def _path(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root)


def _takes_gzip(accepted: bytes) -> bool:
    for choice in accepted.decode("latin-1").lower().split(","):
        name, _, quality = choice.replace(" ", "").partition(";q=")
        if name == "gzip":
            return quality.strip("0.") != "" or quality == ""
    return False


def _holds(wanted: bytes, tag: str) -> bool:
    """Whether `If-None-Match` names this tag (RFC 9110, 13.1.2: compared weakly)."""
    text = wanted.decode("latin-1").strip()
    return text == "*" or tag in [part.strip().removeprefix("W/") for part in text.split(",")]


async def _send(send: Send, method: str, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
    """`None` is no body by the meaning of the status, and then without a length."""
    raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    if body is not None:
        raw.append((b"content-length", str(len(body)).encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" or body is None else body})
