"""What text message providers tell: what became of messages, and what guests write.

The address holds a secret, `hospes sms hook` prints it. A receipt names its message by our own mark
(`reference`), or by the id that the provider answered with.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hospes.base.errors import Busy
from hospes.base.secrets import Vault, same
from hospes.capabilities.messaging import SmsDesk
from hospes.capabilities.messaging.feedback import Told, Verdict
from hospes.capabilities.messaging.sms_desk import HTTP
from hospes.web.requests import Refusal, whole_body

_MOST_BYTES = 1024 * 1024
_MOST_REPORTS = 1000
# What providers call the parts of a report; the first name is ours.
_REFERENCE = ("reference", "client_ref", "client-ref", "clientReference")
_ID = ("id", "message_id", "messageId", "MessageSid", "SmsSid")
_STATUS = ("status", "MessageStatus", "SmsStatus", "event")
_REASON = ("reason", "ErrorCode", "err-code", "error")
_FROM = ("from", "From", "msisdn")
_TEXT = ("text", "Body", "message")
# Of what is not here (accepted, queued, sent, buffered …) nothing follows.
_WORDS: Mapping[str, Verdict] = {
    **dict.fromkeys(("delivered", "read"), "delivered"),
    **dict.fromkeys(("failed", "undelivered", "undeliverable", "expired", "rejected", "deleted", "canceled"), "failed"),
    **dict.fromkeys(("bounced", "invalid", "unknown_subscriber"), "bounced"),
}


def secret(vault: Vault) -> str:
    """The last part of the hook's address."""
    return vault.mark("sms", "hook")


class SmsHook:
    """ASGI application for `/hooks/sms/{token}`."""

    def __init__(self, desk: SmsDesk, vault: Vault) -> None:
        self._desk = desk
        self._vault = vault

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not same(request.path_params["token"].encode(), secret(self._vault).encode()):
            return PlainTextResponse("Not found.\n", 404)
        if request.method != "POST":
            return PlainTextResponse("POST reports as JSON or as a form.\n", 405, {"allow": "POST"})
        try:
            raw = await whole_body(request.receive, most=_MOST_BYTES)
            noted = [await self._take(one) for one in _read(raw, request.headers.get("content-type", ""))]
        except Refusal as refusal:
            return PlainTextResponse(f"{refusal.detail}\n", refusal.status, refusal.headers)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return PlainTextResponse("The body is not JSON or a form of a known kind.\n", 400)
        except Busy:
            return PlainTextResponse("Busy. Send it again.\n", 503, {"retry-after": "5"})
        return PlainTextResponse(f"{sum(noted)} noted.\n")

    async def _take(self, report: Mapping[str, Any]) -> int:
        verdict = _WORDS.get(_part(report, _STATUS).lower())
        reference, provider_id = _part(report, _REFERENCE), _part(report, _ID)
        if verdict is not None:
            told = Told(reference, verdict, _part(report, _REASON))
            if reference or not provider_id:
                return await self._desk.note(told)
            return bool(await self._desk.note_by_id(HTTP, provider_id, told))
        text = _part(report, _TEXT)
        return await self._desk.came(_part(report, _FROM), text) if text else 0


def _read(raw: bytes, content_type: str) -> Sequence[Mapping[str, Any]]:
    """Reports of a request. Raises msgspec.DecodeError or ValueError."""
    if "x-www-form-urlencoded" in content_type:
        return [dict(parse_qsl(raw.decode("ascii"), max_num_fields=100, errors="strict"))]
    document = msgspec.json.decode(raw)
    reports = document if isinstance(document, list) else [document]
    if len(reports) > _MOST_REPORTS or not all(isinstance(report, dict) for report in reports):
        raise msgspec.DecodeError
    return reports


def _part(report: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((report[name] for name in names if name in report), "")
    text = str(value) if isinstance(value, (str, int)) else ""
    return "" if "\0" in text else text[:2000]
