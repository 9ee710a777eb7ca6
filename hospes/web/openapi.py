"""The OpenAPI document of a door, made from its table."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hospes.web.routes import Route

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
        "The key's limit a minute or the month's quota is used up.",
        {"detail": "Rate limit exceeded for this API key"},
    ),
    503: (
        "The server cannot answer at the moment. Try again after the seconds in `Retry-After`.",
        {"detail": "The database did not answer in time. Try again in a moment."},
    ),
}
_ALWAYS = (400, 401, 403, 422, 429, 503)

_REQUEST_ID = {"$ref": "#/components/headers/X-Request-Id"}
_USAGE = {
    "X-Request-Id": _REQUEST_ID,
    "X-API-Usage-Percent": {"$ref": "#/components/headers/X-API-Usage-Percent"},
    "X-API-Usage-Warning": {"$ref": "#/components/headers/X-API-Usage-Warning"},
}
_HEADERS = {
    "X-Request-Id": {
        "description": "Names this request; quote it to support. A sane one that you send comes back.",
        "schema": {"type": "string"},
    },
    "X-API-Usage-Percent": {
        "description": "The share of the month's quota that is used. May exceed 100 on soft quotas.",
        "schema": {"type": "integer"},
    },
    "X-API-Usage-Warning": {
        "description": "`approaching_monthly_quota` from 80 %, `monthly_quota_exceeded` from 100 %.",
        "schema": {"type": "string", "enum": ["approaching_monthly_quota", "monthly_quota_exceeded"]},
    },
    "Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
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
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat the request under the same key: the work is done once, the first answer comes back.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"},
}


class OpenApi:
    """Serves the document. It is made once."""

    def __init__(self, routes: Sequence[Route], *, title: str) -> None:
        self.document = document(routes, title=title)
        self._body = msgspec.json.encode(self.document)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
        request = Request(scope)
        response = Response(self._body, media_type="application/json", headers=headers)
        if request.method not in ("GET", "HEAD"):
            response = Response(b'{"detail":"Method Not Allowed"}', 405, {"allow": "GET, HEAD"}, "application/json")
        await response(scope, receive, send)


def document(routes: Sequence[Route], *, title: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    structs = {struct for route in routes for struct in (route.body, route.answer) if struct is not None}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    by_struct = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        public = route.path.replace("_ref}", "_id}")
        paths.setdefault(public, {})[route.method.lower()] = _operation(route, by_struct)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Hospes {title}",
            "version": "1",
            "description": "Guests, what is known of them, and what happens to them. "
            "Send your key as `Authorization: Bearer nk_…`. What goes beyond the documented contract is "
            "marked as an extension.",
        },
        "servers": [{"url": "."}],
        "security": [{"apiKey": []}],
        "tags": [{"name": name} for name in dict.fromkeys(route.group for route in routes)],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _DETAIL, "Fault": _FAULT},
            "headers": _HEADERS,
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "nk_ and 32 letters and digits"}
            },
        },
    }


def _operation(route: Route, by_struct: dict[Any, Any]) -> dict[str, Any]:
    description = route.description + ("\n\nAn extension of the documented contract." if route.is_extension else "")
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "tags": [route.group],
        "summary": route.summary,
        "description": f"{description}\n\nScope: `{route.printed_scope}`".strip(),
        "parameters": _parameters(route),
        "responses": _responses(route, by_struct),
    }
    if route.body:
        content: dict[str, Any] = {"schema": by_struct[route.body]}
        if route.example is not None:
            content["example"] = route.example
        required = any(field.required for field in msgspec.structs.fields(route.body))
        operation["requestBody"] = {"required": required, "content": {"application/json": content}}
    return operation


def _operation_id(route: Route) -> str:
    words = route.name.split("_") + (["under", "crm"] if route.path.startswith("/crm/webhooks") else [])
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)}", route.path)]
    if route.query:
        # A query's struct is described field by field: its schema's properties are the parameters.
        _, components = msgspec.json.schema_components([route.query])
        for name, schema in components[route.query.__name__]["properties"].items():
            parameters.append({"name": name, "in": "query", "required": False, "schema": _without_null(schema)})
    if route.method != "GET":
        parameters.append(_KEY)
    return parameters


def _path_parameter(name: str) -> dict[str, Any]:
    if name.endswith("_ref"):
        schema: dict[str, Any] = {"type": "string", "pattern": "^[^/]+$"}
        return {"name": name[:-4] + "_id", "in": "path", "required": True, "schema": schema}
    schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query cannot say null: an optional parameter is absent."""
    options = schema.get("anyOf")
    if not options:
        return {name: value for name, value in schema.items() if value is not None}
    real = [option for option in options if option.get("type") != "null"]
    return dict(real[0]) if len(real) == 1 else {"anyOf": real}


def _responses(route: Route, by_struct: dict[Any, Any]) -> dict[str, Any]:
    answered: dict[str, Any] = {"description": "Done.", "headers": _USAGE}
    if route.answer:
        answered["content"] = {"application/json": {"schema": by_struct[route.answer]}}
    responses = {str(route.status): answered}
    statuses = {
        *_ALWAYS,
        *route.errors,
        *((413, 415) if route.body else ()),
        *((409,) if route.method != "GET" else ()),
    }
    for status in sorted(statuses):
        words, example = _ERRORS[status]
        headers = {"X-Request-Id": _REQUEST_ID}
        if status in (429, 503):
            headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
        schema = {"$ref": "#/components/schemas/Error"}
        responses[str(status)] = {
            "description": words,
            "headers": headers,
            "content": {"application/json": {"schema": schema, "example": example}},
        }
    return responses
