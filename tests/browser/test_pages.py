"""Every page of the house, with every outside host denied."""

import pytest
from browsing import NewPage, Serve
from playwright.async_api import expect

from hospes.doors import guest_api
from hospes.house.application import DOORS
from tests.living import Api, Home

PAGES = ["/", *(f"{contract.DOCS}/docs" for contract in DOORS.values())]


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_reaches_for_an_outside_host(home: Home, serve: Serve, new_page: NewPage, path: str) -> None:
    site = await serve(home.application)
    visit = await new_page(site)

    answer = await visit.page.goto(site + path)
    await visit.page.wait_for_load_state("networkidle")

    assert answer is not None and answer.status == 200
    assert (visit.attempts, visit.errors, visit.violations) == ([], [], [])


async def test_a_guest_is_read_from_the_docs_page(home: Home, api: Api, serve: Serve, new_page: NewPage) -> None:
    guest = await api.new_guest(name="Anna", email="anna@example.com")
    site = await serve(home.application)
    visit = await new_page(site, width=1200, height=900)
    page = visit.page

    await page.goto(site + guest_api.BASE + "/docs")
    await page.get_by_role("button", name="Authorize").click()
    await page.locator(".modal-ux input").fill(api.key)
    await page.locator(".modal-ux button.authorize").click()
    await page.locator(".modal-ux .btn-done").click()
    await page.get_by_text("Get guest by ID").click()
    await page.get_by_placeholder("guest_id").fill(str(guest["id"]))
    await page.get_by_role("button", name="Execute").click()

    await expect(page.locator(".live-responses-table")).to_contain_text("anna@example.com")
    assert (visit.attempts, visit.errors, visit.violations) == ([], [], [])
