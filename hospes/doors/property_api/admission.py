"""Who is let in, in this order: token, minute, scope, entitlement. Contract 2 to 5."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from hospes.capabilities.access import Keyring
from hospes.capabilities.access.windows import Windows
from hospes.capabilities.oauth import App
from hospes.capabilities.oauth.pairs import PREFIX
from hospes.web.requests import Refusal, Request
from hospes.web.routes import Route

_LONGEST_TOKEN = 200
_WINDOW = 60


class Admission:
    def __init__(
        self,
        keyring: Keyring[App],
        windows: Windows,
        *,
        instant: Callable[[int, bool], Awaitable[datetime]],
        metadata_url: str,
        reads: int,
        writes: int,
    ) -> None:
        """`metadata_url` tells clients where tokens come from (RFC 9728 section 5.1).

        `reads` and `writes` are calls a minute of one app and account on one route.
        """
        self._keyring = keyring
        self._windows = windows
        self._instant = instant
        self._reads, self._writes = reads, writes
        self._where = f'resource_metadata="{metadata_url}"'

    async def admit(self, request: Request, route: Route) -> tuple[App, dict[str, str]]:
        """Raises Refusal 401, 403 or 429."""
        app = await self._known(request.header(b"authorization"))
        limits = self._counted(app, route)
        if not any(set(these.split(" ")) <= app.held for these in route.scope.split("|")):
            needed = route.scope.partition("|")[0]
            raise Refusal(
                403,
                {"code": "insufficient_scope", "message": f"The token lacks the scope {needed}"},
                {**limits, "www-authenticate": self._challenge("insufficient_scope", f'scope="{needed}"')},
            )
        if not app.has_entitlement:
            told = "No property of this account has a plan that includes the API."
            raise Refusal(403, {"code": "entitlement_required", "message": told}, limits)
        return app, limits

    def _counted(self, app: App, route: Route) -> dict[str, str]:
        limit = self._reads if route.method == "GET" else self._writes
        key = ("property_api", app.client_id, app.workspace_id, route.method, route.path)
        wait = self._windows.take(key, limit)
        left = self._windows.remaining(key, limit)
        headers = {
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(left),
            "ratelimit-reset": str(_WINDOW),
            "ratelimit-policy": f'"minute";q={limit};w={_WINDOW}',
            "ratelimit": f'"minute";r={left};t={wait or _WINDOW}',
        }
        if wait:
            raise Refusal(
                429,
                {"code": "rate_limit_exceeded", "message": "Rate limit exceeded"},
                {**headers, "ratelimit-reset": str(wait), "retry-after": str(wait)},
            )
        return headers

    async def _known(self, header: str | None) -> App:
        if header is None:
            told = {"code": "unauthorized", "message": "Send an access token: Authorization: Bearer nis_…"}
            raise Refusal(401, told, {"www-authenticate": f"Bearer {self._where}"})
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIX) or len(token) > _LONGEST_TOKEN:
            raise self._refused("invalid_token", "This is no access token of this API")
        app = await self._keyring.find(token) if token.isascii() else None
        if app is None:
            raise self._refused("invalid_token", "The access token is unknown or was revoked")
        if await self._instant(app.workspace_id, app.is_sandbox) >= app.expires_at:
            raise self._refused("token_expired", "The access token expired: refresh it")
        return app

    def _refused(self, code: str, message: str) -> Refusal:
        challenge = self._challenge("invalid_token", f'error_description="{message}"')
        return Refusal(401, {"code": code, "message": message}, {"www-authenticate": challenge})

    def _challenge(self, error: str, more: str) -> str:
        return f'Bearer error="{error}", {more}, {self._where}'
