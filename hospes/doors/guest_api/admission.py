"""Who is let in, in the contract's order: key, address, minute, month, scope, plan. Contract 2 to 4."""

from hospes.capabilities.access import Caller, Keyring
from hospes.capabilities.access.addresses import Proxies
from hospes.capabilities.access.keys import PREFIX
from hospes.capabilities.access.metering import Meter
from hospes.capabilities.access.windows import Windows
from hospes.web.requests import Refusal, Request
from hospes.web.routes import Route

_LONGEST_KEY = 200
_APPROACHING = 80
_EXCEEDED = 100

_CHALLENGE = {"www-authenticate": "Bearer"}


class Admission:
    def __init__(self, keyring: Keyring[Caller], windows: Windows, meter: Meter, proxies: Proxies) -> None:
        self._keyring = keyring
        self._windows = windows
        self._meter = meter
        self._proxies = proxies

    async def admit(self, request: Request, route: Route) -> tuple[Caller, dict[str, str]]:
        """Raises Refusal 401, 403 or 429; refused calls do not count towards the quota."""
        caller = await self._known(request)
        used, quota = await self._meter.used(caller.workspace_id), caller.monthly_quota
        usage = _usage(used, quota)
        address = self._proxies.client(request.peer, request.header(b"x-forwarded-for"))
        if not caller.allowlist.admits(address):
            raise Refusal(403, "IP address not allowed for this API key", usage)
        wait = self._windows.take(caller.key_id, caller.rate_limit)
        if wait:
            raise Refusal(429, "Rate limit exceeded for this API key", {"retry-after": str(wait), **usage})
        if quota is not None and used >= quota and caller.quota_is_hard:
            seconds = str(self._meter.seconds_left())
            raise Refusal(429, "api_monthly_quota_exceeded", {"retry-after": seconds, **usage})
        self._meter.add(caller.workspace_id)
        usage = _usage(used + 1, quota)
        if route.scope not in caller.held:
            raise Refusal(403, f"Missing required scope: {route.printed_scope}", usage)
        if route.module not in caller.modules:
            raise Refusal(403, f"Entitlement required: {route.module}", usage)
        return caller, usage

    async def _known(self, request: Request) -> Caller:
        header = request.header(b"authorization")
        if header is None:
            raise Refusal(401, "Not authenticated", _CHALLENGE)
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.startswith(PREFIX) or len(key) > _LONGEST_KEY or not key.isascii():
            raise Refusal(401, "Invalid or revoked API key", _CHALLENGE)
        caller = await self._keyring.find(key)
        if caller is None:
            raise Refusal(401, "Invalid or revoked API key", _CHALLENGE)
        return caller


def _usage(used: int, quota: int | None) -> dict[str, str]:
    if quota is None:
        return {"x-api-usage-percent": "0"}
    percent = used * 100 // quota
    headers = {"x-api-usage-percent": str(percent)}
    if percent >= _EXCEEDED:
        headers["x-api-usage-warning"] = "monthly_quota_exceeded"
    elif percent >= _APPROACHING:
        headers["x-api-usage-warning"] = "approaching_monthly_quota"
    return headers
