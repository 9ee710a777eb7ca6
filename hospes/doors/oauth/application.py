"""The one path of a request: checks, endpoint, answer in the flat shape of RFC 6749 section 5.2."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog

from hospes.base import metrics
from hospes.base.errors import Busy, Invalid
from hospes.capabilities import oauth
from hospes.doors.oauth import endpoints, metadata
from hospes.doors.oauth.calls import Answer, Call, Limited, Services
from hospes.web.requests import Receive, Refusal, Request, Scope, Send

log = structlog.get_logger()


class Endpoint(msgspec.Struct, frozen=True):
    """`is_open`: pages of other origins may read its answer."""

    methods: tuple[str, ...]
    handler: Callable[[Call], Awaitable[Answer]]
    is_open: bool = True


ENDPOINTS: Mapping[str, Endpoint] = {
    # The path of RFC 8414 section 3.1 for the issuer {public_url}/public-api.
    "/.well-known/oauth-authorization-server/public-api": Endpoint(("GET", "HEAD"), metadata.show_server),
    "/.well-known/oauth-protected-resource/public/v1": Endpoint(("GET", "HEAD"), metadata.show_resource),
    "/public/oauth/register": Endpoint(("POST",), endpoints.register),
    "/public/oauth/token": Endpoint(("POST",), endpoints.give_tokens),
    "/public/oauth/revoke": Endpoint(("POST",), endpoints.revoke),
    "/public/oauth/introspect": Endpoint(("POST",), endpoints.introspect, is_open=False),
}
_OPEN = {"access-control-allow-origin": "*", "access-control-expose-headers": "retry-after, www-authenticate"}


class OAuth:
    """ASGI application for the endpoints above."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._services.clock.monotonic()
        request = Request(scope, receive, scope["path"], self._services.clock.now())
        endpoint = ENDPOINTS.get(request.path)
        try:
            answer = await self._answer(request, endpoint)
        except oauth.Refused as refused:
            answer = _told(refused)
        except oauth.clients.Unregistrable as unfit:
            answer = _told(oauth.Refused(unfit.code, unfit.message))
        except Limited as limited:
            words = f"Too many requests. Wait for {limited.seconds} seconds."
            answer = _told(oauth.Refused("rate_limit_exceeded", words, status=429), _after(limited.seconds))
        except Refusal as refusal:
            words = str(refusal.detail)
            answer = _told(oauth.Refused("invalid_request", words, status=refusal.status), refusal.headers)
        except Busy as busy:
            answer = _told(oauth.Refused("temporarily_unavailable", busy.message, status=503), _after(1))
        except Invalid as invalid:
            answer = _told(oauth.Refused("invalid_request", invalid.message))
        except Exception as error:  # noqa: BLE001 (the one boundary; nothing of the exception's text gets out)
            log.error("request.failed", request_id=request.id, error=type(error).__name__)
            answer = _told(oauth.Refused("server_error", "It is our fault. Try again in a moment.", status=500))
        await _send(request, answer, send, is_open=endpoint is not None and endpoint.is_open)
        seconds = self._services.clock.monotonic() - started
        route = request.path if endpoint else "unmatched"
        metrics.request("oauth", request.method, route, answer.status, seconds)
        log.info(
            "request",
            door="oauth",
            request_id=request.id,
            method=request.method,
            route=route,
            status=answer.status,
            ms=round(seconds * 1000, 2),
        )

    async def _answer(self, request: Request, endpoint: Endpoint | None) -> Answer:
        request.check(self._services.hosts)
        if endpoint is None:
            raise Refusal(404, "Not Found")
        if request.method == "OPTIONS" and endpoint.is_open:
            return _preflight(endpoint)
        if request.method not in endpoint.methods:
            raise Refusal(405, "Method Not Allowed", {"allow": ", ".join(endpoint.methods)})
        return await endpoint.handler(Call(self._services, request))


def _preflight(endpoint: Endpoint) -> Answer:
    headers = {
        "access-control-allow-methods": ", ".join(endpoint.methods),
        "access-control-allow-headers": "authorization, content-type, mcp-protocol-version",
        "access-control-max-age": "86400",
    }
    return Answer(None, status=204, headers=headers)


def _told(refused: oauth.Refused, headers: Mapping[str, str] | None = None) -> Answer:
    told = {"error": refused.code, "error_description": refused.description}
    challenge = {"www-authenticate": 'Basic realm="OAuth", charset="UTF-8"'} if refused.by_basic else {}
    return Answer(told, status=refused.status, headers={**(headers or {}), **challenge})


def _after(seconds: int) -> dict[str, str]:
    return {"retry-after": str(seconds)}


async def _send(request: Request, answer: Answer, send: Send, *, is_open: bool) -> None:
    headers = {"x-request-id": request.id, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    body = b""
    if answer.body is not None:
        body = msgspec.json.encode(answer.body)
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
    headers |= {**(_OPEN if is_open else {}), **answer.headers}
    raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
