"""`/dev/outbox`: the messages that were not sent to anybody, for development."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response


class Kept(Protocol):
    """A message that a folder keeps."""

    @property
    def name(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def written(self) -> str: ...


_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; frame-src 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg"><link rel="stylesheet" href="/assets/guest.css">
</head><body><header class="masthead"></header><main><h1>{title}</h1>{body}</main></body></html>
"""


class DevOutbox:
    """ASGI application. `newest` and `find` read the folder."""

    def __init__(self, newest: Callable[[], Sequence[Kept]], find: Callable[[str], Kept | None]) -> None:
        self._newest = newest
        self._find = find

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        name = request.path_params.get("name")
        if name is None:
            return _page("Outbox", _list(self._newest()))
        kept = self._find(name)
        if kept is None:
            return PlainTextResponse("There is no such message.\n", 404)
        return _page(kept.subject or "Text message", _message(kept))


def _page(title: str, body: str) -> Response:
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), headers=_HEADERS)


def _list(messages: Sequence[Kept]) -> str:
    if not messages:
        return '<section class="card"><p class="quiet">Nothing was sent yet.</p></section>'
    rows = "".join(
        f'<li><div class="what"><a href="/dev/outbox/{escape(one.name)}">{escape(one.subject or one.text[:80])}</a>'
        f'<br><span class="quiet small">{escape(one.channel)} to {escape(one.to)}, {escape(one.written)}</span>'
        "</div></li>"
        for one in messages
    )
    return f'<section class="card"><ul class="rows">{rows}</ul></section>'


def _message(one: Kept) -> str:
    shown = f'<p class="quiet small">{escape(one.channel)} to {escape(one.to)}, {escape(one.written)}</p>'
    if one.html:
        shown += (
            f'<iframe sandbox="" title="The message" srcdoc="{escape(one.html)}" '
            'style="width:100%;height:24rem;border:1px solid;background:#fff"></iframe>'
        )
    text = f'<h2>Text</h2><pre style="white-space:pre-wrap">{escape(one.text)}</pre>'
    return f'<section class="card">{shown}{text}</section>'
