"""How this API words what went wrong: one field, `detail`, a text or a list of faults. Contract 5."""

from collections.abc import Mapping
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
    Exhausted: 400,
    TooOften: 429,
    Busy: 503,
    ProviderFailed: 502,
    Misconfigured: 500,
    HospesError: 500,
}


class Speech:
    content_type = b"application/json; charset=utf-8"
    takes_request_ids = True
    statuses: Mapping[int, int] = {}

    def error(self, _status: int, detail: Any, _request_id: str) -> bytes:
        """A dictionary that holds `detail` is the whole body; anything else is the detail."""
        body = detail if isinstance(detail, dict) and "detail" in detail else {"detail": detail}
        return msgspec.json.encode(body)

    def of(self, error: HospesError) -> Refusal:
        status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
        if status == 500:
            return Refusal(500, "Internal server error")
        if isinstance(error, Duplicate):
            return Refusal(status, {"detail": error.message, "existing_id": error.existing_id})
        if isinstance(error, Invalid):
            loc = ("body", *(error.field.split(".") if error.field else ()))
            return self.faults((Fault("value_error", loc, error.message, error.facts.get("value")),))
        if isinstance(error, TooOften):
            return Refusal(status, error.message, {"retry-after": str(error.seconds)})
        return Refusal(status, error.message, {"retry-after": "1"} if status == 503 else {})

    def faults(self, faults: tuple[Fault, ...]) -> Refusal:
        return Refusal(422, [self._fault(fault) for fault in faults])

    @staticmethod
    def _fault(fault: Fault) -> dict[str, Any]:
        told = {"type": fault.kind, "loc": list(fault.loc), "msg": fault.msg, "input": fault.input}
        return told | {"ctx": fault.ctx} if fault.ctx else told
