"""A door is a table of routes: the contract as data. Dispatch, checks and OpenAPI all read it."""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, get_type_hints

import msgspec

from hospes.base.db import Reader, Tx

Handler = Callable[..., Awaitable[Any]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `scope` names what the key must hold; `module` what the plan must include.

    `body` and `query` are the structs that are decoded, `answer` the struct that is encoded.
    `errors` are the statuses this route adds to those every route can answer. `most_members` bounds
    the members and elements of a body.
    """

    method: str
    path: str
    handler: Handler
    scope: str
    printed_scope: str
    module: str = "crm"
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    group: str = ""
    example: Any = None
    is_extension: bool = False
    most_members: int = 1000

    @property
    def writes(self) -> bool:
        """Whether its work is one transaction, which may be repeated under a key."""
        return Tx in get_type_hints(self.handler).values()

    @property
    def reads_key(self) -> bool:
        """Whether an idempotency key says something: of a write, or to a handler that asks for it."""
        return self.writes or "idempotency_key" in get_type_hints(self.handler)

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.handler) or "").partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        return (inspect.getdoc(self.handler) or "").partition("\n")[2].strip()

    @property
    def name(self) -> str:
        return str(getattr(self.handler, "__name__", "handler"))


class Match(msgspec.Struct, frozen=True):
    """A route and the texts that stood in its path."""

    route: "Compiled"
    parameters: tuple[str, ...]


class Compiled:
    """A route made ready: which arguments its handler takes, and from where."""

    __slots__ = ("empty_body", "path_names", "pattern", "route", "wants", "writes")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.path_names = tuple(re.findall(r"{(\w+)}", route.path))
        self.pattern = re.compile(re.sub(r"{\w+}", "([^/]+)", route.path))
        hints = get_type_hints(route.handler)
        names = list(inspect.signature(route.handler).parameters)
        self.writes = route.writes
        if not self.writes and Reader not in hints.values():
            raise TypeError(f"{route.name} takes neither a Reader nor a Tx")
        self.wants = tuple(name for name in names if hints.get(name) not in (Reader, Tx))
        # A body of which nothing is required may be left out.
        required = route.body and any(field.required for field in msgspec.structs.fields(route.body))
        self.empty_body = b"" if required else b"{}"


class Table:
    """Routes by method and path: fixed paths by a look-up, others by their pattern."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.compiled = [Compiled(route) for route in routes]
        self._fixed: dict[str, dict[str, Compiled]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Compiled]]] = []
        by_pattern: dict[str, dict[str, Compiled]] = {}
        for compiled in self.compiled:
            if compiled.path_names:
                methods = by_pattern.get(compiled.pattern.pattern)
                if methods is None:
                    methods = by_pattern[compiled.pattern.pattern] = {}
                    self._patterns.append((compiled.pattern, methods))
            else:
                methods = self._fixed.setdefault(compiled.route.path, {})
            if compiled.route.method in methods:
                raise TypeError(f"{compiled.route.method} {compiled.route.path} stands in the table twice")
            methods[compiled.route.method] = compiled

    def find(self, method: str, path: str) -> Match | tuple[str, ...]:
        """The route, or the methods that this path allows (none: there is no such path)."""
        if method == "HEAD":
            method = "GET"
        methods = self._fixed.get(path)
        parameters: tuple[str, ...] = ()
        if methods is None:
            for pattern, candidates in self._patterns:
                found = pattern.fullmatch(path)
                if found:
                    methods, parameters = candidates, found.groups()
                    break
        if methods is None:
            return ()
        compiled = methods.get(method)
        if compiled is None:
            allowed = set(methods) | ({"HEAD"} if "GET" in methods else set())
            return tuple(sorted(allowed))
        return Match(compiled, parameters)
