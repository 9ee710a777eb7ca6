"""How this API words what came of a call: one object, `response`, whatever happened. Contract 1.5, 1.6."""

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
from hospes.web.decode import Fault
from hospes.web.requests import Refusal

# Looked up along the class's ancestors, nearest first. 404 is said of addresses alone.
STATUSES: dict[type[HospesError], int] = {
    NotFound: 400,
    Conflict: 400,
    Invalid: 400,
    Exhausted: 400,
    Forbidden: 401,
    TooOften: 429,
    Busy: 503,
    ProviderFailed: 503,
    Misconfigured: 500,
    HospesError: 500,
}
_WORDS = {404: "Invalid URL", 401: "Invalid auth"}
_RESOURCE = "Invalid resource"


class Speech:
    content_type = b"application/json; charset=utf-8"
    takes_request_ids = False
    # The contract knows 400, 401, 404 and 429.
    statuses: Mapping[int, int] = {403: 401, 405: 404, 408: 400, 409: 400, 413: 400, 415: 400, 422: 400}

    def error(self, status: int, detail: Any, _request_id: str) -> bytes:
        """A dictionary holds message and data; anything else is the message."""
        told = detail if isinstance(detail, dict) else {"message": _WORDS.get(status, detail)}
        message = str(told["message"])
        if status == 400 and not message.startswith(_RESOURCE):
            message = f"{_RESOURCE}: {message}"
        answer = {"data": told.get("data", {}), "message": message, "status": "error"}
        return msgspec.json.encode({"response": answer})

    def of(self, error: HospesError) -> Refusal:
        status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
        if status == 500:
            return Refusal(500, "Something went wrong on our side")
        if isinstance(error, TooOften):
            return Refusal(429, error.message, {"retry-after": str(error.seconds)})
        return Refusal(status, error.message, {"retry-after": "1"} if status == 503 else {})

    def faults(self, faults: tuple[Fault, ...]) -> Refusal:
        fault = faults[0]
        if fault.kind == "json_invalid":
            reason = (fault.ctx or {}).get("error", "")
            return Refusal(400, f"body is not valid JSON: {reason} at byte {fault.loc[-1]}")
        if fault.loc[:2] == ("body", "nv") and len(fault.loc) == 2:
            return Refusal(400, "nv is required" if fault.kind == "missing" else f"nv is required: {fault.msg}")
        place = ".".join(str(step) for step in fault.loc[1:])
        return Refusal(400, f"{place}: {fault.msg}" if place else fault.msg)
