"""The docs page in a real browser that can reach nothing but us."""

from pathlib import Path

import pytest
from browsing import NewPage, Serve, Visit
from playwright.async_api import Page, expect
from sample_api import PAGE, sample_app

CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")


def assert_clean(visit: Visit) -> None:
    assert visit.attempts == []
    assert visit.errors == []
    assert visit.violations == []


async def open_docs(visit: Visit, site: str) -> None:
    answer = await visit.page.goto(f"{site}{PAGE}")
    assert answer is not None
    assert answer.status == 200
    await expect(visit.page.get_by_text("Get a guest")).to_be_visible()


async def authorize(page: Page, key: str) -> None:
    await page.get_by_role("button", name="Authorize").click()
    await page.locator(".modal-ux input").fill(key)
    await page.locator(".modal-ux button.authorize").click()
    await page.locator(".modal-ux .btn-done").click()


async def execute_get_a_guest(page: Page) -> None:
    await page.get_by_text("Get a guest").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".live-responses-table")).to_be_visible()


@pytest.mark.parametrize("prefix", ["", "/hotel"])
async def test_the_page_shows_every_operation_and_asks_no_other_host(
    serve: Serve, new_page: NewPage, prefix: str
) -> None:
    site = await serve(sample_app(prefix=prefix))
    visit = await new_page(site)

    await open_docs(visit, site + prefix)
    await visit.page.wait_for_load_state("networkidle")

    await expect(visit.page.locator(".opblock")).to_have_count(7)
    await expect(visit.page).to_have_title("Guest API")
    assert await visit.page.evaluate("document.contentType + document.characterSet") == "text/htmlUTF-8"
    assert_clean(visit)


@pytest.mark.parametrize("prefix", ["", "/hotel"])
async def test_try_it_out_sends_the_key_and_shows_the_answer(serve: Serve, new_page: NewPage, prefix: str) -> None:
    site = await serve(sample_app(prefix=prefix))
    visit = await new_page(site)
    await open_docs(visit, site + prefix)

    await authorize(visit.page, "nk_demo")
    await execute_get_a_guest(visit.page)

    answer = visit.page.locator(".live-responses-table")
    await expect(answer.locator(".response-col_status")).to_contain_text(["Code", "200"])
    await expect(answer).to_contain_text("anna@example.com")
    await expect(answer).to_contain_text("Request duration")
    assert_clean(visit)


async def test_a_refusal_is_shown_as_it_came(serve: Serve, new_page: NewPage) -> None:
    site = await serve(sample_app())
    visit = await new_page(site)
    await open_docs(visit, site)

    await execute_get_a_guest(visit.page)

    answer = visit.page.locator(".live-responses-table")
    await expect(answer.locator(".response-col_status")).to_contain_text(["Code", "401"])
    await expect(answer).to_contain_text("Not authenticated")
    assert visit.attempts == visit.violations == []


async def test_the_key_is_forgotten_with_the_page(serve: Serve, new_page: NewPage) -> None:
    site = await serve(sample_app())
    visit = await new_page(site)
    await open_docs(visit, site)

    await authorize(visit.page, "nk_demo")
    kept = await visit.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    await visit.page.reload()
    await execute_get_a_guest(visit.page)

    assert kept == '[{},{},""]'
    await expect(visit.page.locator(".live-responses-table")).to_contain_text("Not authenticated")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_all_text_is_readable_in_the_scheme_the_reader_prefers(
    serve: Serve, new_page: NewPage, dark: bool
) -> None:
    site = await serve(sample_app())
    visit = await new_page(site, dark=dark)
    page = visit.page
    await open_docs(visit, site)

    background = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == ("rgb(20, 24, 23)" if dark else "rgb(247, 247, 245)")
    assert await page.evaluate(CONTRAST) == []

    await authorize(page, "nk_demo")
    await execute_get_a_guest(page)
    await page.get_by_text("Redeem points").click()
    await page.get_by_text("Stamps, before there were points").click()
    await page.locator(".responses-table").last.get_by_role("tab", name="Schema").first.click()
    await page.get_by_role("button", name="Schemas").click()
    await page.locator("section.models .json-schema-2020-12-accordion").first.click()
    await expect(page.get_by_text("≤ 200 characters").last).to_be_visible()
    assert await page.evaluate(CONTRAST) == []

    await page.get_by_role("button", name="Authorize").click()
    await expect(page.locator(".modal-ux")).to_be_visible()
    assert await page.evaluate(CONTRAST) == []
    assert_clean(visit)


async def test_the_page_follows_the_scheme_while_it_is_open(serve: Serve, new_page: NewPage) -> None:
    site = await serve(sample_app())
    visit = await new_page(site)
    await open_docs(visit, site)

    await visit.page.emulate_media(color_scheme="dark")

    await expect(visit.page.locator("html")).to_have_class("dark-mode")
    assert await visit.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 390, 768])
async def test_a_narrow_screen_needs_no_sideways_scrolling(serve: Serve, new_page: NewPage, width: int) -> None:
    site = await serve(sample_app())
    visit = await new_page(site, width=width)
    await open_docs(visit, site)

    await execute_get_a_guest(visit.page)

    assert await visit.page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_filter_and_a_deep_link_find_an_operation(serve: Serve, new_page: NewPage) -> None:
    site = await serve(sample_app())
    visit = await new_page(site)

    await visit.page.goto(f"{site}{PAGE}#/Loyalty/RedeemPoints")
    await expect(visit.page.locator(".opblock.is-open")).to_have_count(1)
    await expect(visit.page.locator(".opblock.is-open")).to_contain_text("Redeem points")

    await visit.page.get_by_placeholder("Filter").fill("CRM")
    await expect(visit.page.locator(".opblock")).to_have_count(4)
    assert_clean(visit)


async def test_without_javascript_the_page_points_to_the_document(serve: Serve, new_page: NewPage) -> None:
    site = await serve(sample_app())
    visit = await new_page(site, javascript=False)

    await visit.page.goto(f"{site}{PAGE}")

    notice = visit.page.locator("noscript, .notice").last
    await expect(notice).to_contain_text("This page needs JavaScript.")
    await expect(notice.get_by_role("link")).to_have_attribute("href", "openapi.json")
    assert visit.attempts == []


async def test_the_look_at_contrast_sees_faint_text(serve: Serve, new_page: NewPage) -> None:
    """The net these tests rely on has no hole."""
    site = await serve(sample_app())
    visit = await new_page(site)
    await open_docs(visit, site)

    await visit.page.evaluate("document.querySelector('.masthead-title').style.color = '#999'")

    assert await visit.page.evaluate(CONTRAST) == ["2.85 SPAN.masthead-title Guest API"]


async def test_the_browser_stops_and_tells_what_a_page_asks_of_other_hosts(serve: Serve, new_page: NewPage) -> None:
    site = await serve(_GossipingPage())
    visit = await new_page(site)

    await visit.page.goto(site)
    await visit.page.wait_for_load_state("networkidle")

    assert sorted(visit.attempts) == ["http://tracker.example/pixel.gif", "https://cdn.example/a.js"]
    assert any(text.startswith("style-src") for text in visit.violations)
    assert any("boom" in text for text in visit.errors)


class _GossipingPage:
    async def __call__(self, _scope: object, _receive: object, send: object) -> None:
        body = (
            b"<!doctype html><link rel=icon href=data:,><script src=https://cdn.example/a.js></script>"
            b"<img src=http://tracker.example/pixel.gif><style>p{}</style><script>throw new Error('boom')</script>"
        )
        policy = b"style-src 'none'"
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy)]
        assert callable(send)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
