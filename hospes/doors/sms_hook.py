"""What text message providers tell: what became of messages, and what guests write.

The address holds a secret, `hospes sms hook` prints it. A receipt names its message by our own mark
(`reference`), or by the id that the provider answered with.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from hospes.base.secrets import Vault
from hospes.capabilities.messaging import SmsDesk
from hospes.capabilities.messaging.feedback import Told, Verdict
from hospes.capabilities.messaging.parts import Part
from hospes.capabilities.messaging.sms_desk import HTTP
from hospes.web.hooks import Hook, Terms, objects

_TERMS = Terms(
    most_bytes=1024 * 1024,
    wanted="POST reports as JSON or as a form.",
    unreadable="The body is not JSON or a form of a known kind.",
    catches=(msgspec.DecodeError, ValueError, RecursionError),
)
# What providers call the parts of a report; the first name is ours.
_REFERENCE = ("reference", "client_ref", "client-ref", "clientReference")
_ID = ("id", "message_id", "messageId", "MessageSid", "SmsSid")
_STATUS = ("status", "MessageStatus", "SmsStatus", "event")
_REASON = ("reason", "ErrorCode", "err-code", "error")
_FROM = ("from", "From", "msisdn")
_TEXT = ("text", "Body", "message")
# Of what came in several parts: which of them it is, and of how many.
_PLACE = (("concat_ref", "concat-ref"), ("concat_part", "concat-part"), ("concat_total", "concat-total"))
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
        self._hook = Hook(lambda given: vault.is_mark(given, "sms", "hook"), _TERMS, self._take)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._hook(scope, receive, send)

    async def _take(self, raw: bytes, content_type: str) -> int:
        return sum([await self._note(one) for one in _read(raw, content_type)])

    async def _note(self, report: Mapping[str, Any]) -> int:
        verdict = _WORDS.get(_part(report, _STATUS).lower())
        reference, provider_id = _part(report, _REFERENCE), _part(report, _ID)
        if verdict is not None:
            told = Told(reference, verdict, _part(report, _REASON))
            if reference or not provider_id:
                return await self._desk.note(told)
            return bool(await self._desk.note_by_id(HTTP, provider_id, told))
        text = _part(report, _TEXT)
        return await self._desk.came(_part(report, _FROM), text, _place(report)) if text else 0


def _read(raw: bytes, content_type: str) -> Sequence[Mapping[str, Any]]:
    """Reports of a request. Raises msgspec.DecodeError or ValueError."""
    if "x-www-form-urlencoded" in content_type:
        return [dict(parse_qsl(raw.decode("ascii"), max_num_fields=100, errors="strict"))]
    return objects(raw)


def _place(report: Mapping[str, Any]) -> Part | None:
    found = [_part(report, names) for names in _PLACE]
    is_known = all(text.isascii() and text.isdecimal() and len(text) <= 10 for text in found)
    return Part(*map(int, found)) if is_known else None


def _part(report: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((report[name] for name in names if name in report), "")
    text = str(value) if isinstance(value, (str, int)) else ""
    return "" if "\0" in text else text[:2000]
