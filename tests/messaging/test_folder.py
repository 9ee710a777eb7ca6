"""Without a mail server, messages are kept in a folder, and a page for developers shows them."""

from hospes.base.clock import ManualClock
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.house import House
from hospes.providers import arrangements
from tests.living import Api, Home, ask
from tests.messaging.mailing import new_template, send, standing

HOST = [(b"host", b"testserver")]


async def test_what_is_sent_lies_in_the_folder_and_is_shown(
    home: Home, api: Api, vault: Vault, settings: Settings, clock: ManualClock
) -> None:
    await new_template(api, html="<p>Hello <script>alert(1)</script>{{ guest_name }}</p>")
    request_id = await send(api, await api.new_guest(email="folder@example.com"))
    await api.deliver()

    showing = settings.model_copy(update={"dev_outbox": True})
    async with House(showing, home.dsn, vault, clock=clock).serving() as application:
        listed = await ask(application, "GET", "/dev/outbox", headers=HOST)
        [name] = [
            p.name for p in arrangements.folder(settings).glob("*.eml") if b"folder@example.com" in p.read_bytes()
        ]
        shown = await ask(application, "GET", f"/dev/outbox/{name}", headers=HOST)
        missing = await ask(application, "GET", "/dev/outbox/..%2fsecret.key", headers=HOST)

    assert (await standing(api, request_id))["status"] == "delivered"
    assert arrangements.folder(settings).stat().st_mode & 0o777 == 0o700
    assert "folder@example.com" in listed.body.decode()
    assert "Welcome, Alex" in shown.body.decode()
    assert "<script>" not in shown.body.decode()
    assert 'sandbox=""' in shown.body.decode()
    assert missing.status == 404


async def test_the_page_is_not_there_unless_it_is_asked_for(home: Home) -> None:
    assert (await ask(home.application, "GET", "/dev/outbox", headers=HOST)).status == 404
