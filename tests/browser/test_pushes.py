"""Pushes in a real browser: its worker shows them, follows them to this server only, and tells what became of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import Serve
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, expect

from hospes.base.secrets import Vault
from hospes.capabilities import wallet
from hospes.capabilities.messaging import letters, outbox, registrations
from tests.channels.pushing import Browser as Subscriber
from tests.channels.pushing import carrier, push_service, put, registered, web_push
from tests.channels.texting import mailroom, standing
from tests.living import Api, Home

# A browser subscribes at its maker's service, which no test reaches. That half alone is played.
SUBSCRIBE = """
(subscription) => {
  let held = null;
  PushManager.prototype.getSubscription = async () => held;
  PushManager.prototype.subscribe = async (options) => {
    window.asked = { visible: options.userVisibleOnly, key: options.applicationServerKey };
    held = { toJSON: () => subscription, unsubscribe: async () => { held = null; return true; } };
    return held;
  };
}
"""


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(service_workers="allow", locale="en-GB")
    yield context
    await context.close()


async def wallet_page(api: Api, vault: Vault, guest: dict[str, Any]) -> str:
    async with api.begin() as tx:
        token, _ = await wallet.links.issue(
            tx, vault, guest_id=guest["id"], portal_id=api.portal_id, ttl=timedelta(days=1)
        )
    return f"/w/{token}"


class Worker:
    """The service worker of one site, and Chromium's own way to hand it a push."""

    def __init__(self, session: CDPSession, site: str, registration_id: str) -> None:
        self._session = session
        self._site = site
        self._registration_id = registration_id

    async def deliver(self, content: Any) -> None:
        data = content if isinstance(content, str) else json.dumps(content)
        await self._session.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": self._site, "registrationId": self._registration_id, "data": data},
        )


