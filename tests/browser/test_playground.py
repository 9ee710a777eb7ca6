"""The playground of the Property API's docs, in the ten steps that the guide gives."""

import re
from urllib.parse import urlsplit

import pytest
from browsing import NewPage, Serve, Visit
from playwright.async_api import Page, expect

from tests.living import Home
from tests.property_api.account import Account

PASSWORD = "correct horse battery"


@pytest.fixture
async def account(home: Home) -> Account:
    return await Account.open(home, await home.new_api())


async def open_docs(visit: Visit, site: str) -> Page:
    """Steps 1 and 2: the page, and its banner."""
    answer = await visit.page.goto(f"{site}/public/docs")
    assert answer is not None and answer.status == 200
    banner = visit.page.locator("#playground")
    await expect(banner).to_have_text("OAuth playground ready")
    return visit.page


async def ask_for_consent(page: Page) -> Page:
    """Steps 3 to 5: Authorize, and Authorize again in the section OAuth2, lead to the sign-in or the consent page."""
    await page.locator(".auth-wrapper .authorize").click()
    section = page.locator(".modal-ux .auth-container", has_text="OAuth2").first
    await expect(section).to_contain_text("OAuth2")
    async with page.context.expect_page() as opened:
        await section.locator("button.authorize").click()
    return await opened.value


async def sign_in(popup: Page, account: Account) -> None:
    """Step 6."""
    await popup.get_by_label("Email").fill(account.person.email)
    await popup.get_by_label("Password").fill(PASSWORD)
    await popup.get_by_role("button", name="Sign in").click()


async def allow(page: Page, popup: Page) -> None:
    """Steps 7 and 8: the scopes are there in words; approving leads back, signed in."""
    await expect(popup.get_by_text("See your properties and their settings")).to_be_visible()
    async with popup.expect_event("close"):
        await popup.get_by_role("button", name="Allow").click()
    await expect(page.locator(".auth-wrapper .authorize.locked")).to_be_visible()
    await page.locator(".modal-ux .btn-done").click()


async def try_it_out(page: Page, account: Account) -> None:
    """Steps 9 and 10."""
    operation = page.locator(".opblock", has=page.locator("[data-path='/public/v1/properties']"))
    await operation.locator(".opblock-summary").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    await expect(answer.locator(".response-col_status")).to_contain_text(["Code", "200"])
    await expect(answer).to_contain_text("Lilas Apartment")
    await expect(answer).to_contain_text(str(account.property_id))
    await expect(operation.locator(".curl-command")).to_contain_text("/public/v1/properties")


def assert_clean(visit: Visit) -> None:
    assert (visit.attempts, visit.errors, visit.violations) == ([], [], [])


async def test_the_ten_steps_work_on_first_load_after_a_reload_and_in_a_second_tab(
    serve: Serve, new_page: NewPage, home: Home, account: Account
) -> None:
    site = await serve(home.application)
    visit = await new_page(site)

    page = await open_docs(visit, site)
    popup = await ask_for_consent(page)
    assert urlsplit(popup.url).path == "/staff/sign-in"
    await sign_in(popup, account)
    await expect(popup.get_by_text("Docs playground")).to_be_visible()
    await allow(page, popup)
    await try_it_out(page, account)

    kept = await page.evaluate("localStorage.getItem('hospes-playground')")
    await page.reload()
    page = await open_docs(visit, site)
    assert await page.evaluate("localStorage.getItem('hospes-playground')") == kept
    await allow(page, await ask_for_consent(page))
    await try_it_out(page, account)

    second = await page.context.new_page()
    other = Visit(second)
    await open_docs(other, site)
    await allow(second, await ask_for_consent(second))
    await try_it_out(second, account)
    assert_clean(visit)


async def test_a_client_that_the_server_forgot_is_registered_anew(
    serve: Serve, new_page: NewPage, home: Home, account: Account
) -> None:
    site = await serve(home.application)
    visit = await new_page(site)
    page = await open_docs(visit, site)
    kept = await page.evaluate("localStorage.getItem('hospes-playground')")
    async with home.server.database._anyone._connections._pool.acquire() as connection:
        await connection.execute("DELETE FROM oauth_clients WHERE id = $1", re.search('"id":"([^"]+)"', kept)[1])

    await page.reload()
    await open_docs(visit, site)

    assert await page.evaluate("localStorage.getItem('hospes-playground')") != kept


async def test_a_server_that_cannot_register_is_told_with_a_way_to_try_again(
    serve: Serve, new_page: NewPage, home: Home
) -> None:
    site = await serve(home.application)
    visit = await new_page(site)
    failing = True

    async def register(route: object) -> None:
        if failing:
            await route.fulfill(status=503, json={"error": "server_error", "error_description": "Not now."})  # type: ignore[attr-defined]
        else:
            await route.fallback()  # type: ignore[attr-defined]

    await visit.page.context.route("**/public/oauth/register", register)
    await visit.page.goto(f"{site}/public/docs")

    banner = visit.page.locator("#playground")
    await expect(banner).to_contain_text("OAuth playground unavailable: Not now.")
    failing = False
    await banner.get_by_role("button", name="Try again").click()
    await expect(banner).to_have_text("OAuth playground ready")
