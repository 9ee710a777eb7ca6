"""What this API's OpenAPI document says beside its routes. Contract 4, 5."""

from hospes.doors.guest_api.examples import ANSWERS
from hospes.web.openapi import Dialect

_ERRORS = {
    400: ("The request is well-formed and cannot be carried out.", {"detail": "Insufficient points"}),
    401: ("The Bearer token is missing, invalid or revoked.", {"detail": "Not authenticated"}),
    403: (
        "The scope is missing, the IP address is blocked, or the plan lacks the module.",
        {"detail": "Missing required scope: crm:write"},
    ),
    404: ("The id is unknown, or belongs to another workspace.", {"detail": "Guest not found"}),
    409: (
        "The request conflicts with what is there.",
        {"detail": "A guest with this email already exists", "existing_id": 42},
    ),
    413: ("The body is larger than 1 MiB.", {"detail": "The body is larger than 1 MiB."}),
    415: ("The body is not JSON.", {"detail": "Send the body as application/json."}),
    422: (
        "The body, path or query is not valid.",
        {
            "detail": [
                {
                    "type": "missing",
                    "loc": ["body", "location_id"],
                    "msg": "Field required",
                    "input": {"name": "Alex"},
                }
            ]
        },
    ),
    429: (
        "The key's limit a minute or the month's quota is used up, or the guest was sent too many emails.",
        {"detail": "Rate limit exceeded for this API key"},
    ),
    502: ("A service that the server needs does not answer.", {"detail": "Email provider error"}),
    503: (
        "The server cannot answer at the moment. Try again after the seconds in `Retry-After`.",
        {"detail": "The database did not answer in time. Try again in a moment."},
    ),
}

_HEADERS = {
    "X-API-Usage-Percent": {
        "description": "The share of the month's quota that is used. May exceed 100 on soft quotas.",
        "schema": {"type": "integer"},
    },
    "X-API-Usage-Warning": {
        "description": "`approaching_monthly_quota` from 80 %, `monthly_quota_exceeded` from 100 %.",
        "schema": {"type": "string", "enum": ["approaching_monthly_quota", "monthly_quota_exceeded"]},
    },
}
_DETAIL = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
            ]
        },
        "existing_id": {"type": ["integer", "null"], "description": "With 409: the record that is there already."},
    },
}
_FAULT = {
    "type": "object",
    "required": ["type", "loc", "msg"],
    "properties": {
        "type": {"type": "string"},
        "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "msg": {"type": "string"},
        "input": {},
        "ctx": {"type": "object"},
    },
}

DIALECT = Dialect(
    title="Guest API",
    description="Guests, what is known of them, and what happens to them. "
    "Send your key as `Authorization: Bearer nk_…`. What goes beyond the documented contract is "
    "marked as an extension.",
    security={"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "nk_ and 32 letters and digits"}},
    errors=_ERRORS,
    always=(400, 401, 403, 422, 429, 503),
    schemas={"Error": _DETAIL, "Fault": _FAULT},
    headers=_HEADERS,
    answers=ANSWERS,
    answered_headers=("X-API-Usage-Percent", "X-API-Usage-Warning"),
)
