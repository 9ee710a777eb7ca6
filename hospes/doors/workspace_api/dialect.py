"""What this API's OpenAPI document says beside its routes."""

from hospes.web.openapi import Dialect


def _problem(status: int, title: str, detail: str, **more: object) -> dict[str, object]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


_ERRORS = {
    400: ("The request cannot be read.", _problem(400, "Bad Request", "The Host header is missing.")),
    401: (
        "The token is missing, unknown or revoked.",
        _problem(401, "Unauthorized", "The token is unknown or revoked."),
    ),
    403: ("The role does not suffice.", _problem(403, "Forbidden", "This needs the role manager.")),
    404: ("The id is unknown, or belongs to another workspace.", _problem(404, "Not Found", "Promotion not found")),
    409: (
        "The request conflicts with what is there.",
        _problem(409, "Conflict", "A guest with this email already exists", existing_id=42),
    ),
    413: ("The body is larger than 1 MiB.", _problem(413, "Content Too Large", "The body is larger than 1 MiB.")),
    415: (
        "The body is not JSON.",
        _problem(415, "Unsupported Media Type", "Send the body as application/json."),
    ),
    422: (
        "The body, path or query is not valid.",
        _problem(
            422,
            "Unprocessable Content",
            "The request is not valid.",
            errors=[{"field": "body.name", "message": "Field required"}],
        ),
    ),
    429: (
        "More than 600 requests in a minute.",
        _problem(429, "Too Many Requests", "More than 600 requests in a minute. Wait for 12 seconds."),
    ),
    503: (
        "The server cannot answer at the moment. Try again after the seconds in `Retry-After`.",
        _problem(503, "Service Unavailable", "The database did not answer in time. Try again in a moment."),
    ),
}
_ERROR = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "existing_id": {"type": ["integer", "null"], "description": "With 409: the record that is there already."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

DIALECT = Dialect(
    title="Workspace API",
    description="What the operator's own automation manages: locations, promotions, loyalty, templates, Wi-Fi. "
    "Send a token as `Authorization: Bearer hw_…`; make one with `hospes tokens create`. Lists are newest first; "
    "the next page starts `after` the id in `next_after`. Errors are problem details (RFC 9457).",
    security={"token": {"type": "http", "scheme": "bearer", "bearerFormat": "hw_ and 32 letters and digits"}},
    errors=_ERRORS,
    always=(400, 401, 403, 422, 429, 503),
    schemas={"Error": _ERROR},
    error_type="application/problem+json",
    scope_word="Role",
)
