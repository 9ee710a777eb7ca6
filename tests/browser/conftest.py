"""Fixtures for tests in a browser: `site = await serve(app)`, then `visit = await new_page(site)`."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from browsing import ARGUMENTS, CHROMIUM, NewPage, Serve
from playwright.async_api import Browser, async_playwright, expect

# What is waited for comes when the machine has time for it.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("No chromium, chromium-browser or google-chrome on PATH: the browser tests need one.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    async with contextlib.AsyncExitStack() as stack:
        yield NewPage(browser, stack)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with contextlib.AsyncExitStack() as stack:
        yield Serve(stack)
