"""What this API's OpenAPI document says beside its routes. Contract 4 to 6, 16."""

from typing import Any

from hospes.capabilities.oauth.scopes import SCOPES
from hospes.web.docs_page import Playground
from hospes.web.openapi import Dialect

_ID = "req_01HYZV5R8G3W9Y2M7K4P6Q1N2A"


def _error(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more, "requestId": _ID}}


_ERRORS = {
    400: (
        "The body is not JSON, is no object, or lacks a required field.",
        _error("bad_request", "key: Field required", details=[{"field": "key", "message": "Field required"}]),
    ),
    401: ("The token is missing, invalid or expired.", _error("token_expired", "The access token expired: refresh it")),
    403: (
        "The token lacks a scope, or the property's plan does not include the API.",
        _error("insufficient_scope", "The token lacks the scope bookings.write"),
    ),
    404: ("The id is unknown, or belongs to another account.", _error("not_found", "Booking not found")),
    409: (
        "The request conflicts with what is there.",
        _error("conflict", "Parameter key external_status already exists"),
    ),
    413: ("The body is larger than 1 MiB.", _error("payload_too_large", "The body is larger than 1 MiB.")),
    415: ("The body is not JSON.", _error("unsupported_media_type", "Send the body as application/json.")),
    422: (
        "A value cannot be accepted.",
        _error(
            "validation_error",
            "Parameter key must be lowercase snake_case, start with a letter, and be at most 40 characters",
        ),
    ),
    429: ("More than 120 reads or 30 writes in a minute.", _error("rate_limit_exceeded", "Rate limit exceeded")),
    503: (
        "The server cannot answer at the moment. Try again after the seconds in `Retry-After`.",
        _error("unavailable", "The database did not answer in time. Try again in a moment."),
    ),
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "requestId"],
            "properties": {
                "code": {"type": "string", "description": "Stable: decide by this."},
                "message": {"type": "string", "description": "For people."},
                "requestId": {"type": "string", "description": "Quote it to support."},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
            },
        }
    },
}
_HEADERS = {
    "RateLimit-Limit": {"description": "Calls a minute of this app on this route.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many are left now.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "integer"}},
}

DIALECT = Dialect(
    title="Property API",
    description="Properties, bookings, missions, team, activity and webhooks of one account. Get a token by OAuth 2.1 "
    "(authorization code with PKCE); on this page the button Authorize does it for you. Lists page by `limit` and "
    "`offset`, or `page`.",
    security={
        "OAuth2": {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": "/public/oauth/authorize",
                    "tokenUrl": "/public/oauth/token",
                    "refreshUrl": "/public/oauth/token",
                    "scopes": dict(SCOPES),
                }
            },
        }
    },
    errors=_ERRORS,
    always=(400, 401, 403, 422, 429, 503),
    schemas={"Error": _ERROR},
    headers=_HEADERS,
    answered_headers=tuple(_HEADERS),
    prefix="/public/v1",
    server="..",
    is_camel=True,
)

# Seen from the docs page.
PLAYGROUND = Playground(
    register="oauth/register",
    authorize="oauth/authorize",
    token="oauth/token",  # noqa: S106 (an address)
    revoke="oauth/revoke",
    redirect="docs/oauth2-redirect.html",
)
