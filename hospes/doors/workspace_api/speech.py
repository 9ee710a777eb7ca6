"""How this API words what went wrong: problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from hospes.base.errors import (
    Busy,
    Conflict,
    Duplicate,
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

# Looked up along the class's ancestors, nearest first.
STATUSES: dict[type[HospesError], int] = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Forbidden: 403,
    Exhausted: 409,
    TooOften: 429,
    Busy: 503,
    ProviderFailed: 502,
    Misconfigured: 500,
    HospesError: 500,
}


class Speech:
    content_type = b"application/problem+json"
    takes_request_ids = True
    statuses: Mapping[int, int] = {}

    def error(self, status: int, detail: Any, _request_id: str) -> bytes:
        """A dictionary adds members to the problem; anything else is its detail."""
        problem: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
        return msgspec.json.encode(problem | (detail if isinstance(detail, dict) else {"detail": detail}))

    def of(self, error: HospesError) -> Refusal:
        status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
        if status == 500:
            return Refusal(500, "Something went wrong on our side. It is in the log under this request's id.")
        if isinstance(error, Duplicate):
            return Refusal(status, {"detail": error.message, "existing_id": error.existing_id})
        if isinstance(error, Invalid):
            errors = [{"field": error.field or "", "message": error.message}]
            return Refusal(status, {"detail": error.message, "errors": errors})
        if isinstance(error, TooOften):
            return Refusal(status, error.message, {"retry-after": str(error.seconds)})
        return Refusal(status, error.message, {"retry-after": "1"} if status == 503 else {})

    def faults(self, faults: tuple[Fault, ...]) -> Refusal:
        errors = [{"field": ".".join(str(step) for step in fault.loc), "message": fault.msg} for fault in faults]
        return Refusal(422, {"detail": "The request is not valid.", "errors": errors})
