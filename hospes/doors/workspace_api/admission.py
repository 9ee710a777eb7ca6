"""Who is let in: a staff token whose role the route asks for, 600 requests a minute."""

from hospes.capabilities.access import Keyring
from hospes.capabilities.access.staff_tokens import PREFIX, Member
from hospes.capabilities.access.windows import Windows
from hospes.web.requests import Refusal, Request
from hospes.web.routes import Route

LIMIT = 600
_LONGEST_TOKEN = 200
_CHALLENGE = {"www-authenticate": "Bearer"}


class Admission:
    def __init__(self, keyring: Keyring[Member], windows: Windows) -> None:
        self._keyring = keyring
        self._windows = windows

    async def admit(self, request: Request, route: Route) -> tuple[Member, dict[str, str]]:
        """Raises Refusal 401, 403 or 429."""
        member = await self._known(request.header(b"authorization"))
        wait = self._windows.take(member.credential, LIMIT)
        if wait:
            message = f"More than {LIMIT} requests in a minute. Wait for {wait} seconds."
            raise Refusal(429, message, {"retry-after": str(wait)})
        if route.scope not in member.roles:
            raise Refusal(403, f"This needs the role {route.printed_scope}.")
        return member, {}

    async def _known(self, header: str | None) -> Member:
        if header is None:
            raise Refusal(401, "Send a token: Authorization: Bearer hw_…", _CHALLENGE)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIX) or len(token) > _LONGEST_TOKEN:
            raise Refusal(401, "This is no token of the Workspace API. Make one with: hospes tokens create", _CHALLENGE)
        member = await self._keyring.find(token) if token.isascii() else None
        if member is None:
            raise Refusal(401, "The token is unknown or revoked.", _CHALLENGE)
        return member
