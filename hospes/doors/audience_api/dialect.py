"""What this API's OpenAPI document says beside its routes. Contract 1."""

from typing import Any

from hospes.doors.audience_api.speech import Speech
from hospes.web.openapi import Dialect


def _example(message: str) -> dict[str, Any]:
    return {"response": {"data": {}, "message": message, "status": "error"}}


_ERRORS = {
    400: ("The request cannot be carried out.", _example("Invalid resource: nv is required")),
    401: ("The credentials are missing, unknown, off or of another brand.", _example("Invalid auth")),
    404: ("There is no such address.", _example("Invalid URL")),
    429: ("The brand's limit a minute for this group is used up.", _example("API rate limit exceeded")),
    503: ("The server cannot answer at the moment.", _example("The database did not answer in time. Try again.")),
}
_HEADERS = {
    "X-RateLimit-Remaining": {
        "description": "How many more calls the brand may make to this group in this minute.",
        "schema": {"type": "integer"},
    }
}
_ERROR = {
    "type": "object",
    "required": ["response"],
    "properties": {
        "response": {
            "type": "object",
            "required": ["data", "message", "status"],
            "properties": {
                "data": {"type": "object"},
                "message": {"type": "string"},
                "status": {"const": "error"},
            },
        }
    },
}

DIALECT = Dialect(
    title="Audience API",
    description=(
        "Users, what they do, and the campaigns that reach them. A user is a guest: what is written here is "
        "read through the other APIs in the next request.\n\nSend the headers `x-brand-id` and `x-api-key`, or a "
        "partner app's token as `Authorization: Bearer …`. Times are `yyyy-MM-ddTHH:mm:ss`, with or without an offset."
    ),
    security={
        "brand": {"type": "apiKey", "in": "header", "name": "x-brand-id"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "partner": {"type": "http", "scheme": "bearer"},
    },
    ways_in=(("brand", "key"), ("partner",)),
    errors=_ERRORS,
    always=(400, 401, 429, 503),
    schemas={"Error": _ERROR},
    headers=_HEADERS,
    answered_headers=tuple(_HEADERS),
    scope_word="Group",
    server="../..",
    statuses=Speech.statuses,
)
