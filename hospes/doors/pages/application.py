"""The one path of a guest's request: checks, handler, page.

A page carries no session and no cookie: what it may show follows from its address, a portal's slug
or a link that we signed. So a form sent from elsewhere can do no more than its sender could.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

import structlog

from hospes.base import ids, metrics
from hospes.base.errors import Busy, Conflict, Exhausted, Forbidden, HospesError, Invalid, NotFound
from hospes.capabilities.wallet import LinkEnded
from hospes.doors.pages import languages, portal, unsubscribing, wallet
from hospes.doors.pages.rendering import render
from hospes.doors.pages.visits import Answer, Document, Handler, Page, Redirect, Services, Visit
from hospes.web.requests import Receive, Refusal, Request, Scope, Send

log = structlog.get_logger()

# Requests a minute from one address: a guest needs ten, a room full of phones behind one address more.
LIMIT = 300
_MOST_FIELDS = 60
_LONGEST_VALUE = 4000

ROUTES: Sequence[tuple[str, Handler]] = [
    ("/p/{slug}", portal.show),
    ("/p/{slug}/captive", portal.tell),
    ("/w/{token}", wallet.show),
    ("/w/{token}/code", wallet.show_code),
    ("/w/{token}/pass.pkpass", wallet.make_pass),
    ("/w/{token}/google", wallet.save_to_google),
    ("/w/{token}/rewards/{reward_id}", wallet.show_reward),
    ("/u/{token}", unsubscribing.show),
]

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
    """ASGI application for everything under `/p`, `/w` and `/u`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._routes = [
            (re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]{1,2000})", path)), handler) for path, handler in ROUTES
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._services.clock.monotonic()
        request = Request(scope, receive, scope["path"], self._services.clock.now())
        query = _pairs(request.query_string, lenient=True)
        language = languages.choose(query.get("lang"), request.header(b"accept-language"))
        try:
            answer = await self._answer(request, query, language)
        except Refusal as refusal:
            answer = Page("message.html", {"key": "not_understood"}, status=refusal.status)
        except LinkEnded:
            answer = Page("message.html", {"key": "link_gone"}, status=410)
        except HospesError as error:
            answer = self._told(error, request)
        except Exception as error:  # noqa: BLE001 (the one boundary; nothing of the exception's text gets out)
            log.error("page.failed", request_id=request.id, error=type(error).__name__)
            answer = Page("message.html", {"key": "our_fault"}, status=500)
        status = await _send(request, answer, language, send)
        seconds = self._services.clock.monotonic() - started
        metrics.request("pages", request.method, "page", status, seconds)
        log.info("page", request_id=request.id, method=request.method, status=status, ms=round(seconds * 1000, 2))

    async def _answer(self, request: Request, query: Mapping[str, str], language: languages.Language) -> Answer:
        request.check(self._services.hosts)
        handler, path = self._matched(request.path)
        if request.method not in ("GET", "HEAD", "POST"):
            raise Refusal(405, "Method Not Allowed", {"allow": "GET, HEAD, POST"})
        address = str(self._services.proxies.client(request.peer, request.header(b"x-forwarded-for")))
        if self._services.windows.take(("page", address), LIMIT):
            return Page("message.html", {"key": "too_many"}, status=429)
        form = await _form(request) if request.method == "POST" else {}
        return await handler(Visit(self._services, request.method, path, query, form, language, address))

    def _matched(self, path: str) -> tuple[Handler, dict[str, str]]:
        for pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found:
                return handler, found.groupdict()
        raise NotFound

    @staticmethod
    def _told(error: HospesError, request: Request) -> Page:
        status = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
        if status == 500:
            log.error("page.failed", request_id=request.id, error=type(error).__name__)
        key = {404: "not_found", 503: "busy", 500: "our_fault"}.get(status, "not_understood")
        return Page("message.html", {"key": key}, status=status)


async def _form(request: Request) -> dict[str, str]:
    """Raises Refusal 415 for another kind of body, 400 for one that is not a form."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        # Mail programs may unsubscribe so (RFC 8058 section 3.2); what they send says nothing more.
        return {}
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "Send the form as application/x-www-form-urlencoded.")
    return _pairs(await request.body())


def _pairs(raw: bytes, *, lenient: bool = False) -> dict[str, str]:
    """Names and values, each name once. A lenient reading leaves out what cannot be read."""
    try:
        given = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        if lenient:
            return {}
        raise Refusal(400, "The form cannot be read.") from None
    pairs = {name: value for name, value in given if len(value) <= _LONGEST_VALUE and "\0" not in value}
    if len(pairs) != len(given) and not lenient:
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
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    }
    if isinstance(answer, Redirect):
        status, body = 303, b""
        headers["location"] = answer.to
    elif isinstance(answer, Document):
        status, body = answer.status, answer.body
        headers |= {"content-type": answer.content_type, **answer.headers}
    else:
        status, body = answer.status, render(answer, language, nonce)
        headers |= {"content-type": "text/html; charset=utf-8", "content-language": language.code}
        if answer.again_seconds:
            # Of pages that show what changes by itself and take nothing in (WCAG 2.2.1 excepts those).
            headers["refresh"] = str(answer.again_seconds)
    headers["content-length"] = str(len(body))
    raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
    return status
