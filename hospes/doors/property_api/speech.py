"""How this API words what went wrong: an envelope with a stable code, a text, the request's id. Contract 6."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hospes.base.errors import (
    Busy,
    Conflict,
    Exhausted,
    Forbidden,
    HospesError,
    Invalid,
    Misconfigured,
    NotFound,
    ProviderFailed,
    TooOften,
)
from hospes.capabilities.properties.units import Unentitled
from hospes.web.decode import Fault
from hospes.web.requests import Refusal

# Looked up along the class's ancestors, nearest first.
STATUSES: dict[type[HospesError], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    Unentitled: (403, "entitlement_required"),
    Forbidden: (403, "insufficient_scope"),
    Conflict: (409, "conflict"),
    Exhausted: (409, "conflict"),
    Invalid: (422, "validation_error"),
    TooOften: (429, "rate_limit_exceeded"),
    Busy: (503, "unavailable"),
    ProviderFailed: (502, "provider_failed"),
    Misconfigured: (500, "internal_error"),
    HospesError: (500, "internal_error"),
}
_CODES = {
    400: "bad_request",
    401: "invalid_token",
    403: "insufficient_scope",
    404: "not_found",
    405: "method_not_allowed",
    408: "bad_request",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limit_exceeded",
    500: "internal_error",
}
# A body that cannot be read, or lacks something, is a bad request; a value that cannot be taken is not valid.
_UNREADABLE = ("missing", "json_invalid", "string_unicode")


class Speech:
    content_type = b"application/json; charset=utf-8"
    takes_request_ids = False
    statuses: Mapping[int, int] = {}

    def error(self, status: int, detail: Any, request_id: str) -> bytes:
        """A dictionary holds code, message and details; anything else is the message."""
        told = detail if isinstance(detail, dict) else {"message": detail}
        return msgspec.json.encode(
            {"error": {"code": _CODES.get(status, "bad_request"), **told, "requestId": request_id}}
        )

    def of(self, error: HospesError) -> Refusal:
        status, code = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
        if status == 500:
            return Refusal(500, "Something went wrong on our side. Quote the requestId to support.")
        told: dict[str, Any] = {"code": code, "message": error.message}
        if isinstance(error, Invalid) and error.field:
            told["details"] = [{"field": error.field, "message": error.message}]
        if isinstance(error, TooOften):
            return Refusal(status, told, {"retry-after": str(error.seconds)})
        return Refusal(status, told, {"retry-after": "1"} if status == 503 else {})

    def faults(self, faults: tuple[Fault, ...]) -> Refusal:
        details = [{"field": _field(fault), "message": fault.msg} for fault in faults]
        message = f"{details[0]['field']}: {details[0]['message']}" if details[0]["field"] else details[0]["message"]
        is_unreadable = any(fault.kind in _UNREADABLE or fault.loc == ("body",) for fault in faults)
        status = 400 if is_unreadable else 422
        return Refusal(status, {"code": _CODES[status], "message": message, "details": details})


def _field(fault: Fault) -> str:
    return ".".join(str(step) for step in fault.loc[1:])
