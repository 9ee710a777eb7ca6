"""Pages that can reach nothing but the server under test, and tell what they tried."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Page, Route, ViewportSize, WebSocket

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

ARGUMENTS = [
    "--no-sandbox",  # the tests also run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # The second wall: whatever slips past the routes below finds no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.effectiveDirective}: ${event.blockedURI}`));
"""


@dataclass
class Visit:
    """One page, and what happened on it that should not have."""

    page: Page
    attempts: list[str] = field(default_factory=list)
    """Addresses outside the server under test that the page asked for."""
    errors: list[str] = field(default_factory=list)
    """Errors on the console and exceptions nobody caught."""
    violations: list[str] = field(default_factory=list)
    """What the page's Content-Security-Policy stopped."""


class Serve:
    """Serves an ASGI app on a free loopback port until the test is over; returns its address."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(self, app: Any) -> str:
        return await self._stack.enter_async_context(_running(app))


class NewPage:
    """Opens a fresh page, with its own cookies and cache, that may talk to `site` only."""

    def __init__(self, browser: Browser, stack: contextlib.AsyncExitStack) -> None:
        self._browser = browser
        self._stack = stack

    async def __call__(
        self, site: str, *, dark: bool = False, javascript: bool = True, width: int = 1280, height: int = 900
    ) -> Visit:
        context = await self._browser.new_context(
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=javascript,
            locale="en-GB",
            timezone_id="UTC",
            viewport=ViewportSize(width=width, height=height),
            service_workers="block",
        )
        self._stack.push_async_callback(context.close)
        visit = Visit(await context.new_page())
        host = urlsplit(site).netloc

        async def decide(route: Route) -> None:
            address = urlsplit(route.request.url)
            if address.netloc == host or address.scheme in ("data", "blob"):
                await route.continue_()
            else:
                visit.attempts.append(route.request.url)
                await route.abort("blockedbyclient")

        def on_socket(socket: WebSocket) -> None:
            if urlsplit(socket.url).netloc != host:
                visit.attempts.append(socket.url)

        def on_console(message: ConsoleMessage) -> None:
            if message.type == "error":
                visit.errors.append(message.text)

        def on_violation(text: str) -> None:
            visit.violations.append(text)

        await context.route("**/*", decide)
        await context.expose_function("reportViolation", on_violation)
        await context.add_init_script(WATCH_POLICY)
        visit.page.on("websocket", on_socket)
        visit.page.on("console", on_console)
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        return visit


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C belongs to pytest."""
        yield


@contextlib.asynccontextmanager
async def _running(app: Any) -> AsyncIterator[str]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", ws="none", log_level="warning")
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            await serving
            pytest.fail("The server stopped before it had started.")
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
