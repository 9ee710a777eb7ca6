"""The OpenAPI document of a door, made from its table."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hospes.web.routes import Route


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What a door's document says of itself beside its routes.

    `errors` gives words and an example for each status. `headers` are components that every answer
    names in `answered_headers`; `schemas` holds `Error`, of the media type `error_type`.
    """

    title: str
    description: str
    security: Mapping[str, Any]
    errors: Mapping[int, tuple[str, Any]]
    always: tuple[int, ...]
    schemas: Mapping[str, Any]
    headers: Mapping[str, Any] = {}
    answered_headers: tuple[str, ...] = ()
    error_type: str = "application/json"
    # What stands before a route's printed scope.
    scope_word: str = "Scope"
    # An example of each struct that is answered.
    answers: Mapping[Any, Any] = {}
    # What stands before every path, and where the paths begin, seen from the document.
    prefix: str = ""
    server: str = "."
    # Whether names in paths are written likeThis.
    is_camel: bool = False
    # Which of the schemes of security are needed together, in each way; each alone when nothing is said.
    ways_in: tuple[tuple[str, ...], ...] = ()
    # What it says instead of statuses that its contract does not know.
    statuses: Mapping[int, int] = {}


_COMMON_HEADERS = {
    "X-Request-Id": {
        "description": "Names this request; quote it to support. A sane one that you send comes back.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat the request under the same key: the work is done once, the first answer comes back.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"},
}


class OpenApi:
    """Serves the document. It is made once, when somebody asks for it: a start has no time for four of them."""

    def __init__(self, routes: Sequence[Route], dialect: Dialect) -> None:
        self._routes = routes
        self._dialect = dialect

    @cached_property
    def _body(self) -> bytes:
        return msgspec.json.encode(document(self._routes, self._dialect))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
        request = Request(scope)
        response = Response(self._body, media_type="application/json", headers=headers)
        if request.method not in ("GET", "HEAD"):
            response = Response(b'{"detail":"Method Not Allowed"}', 405, {"allow": "GET, HEAD"}, "application/json")
        await response(scope, receive, send)


def document(routes: Sequence[Route], dialect: Dialect) -> dict[str, Any]:
    """OpenAPI 3.1."""
    structs = {struct for route in routes for struct in (route.body, route.answer) if struct is not None}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    by_struct = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        public = dialect.prefix + re.sub(r"{(\w+)}", lambda found: "{" + _public(found[1], dialect) + "}", route.path)
        paths.setdefault(public, {})[route.method.lower()] = _operation(route, by_struct, dialect)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Hospes {dialect.title}",
            "version": "1",
            "description": dialect.description,
        },
        "servers": [{"url": dialect.server}],
        "security": [
            {name: [] for name in names} for names in dialect.ways_in or [(name,) for name in dialect.security]
        ],
        "tags": [{"name": name} for name in dict.fromkeys(route.group for route in routes)],
        "paths": paths,
        "components": {
            "schemas": {**components, **dialect.schemas},
            "headers": {**_COMMON_HEADERS, **dialect.headers},
            "securitySchemes": dict(dialect.security),
        },
    }


def _operation(route: Route, by_struct: dict[Any, Any], dialect: Dialect) -> dict[str, Any]:
    description = route.description + ("\n\nAn extension of the documented contract." if route.is_extension else "")
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "tags": [route.group],
        "summary": route.summary,
        "description": f"{description}\n\n{dialect.scope_word}: `{route.printed_scope}`".strip(),
        "parameters": _parameters(route, dialect),
        "responses": _responses(route, by_struct, dialect),
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


def _public(name: str, dialect: Dialect) -> str:
    """A path's name as the document has it."""
    first, *more = name.replace("_ref", "_id").split("_")
    return first + "".join(word.capitalize() for word in more) if dialect.is_camel else "_".join([first, *more])


def _parameters(route: Route, dialect: Dialect) -> list[dict[str, Any]]:
    parameters = [_path_parameter(name, _public(name, dialect)) for name in re.findall(r"{(\w+)}", route.path)]
    if route.query:
        # A query's struct is described field by field: its schema's properties are the parameters.
        _, components = msgspec.json.schema_components([route.query])
        for name, schema in components[route.query.__name__]["properties"].items():
            parameters.append({"name": name, "in": "query", "required": False, "schema": _without_null(schema)})
    if route.reads_key and route.method != "GET":
        parameters.append(_KEY)
    return parameters


def _path_parameter(name: str, public: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
    if name.endswith("_ref"):
        schema = {"type": "string", "pattern": "^[^/]+$"}
    return {"name": public, "in": "path", "required": True, "schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query cannot say null: an optional parameter is absent."""
    options = schema.get("anyOf")
    if not options:
        return {name: value for name, value in schema.items() if value is not None}
    real = [option for option in options if option.get("type") != "null"]
    return dict(real[0]) if len(real) == 1 else {"anyOf": real}


def _responses(route: Route, by_struct: dict[Any, Any], dialect: Dialect) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *dialect.answered_headers)}
    answered: dict[str, Any] = {"description": "Done.", "headers": headers}
    if route.answer:
        content = {"schema": by_struct[route.answer]}
        if route.answer in dialect.answers:
            content["example"] = dialect.answers[route.answer]
        answered["content"] = {"application/json": content}
    responses = {str(route.status): answered}
    statuses = {
        *dialect.always,
        *route.errors,
        *((413, 415) if route.body else ()),
        *((409,) if route.method != "GET" else ()),
    }
    for status in sorted({dialect.statuses.get(status, status) for status in statuses}):
        words, example = dialect.errors[status]
        names = ("X-Request-Id", "Retry-After") if status in (429, 503) else ("X-Request-Id",)
        schema = {"$ref": "#/components/schemas/Error"}
        responses[str(status)] = {
            "description": words,
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
            "content": {dialect.error_type: {"schema": schema, "example": example}},
        }
    return responses
