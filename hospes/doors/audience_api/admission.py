"""Who is let in, in this order: credentials, then the minute of the brand's group. Contract 1.2, 1.3, 1.7."""

from hospes.base.clock import Clock
from hospes.capabilities.access import Keyring
from hospes.capabilities.access.brand_keys import Brand
from hospes.capabilities.access.windows import Windows
from hospes.web.requests import Refusal, Request
from hospes.web.routes import Route

_LONGEST_KEY = 200
_MINUTE = 60
_ONCE = (b"x-api-key", b"x-brand-id")


class Admission:
    def __init__(self, keys: Keyring[Brand], tokens: Keyring[Brand], windows: Windows, clock: Clock) -> None:
        """`keys` are the brands' own, `tokens` those of partner apps."""
        self._keys = keys
        self._tokens = tokens
        self._windows = windows
        self._clock = clock

    async def admit(self, request: Request, route: Route) -> tuple[Brand, dict[str, str]]:
        """Raises Refusal 401 or 429. A route's scope is its group."""
        brand = await self._known(request)
        now = int(self._clock.now().timestamp())
        # A calendar minute: calls under this name lie in one minute, so the window never slides.
        key = ("audience_api", brand.workspace_id, route.scope, now // _MINUTE)
        limit = getattr(brand.settings, f"{route.scope}_limit")
        if self._windows.take(key, limit):
            wait = str(_MINUTE - now % _MINUTE)
            headers = {"x-ratelimit-remaining": "0", "retry-after": wait}
            raise Refusal(429, "API rate limit exceeded", headers)
        return brand, {"x-ratelimit-remaining": str(self._windows.remaining(key, limit))}

    async def _known(self, request: Request) -> Brand:
        if any(name in _ONCE for name in request.repeated):
            raise Refusal(400, "Invalid resource: x-brand-id and x-api-key are sent once")
        bearer = request.header(b"authorization")
        if bearer is not None:
            # It decides, so that the key beside it cannot hide that it was revoked.
            scheme, _, token = bearer.partition(" ")
            brand = await _find(self._tokens, token) if scheme.lower() == "bearer" else None
        else:
            brand = await _find(self._keys, request.header(b"x-api-key") or "")
            if brand is not None and request.header(b"x-brand-id") != str(brand.workspace_id):
                brand = None
        if brand is None:
            raise Refusal(401, "Invalid auth")
        return brand


async def _find(keyring: Keyring[Brand], secret: str) -> Brand | None:
    if not 1 <= len(secret) <= _LONGEST_KEY or not secret.isascii():
        return None
    return await keyring.find(secret)