async def registered_worker(context: BrowserContext, page: Page, site: str) -> Worker:
    """Wait until the page's script has registered the worker and it is active."""
    session = await context.new_cdp_session(page)
    found: dict[str, str] = {}

    def note(event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            found[one["scopeURL"]] = one["registrationId"]

    session.on("ServiceWorker.workerRegistrationUpdated", note)
    await session.send("ServiceWorker.enable")
    await once(page, "async () => Boolean((await navigator.serviceWorker.getRegistration('/push/'))?.active)")
    async with asyncio.timeout(60):
        while f"{site}/push/" not in found:
            await page.evaluate("0")
    return Worker(session, site, found[f"{site}/push/"])


async def shown(page: Page, number: int = 1) -> list[dict[str, Any]]:
    """What the browser shows, once it is so many."""
    look = """async (number) => {
      const worker = await navigator.serviceWorker.getRegistration("/push/");
      const shown = await worker.getNotifications();
      return shown.length === number && shown.map(({ title, body, tag, data, actions }) =>
        ({ title, body, tag, data, actions: actions.map((one) => one.title) }));
    }"""
    found: list[dict[str, Any]] = await once(page, look, number)
    return found


async def once(page: Page, look: str, argument: Any = None) -> Any:
    """What the look finds, once that is something; the browser's own waiting takes a promise for an answer."""
    async with asyncio.timeout(60):
        while not (found := await page.evaluate(look, argument)):
            pass
    return found


async def test_what_is_pushed_is_shown_and_the_server_hears_of_it(
    home: Home, api: Api, vault: Vault, serve: Serve, context: BrowserContext
) -> None:
    """From the outbox over a push service, decrypted with the browser's key, into a real worker."""
    site = await serve(home.application)
    await context.grant_permissions(["notifications"], origin=site)
    guest, page = await api.new_guest(name="Anna"), await context.new_page()
    await page.goto(site + await wallet_page(api, vault, guest))
    worker = await registered_worker(context, page, site)
    async with push_service() as service, web_push(home) as web:
        subscriber = Subscriber(service.url)
        registration_id = await registered(api, vault, guest, subscriber.target)
        message_id = await put(
            api,
            guest,
            registration_id,
            url="https://hotel.example/room",
            buttons=[{"title": "Map", "url": "https://hotel.example/map"}],
        )
        await mailroom(home, vault, {"push": carrier(home, vault, {"web": web})}).run(api.workspace_id)
        content = subscriber.read(service.received[0].body)

    # The server under test stands on another port than the one it believes to have.
    at_site = json.loads(json.dumps(content).replace(home.server.settings.public_url, site))
    await worker.deliver(at_site)
    [notification] = await shown(page)
    async with asyncio.timeout(60):
        while (await standing(api, message_id)).status != "delivered":
            await page.evaluate("0")

    assert (notification["title"], notification["body"]) == ("Your room is ready", "Come in whenever you like.")
    assert (notification["actions"], notification["tag"]) == (["Map"], content["tag"])
    assert urlsplit(notification["data"]["url"]).path.startswith("/push/go/")


async def test_a_push_that_comes_twice_is_shown_once(
    home: Home, api: Api, vault: Vault, serve: Serve, context: BrowserContext
) -> None:
    site = await serve(home.application)
    await context.grant_permissions(["notifications"], origin=site)
    page = await context.new_page()
    await page.goto(site + await wallet_page(api, vault, await api.new_guest()))
    worker = await registered_worker(context, page, site)

    for title in ("First", "Again"):
        await worker.deliver({"title": title, "tag": "one"})
    await worker.deliver("no JSON")
    found = await shown(page, 2)

    # What cannot be read is shown as well: a browser ends the subscription of who shows nothing.
    assert {one["title"] for one in found} == {"Again", urlsplit(site).netloc}


async def test_the_worker_opens_and_tells_nothing_outside_this_server(
    home: Home, api: Api, vault: Vault, serve: Serve, context: BrowserContext
) -> None:
    site = await serve(home.application)
    await context.grant_permissions(["notifications"], origin=site)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = await context.new_page()
    await page.goto(site + await wallet_page(api, vault, await api.new_guest()))
    worker = await registered_worker(context, page, site)

    async with push_service() as elsewhere:
        evil = elsewhere.url
        await worker.deliver({"title": "Evil", "url": evil, "told": evil, "actions": [{"title": "x", "url": evil}]})
        await shown(page)
        [running] = context.service_workers
        # As a tap would: headless browsers have no notifications to tap on.
        await running.evaluate(
            """async () => {
              const [notification] = await self.registration.getNotifications();
              for (const action of ["", "0"]) {
                self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
              }
              self.dispatchEvent(new NotificationEvent("notificationclose", { notification }));
            }"""
        )
        await page.evaluate("0")

    assert elsewhere.received == []
    assert [url for url in asked if not url.startswith(site)] == []


async def test_putting_a_push_away_is_told(
    home: Home, api: Api, vault: Vault, serve: Serve, context: BrowserContext
) -> None:
    site = await serve(home.application)
    await context.grant_permissions(["notifications"], origin=site)
    guest, page = await api.new_guest(), await context.new_page()
    await page.goto(site + await wallet_page(api, vault, guest))
    worker = await registered_worker(context, page, site)
    registration_id = await registered(api, vault, guest, Subscriber("https://push.example/away").target)
    message_id = await put(api, guest, registration_id)
    async with api.begin() as tx:
        await outbox.mark_delivered(tx, message_id)
    told = f"{site}/push/on/{letters.mark(vault, api.workspace_id, message_id)}"

    await worker.deliver({"title": "Hello", "told": told})
    await shown(page)
    [running] = context.service_workers
    await running.evaluate(
        """async () => {
          const [notification] = await self.registration.getNotifications();
          const event = new NotificationEvent("notificationclose", { notification });
          // Nothing keeps a worker alive for an event that was made up: it is waited for here.
          let told;
          event.waitUntil = (promise) => { told = promise; };
          self.dispatchEvent(event);
          await told;
        }"""
    )

    found: list[Any] = []
    async with asyncio.timeout(60):
        while not found:
            found = (await api.get("/crm/events", type="push.dismissed")).json()["items"]
    assert [one["data"]["request_id"] for one in found] == [message_id]


async def test_the_button_registers_this_browser_and_takes_it_back(
    home: Home, api: Api, vault: Vault, serve: Serve, context: BrowserContext
) -> None:
    site = await serve(home.application)
    await context.grant_permissions(["notifications"], origin=site)
    guest, page = await api.new_guest(), await context.new_page()
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if message.type == "error" else None)
    subscription = Subscriber("https://push.example/button").subscription
    await page.add_init_script(f"({SUBSCRIBE})({json.dumps(subscription)})")
    await page.goto(site + await wallet_page(api, vault, guest))

    await page.get_by_role("button", name="Notify me").click()
    await expect(page.get_by_role("status")).to_have_text("You get notifications here.")
    [made] = await registrations.list_of_guest(api.reader(), guest["id"])
    asked = await page.evaluate("window.asked")
    await page.get_by_role("button", name="Stop notifications").click()
    await expect(page.get_by_role("button", name="Notify me")).to_be_enabled()

    assert made.platform == "web"
    assert asked == {"visible": True, "key": home.server.push_key}
    assert await registrations.list_of_guest(api.reader(), guest["id"]) == []
    assert violations == []


