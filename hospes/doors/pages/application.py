"""The one path of a browser's request: checks, handler, page.

A guest's page carries no session and no cookie: what it may show follows from its address, a
portal's slug or a link that we signed. So a form sent from elsewhere can do no more than its sender
could. Staff's pages have a session; what their forms need for that stands in `staff/guarding.py`.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

import structlog

from hospes.base import ids, metrics
from hospes.base.errors import Busy, Conflict, Exhausted, Forbidden, HospesError, Invalid, NotFound
from hospes.capabilities.wallet import LinkEnded
from hospes.doors.pages import languages
from hospes.doors.pages.rendering import render
from hospes.doors.pages.visits import Answer, Document, Page, Redirect, Route, Services, Stopped, Visit
from hospes.web.requests import Receive, Refusal, Request, Scope, Send

log = structlog.get_logger()

# Requests a minute from one address: a guest needs ten, a room full of phones behind one address more.
LIMIT = 300
_MOST_FIELDS = 60
# A query may hold the address to go on to after signing in, with all that an app asks for.
_LONGEST_IN_QUERY = 60_000

_STATUSES: Mapping[type[HospesError], int] = {
    NotFound: 404,
    Conflict: 409,
    Exhausted: 409,
    Invalid: 422,
    Forbidden: 403,
    Busy: 503,
    HospesError: 500,
}


class Pages:
    """ASGI application for the pages of one table of routes."""

    def __init__(
        self, services: Services, routes: Sequence[Route], *, name: str = "pages", language: str | None = None
    ) -> None:
        """`language` is what these pages speak; None is the visitor's. `name` stands in logs and metrics."""
        self._services = services
        self._name = name
        self._language = language
        self._routes = [
            (re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]{1,2000})", route.path)), route) for route in routes
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._services.clock.monotonic()
        request = Request(scope, receive, scope["path"], self._services.clock.now())
        query = _pairs(request.query_string, _LONGEST_IN_QUERY, is_lenient=True)
        language = languages.choose(self._language or query.get("lang"), request.header(b"accept-language"))
        try:
            answer = await self._answer(request, query, language)
        except Stopped as stopped:
            answer = stopped.answer
        except Refusal as refusal:
            answer = Page("message.html", {"key": "not_understood"}, status=refusal.status, headers=refusal.headers)
        except LinkEnded:
            answer = Page("message.html", {"key": "link_gone"}, status=410)
        except HospesError as error:
            answer = self._told(error, request)
        except Exception as error:  # noqa: BLE001 (the one boundary; nothing of the exception's text gets out)
            log.error("page.failed", request_id=request.id, error=type(error).__name__)
            answer = Page("message.html", {"key": "our_fault"}, status=500)
        status = await _send(request, answer, language, send)
        seconds = self._services.clock.monotonic() - started
        metrics.request(self._name, request.method, "page", status, seconds)
        log.info("page", request_id=request.id, method=request.method, status=status, ms=round(seconds * 1000, 2))

    async def _answer(self, request: Request, query: Mapping[str, str], language: languages.Language) -> Answer:
        request.check(self._services.hosts)
        route, path = self._matched(request.path)
        if request.method not in route.methods:
            raise Refusal(405, "Method Not Allowed", {"allow": ", ".join(route.methods)})
        address = str(self._services.proxies.client(request.peer, request.header(b"x-forwarded-for")))
        if self._services.windows.take(("page", address), LIMIT):
            return Page("message.html", {"key": "too_many"}, status=429)
        form = await _form(request, route.longest) if request.method == "POST" else {}
        visit = Visit(self._services, request.method, path, query, form, language, address, request)
        return await route.handler(visit)

    def _matched(self, path: str) -> tuple[Route, dict[str, str]]:
        for pattern, route in self._routes:
            found = pattern.fullmatch(path)
            if found:
                return route, found.groupdict()
        raise NotFound

    @staticmethod
    def _told(error: HospesError, request: Request) -> Page:
        status = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
        if status == 500:
            log.error("page.failed", request_id=request.id, error=type(error).__name__)
        key = {404: "not_found", 503: "busy", 500: "our_fault"}.get(status, "not_understood")
        headers = {"retry-after": "1"} if status == 503 else {}
        return Page("message.html", {"key": key}, status=status, headers=headers)


async def _form(request: Request, longest: int) -> dict[str, str]:
    """Raises Refusal 415 for another kind of body, 400 for one that is not a form."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        # Mail programs may unsubscribe so (RFC 8058 section 3.2); what they send says nothing more.
        return {}
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "Send the form as application/x-www-form-urlencoded.")
    return _pairs(await request.body(), longest)


def _pairs(raw: bytes, longest: int, *, is_lenient: bool = False) -> dict[str, str]:
    """Names and values, each name once. A lenient reading leaves out what cannot be read."""
    try:
        given = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        if is_lenient:
            return {}
        raise Refusal(400, "The form cannot be read.") from None
    pairs = {name: value for name, value in given if len(value) <= longest and "\0" not in value}
    if len(pairs) != len(given) and not is_lenient:
        raise Refusal(400, "The form cannot be read.")
    return pairs


async def _send(request: Request, answer: Answer, language: languages.Language, send: Send) -> int:
    nonce = ids.token("", 16)
    headers = {
        "x-request-id": request.id,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "content-security-policy": f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
        f"form-action {_targets(answer)}; base-uri 'none'; frame-ancestors 'none'{_scripts(answer)}",
    }
    if isinstance(answer, Redirect):
        status, body = 303, b""
        headers |= {"location": answer.to, **answer.headers}
    elif isinstance(answer, Document):
        status, body = answer.status, answer.body
        headers |= {"content-type": answer.content_type, **answer.headers}
    else:
        status, body = answer.status, render(answer, language, nonce)
        headers |= {"content-type": "text/html; charset=utf-8", "content-language": language.code, **answer.headers}
        if answer.again_seconds:
            # Of pages that show what changes by itself and take nothing in (WCAG 2.2.1 excepts those).
            headers["refresh"] = str(answer.again_seconds)
    headers["content-length"] = str(len(body))
    raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
    return status


def _targets(answer: Answer) -> str:
    # Browsers hold a form's redirects to it as well.
    leads_to = answer.leads_to if isinstance(answer, Page) else None
    return f"'self' {leads_to}" if leads_to else "'self'"


def _scripts(answer: Answer) -> str:
    is_scripted = isinstance(answer, Page) and answer.is_scripted
    return "; script-src 'self'; connect-src 'self'; worker-src 'self'" if is_scripted else ""
