"""Addresses that others report to: a secret as their last part, one POST, one line of answer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hospes.base.errors import Busy
from hospes.web.requests import Refusal, whole_body

MOST_OBJECTS: Final = 1000


class Terms(msgspec.Struct, frozen=True):
    """What a hook takes, and how it says what it wants and what it could not read."""

    most_bytes: int
    wanted: str
    unreadable: str
    # What reading a body raises when it cannot be read.
    catches: tuple[type[Exception], ...]


class Hook:
    """ASGI application for an address that ends in `{token}`."""

    def __init__(
        self, is_secret: Callable[[str], bool], terms: Terms, take: Callable[[bytes, str], Awaitable[int]]
    ) -> None:
        """`take` is given a body and its content type, and returns how many of its reports were news."""
        self._is_secret = is_secret
        self._terms = terms
        self._take = take

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not self._is_secret(request.path_params["token"]):
            return PlainTextResponse("Not found.\n", 404)
        if request.method != "POST":
            return PlainTextResponse(f"{self._terms.wanted}\n", 405, {"allow": "POST"})
        try:
            raw = await whole_body(request.receive, most=self._terms.most_bytes)
            noted = await self._take(raw, request.headers.get("content-type", ""))
        except Refusal as refusal:
            return PlainTextResponse(f"{refusal.detail}\n", refusal.status, refusal.headers)
        except Busy:
            return PlainTextResponse("Busy. Send it again.\n", 503, {"retry-after": "5"})
        except self._terms.catches:
            return PlainTextResponse(f"{self._terms.unreadable}\n", 400)
        return PlainTextResponse(f"{noted} noted.\n")


def objects(raw: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON document, which is one or a list of at most 1,000. Raises msgspec.DecodeError."""
    document = msgspec.json.decode(raw)
    found = document if isinstance(document, list) else [document]
    if len(found) > MOST_OBJECTS or not all(isinstance(one, dict) for one in found):
        raise msgspec.DecodeError
    return found
