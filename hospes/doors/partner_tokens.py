"""`/api/oauth/access_token`: a partner app's code becomes its token, which has no end. Audience API 7.2."""

from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from hospes.base.clock import Clock
from hospes.base.db import Database
from hospes.base.errors import HospesError
from hospes.capabilities.access.addresses import Proxies
from hospes.capabilities.access.windows import Windows
from hospes.capabilities.oauth import partners
from hospes.doors.audience_api.speech import Speech
from hospes.web.decode import BodyDecoder, Malformed
from hospes.web.requests import Hosts, Receive, Refusal, Request, Scope, Send, json_content

_MOST_BYTES = 16 * 1024


class Asked(msgspec.Struct, frozen=True):
    code: str = msgspec.field(name="auth_code")
    secret: str = msgspec.field(name="app_client_secret")


class PartnerTokens:
    """ASGI application; an address may ask `limit` times a minute."""

    def __init__(
        self, database: Database, clock: Clock, hosts: Hosts, windows: Windows, proxies: Proxies, *, limit: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._hosts = hosts
        self._windows = windows
        self._proxies = proxies
        self._limit = limit
        self._speech = Speech()
        self._decode = BodyDecoder(Asked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, scope["path"], self._clock.now(), takes_id=False)
        try:
            token = await self._given(request)
            told = {"data": {"access_token": token}, "message": "success", "status": "success"}
            response = self._response(request, 200, msgspec.json.encode({"response": told}), {})
        except Refusal as refusal:
            response = self._refused(request, refusal)
        except Malformed as malformed:
            response = self._refused(request, self._speech.faults(malformed.faults))
        except partners.BadSecret:
            response = self._refused(request, Refusal(401, "Invalid auth"))
        except HospesError as error:
            response = self._refused(request, self._speech.of(error))
        await response(scope, receive, send)

    async def _given(self, request: Request) -> str:
        request.check(self._hosts)
        if request.method != "POST":
            raise Refusal(404, "Invalid URL")
        address = self._proxies.client(request.peer, request.header(b"x-forwarded-for"))
        wait = self._windows.take(("partner_tokens", str(address)), self._limit)
        if wait:
            raise Refusal(429, "API rate limit exceeded", {"retry-after": str(wait)})
        asked = self._read(await request.body(_MOST_BYTES), request.header(b"content-type"))
        return await partners.exchange(self._database, code=asked.code, secret=asked.secret, now=self._clock.now())

    def _read(self, raw: bytes, content_type: str | None) -> Asked:
        if (content_type or "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            form = parse_qsl(raw.decode("ascii", "replace"), max_num_fields=20)
            raw = msgspec.json.encode(dict(form))
        elif not json_content(content_type):
            raise Refusal(400, "Send the body as application/json.")
        return self._decode(raw)

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        status = self._speech.statuses.get(refusal.status, refusal.status)
        return self._response(request, status, self._speech.error(status, refusal.detail, request.id), refusal.headers)

    def _response(self, request: Request, status: int, body: bytes, headers: dict[str, str]) -> Response:
        fixed = {"x-request-id": request.id, "cache-control": "no-store", "x-content-type-options": "nosniff"}
        return Response(body, status, {**fixed, **headers}, "application/json")