# As a browser does whose push service let a subscription end. What it can say of the old one differs.
CHANGED = """
async ([after, saysWhich]) => {
  PushManager.prototype.subscribe = async (options) => {
    self.asked = { visible: options.userVisibleOnly, key: options.applicationServerKey };
    return { toJSON: () => after };
  };
  const kept = await (await (await caches.open("push")).match("/push/kept")).json();
  const event = new ExtendableEvent("pushsubscriptionchange");
  const old = { toJSON: () => kept.subscription, options: { applicationServerKey: kept.key } };
  Object.assign(event, { oldSubscription: saysWhich ? old : null, newSubscription: null });
  let done;
  event.waitUntil = (promise) => { done = promise; };
  self.dispatchEvent(event);
  await done;
  return self.asked;
}
"""


@pytest.mark.parametrize("says_which", [True, False])
async def test_a_subscription_that_changed_while_no_page_was_open_is_told_by_the_worker(
    home: Home, api: Api, vault: Vault, serve: Serve, context: BrowserContext, *, says_which: bool
) -> None:
    site = await serve(home.application)
    await context.grant_permissions(["notifications"], origin=site)
    guest, page = await api.new_guest(), await context.new_page()
    before, after, last = (
        Subscriber(f"https://push.example/{place}-{says_which}") for place in ("one", "two", "three")
    )
    await page.add_init_script(f"({SUBSCRIBE})({json.dumps(before.subscription)})")
    await page.goto(site + await wallet_page(api, vault, guest))
    await registered_worker(context, page, site)
    await page.get_by_role("button", name="Notify me").click()
    await expect(page.get_by_role("button", name="Stop notifications")).to_be_enabled()
    [made] = await registrations.list_of_guest(api.reader(), guest["id"])
    await page.goto("about:blank")

    [running] = context.service_workers
    asked = await running.evaluate(CHANGED, [after.subscription, says_which])
    once_more = await registrations.find_target(api.reader(), vault, made.id)
    await running.evaluate(CHANGED, [last.subscription, says_which])

    assert asked == {"visible": True, "key": home.server.push_key}
    assert once_more == after.target
    assert await registrations.find_target(api.reader(), vault, made.id) == last.target


async def test_without_javascript_nothing_is_missing(
    home: Home, api: Api, vault: Vault, serve: Serve, browser: Browser
) -> None:
    site = await serve(home.application)
    path = await wallet_page(api, vault, await api.new_guest())
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()

    await page.goto(site + path)

    await expect(page.locator("#notify")).to_be_hidden()
    await expect(page.get_by_role("link", name="Your member code")).to_be_visible()
    await context.close()


async def test_the_worker_stands_where_no_page_does(home: Home, serve: Serve, context: BrowserContext) -> None:
    site = await serve(home.application)

    answer = await context.request.get(f"{site}/push/worker.js")

    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "service-worker-allowed" not in answer.headers
