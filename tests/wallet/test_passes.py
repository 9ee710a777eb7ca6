"""Apple Wallet passes: what is in the file, that its signature holds, and that phones hear of changes."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from hospes.base.clock import ManualClock
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.capabilities import guests, wallet
from hospes.capabilities.wallet.pass_pushes import PassPushes, Told
from hospes.house import House
from hospes.providers import pass_certificate
from hospes.providers.apns import SimulatedApns
from tests.living import Answer, Api, Home, ask
from tests.wallet.openssl import verified

HOST = (b"host", b"testserver")
PUSH = "ab" * 32


async def link(api: Api, guest_id: int) -> str:
    body = {"guest_id": guest_id, "portal_id": api.portal_id}
    url: str = (await api.post("/wallet/link", body)).json()["url"]
    return url.removeprefix("http://127.0.0.1:8000")


async def fetch(home: Home, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    sent = [HOST, *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())]
    path, _, query = path.partition("?")
    return await ask(home.application, method, path, headers=sent, query=query.encode(), body=body)


def opened(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class Phone:
    """A phone that took a guest's pass."""

    def __init__(self, home: Home, described: dict[str, Any]) -> None:
        self.home = home
        self.serial = described["serialNumber"]
        self.kind = described["passTypeIdentifier"]
        self.token = described["authenticationToken"]
        self.name = f"phone-{self.serial}"

    async def ask(
        self, path: str, method: str = "GET", body: bytes = b"", token: str | None = None, **more: str
    ) -> Answer:
        authorization = f"ApplePass {token or self.token}"
        return await fetch(self.home, "/passes/v1" + path, method, body, authorization=authorization, **more)

    async def register(self, token: str | None = None, push: str = PUSH) -> int:
        path = f"/devices/{self.name}/registrations/{self.kind}/{self.serial}"
        return (await self.ask(path, "POST", json.dumps({"pushToken": push}).encode(), token)).status

    async def changed(self, since: str | None = None) -> Answer:
        query = f"?passesUpdatedSince={since}" if since else ""
        return await self.ask(f"/devices/{self.name}/registrations/{self.kind}{query}")

    async def newest(self, **more: str) -> Answer:
        return await self.ask(f"/passes/{self.kind}/{self.serial}", **more)


@pytest.fixture
async def guest_id(api: Api) -> int:
    guest = await api.new_guest(name="Alex")
    await api.post(f"/loyalty/guests/{guest['id']}/points", {"points": 150})
    return int(guest["id"])


@pytest.fixture
async def phone(home: Home, api: Api, guest_id: int) -> Phone:
    answer = await fetch(home, await link(api, guest_id) + "/pass.pkpass")
    return Phone(home, json.loads(opened(answer.body)["pass.json"]))


async def test_the_file_holds_what_the_guest_has_and_its_signature_holds(
    home: Home, api: Api, settings: Settings, guest_id: int, tmp_path: Path
) -> None:
    await api.workspace("PUT", f"/portals/{api.portal_id}", {"colour": "#1d4ed8"})
    answer = await fetch(home, await link(api, guest_id) + "/pass.pkpass")

    files = opened(answer.body)
    described, manifest = json.loads(files["pass.json"]), json.loads(files["manifest.json"])
    assert answer.headers["content-type"] == "application/vnd.apple.pkpass"
    assert described["storeCard"]["primaryFields"][0]["value"] == 150
    assert described["backgroundColor"] == "rgb(29, 78, 216)"
    assert described["barcodes"][0]["message"] == described["serialNumber"]
    assert described["webServiceURL"] == "http://127.0.0.1:8000/passes"
    assert set(files) - set(manifest) == {"manifest.json", "signature"}
    for name, told in manifest.items():
        assert hashlib.sha1(files[name], usedforsecurity=False).hexdigest() == told
    certificate = settings.data_dir / pass_certificate.TEST_FILE
    assert verified(files["manifest.json"], files["signature"], certificate, tmp_path)
    assert not verified(files["manifest.json"] + b" ", files["signature"], certificate, tmp_path)


async def test_the_same_pass_is_given_again_and_a_till_learns_whose_it_is(
    home: Home, api: Api, guest_id: int, phone: Phone
) -> None:
    again = json.loads(opened((await fetch(home, await link(api, guest_id) + "/pass.pkpass")).body)["pass.json"])
    other = await home.new_api()

    assert (again["serialNumber"], again["authenticationToken"]) == (phone.serial, phone.token)
    assert (await api.get(f"/wallet/passes/{phone.serial}")).json() == {
        "guest_id": guest_id,
        "portal_id": api.portal_id,
    }
    assert (await other.get(f"/wallet/passes/{phone.serial}")).status == 404


async def test_a_phone_hears_of_a_change_and_fetches_the_new_edition(
    home: Home, api: Api, vault: Vault, guest_id: int, phone: Phone
) -> None:
    pusher = SimulatedApns()
    pushes = PassPushes(home.server.database, home.clock, pusher, instant=home.server.instant)
    statuses = [await phone.register(), await phone.register()]
    first = await phone.newest()
    home.clock.advance(seconds=5)
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 50})
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 1})

    await pushes.run(api.workspace_id)
    await pushes.run(api.workspace_id)
    told = (await phone.changed()).json()
    second = await phone.newest(if_modified_since=first.headers["last-modified"])
    third = await phone.newest(if_modified_since=second.headers["last-modified"])

    assert statuses == [201, 200]
    assert pusher.pushed == [PUSH]
    assert told["serialNumbers"] == [phone.serial]
    assert json.loads(opened(second.body)["pass.json"])["storeCard"]["primaryFields"][0]["value"] == 201
    assert third.status == 304
    assert (await phone.changed(told["lastUpdated"])).status in (200, 204)


async def test_what_fails_is_pushed_later_and_a_phone_that_is_gone_is_forgotten(
    home: Home, api: Api, guest_id: int, phone: Phone
) -> None:
    pusher = SimulatedApns()
    pushes = PassPushes(home.server.database, home.clock, pusher, instant=home.server.instant)
    await phone.register()
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 50})
    pusher.answers[PUSH] = Told(503)

    due = await pushes.run(api.workspace_id)
    pusher.answers[PUSH] = Told(410)
    assert due is not None
    home.clock.jump(due)
    await pushes.run(api.workspace_id)
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 50})
    await pushes.run(api.workspace_id)

    assert pusher.pushed == [PUSH, PUSH]
    assert (await phone.changed()).status == 204


async def test_a_phone_that_unregistered_hears_nothing(home: Home, api: Api, guest_id: int, phone: Phone) -> None:
    pusher = SimulatedApns()
    pushes = PassPushes(home.server.database, home.clock, pusher, instant=home.server.instant)
    await phone.register()
    gone = await phone.ask(f"/devices/{phone.name}/registrations/{phone.kind}/{phone.serial}", "DELETE")
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 50})

    await pushes.run(api.workspace_id)

    assert (gone.status, pusher.pushed) == (200, [])
    assert (await phone.changed()).status == 204


@pytest.mark.parametrize("token", ["", "x" * 50, "é"])
async def test_without_the_passs_token_nothing_is_given_or_changed(phone: Phone, token: str) -> None:
    phone.token = token

    assert (await phone.newest()).status == 401
    assert await phone.register() == 401
    assert (await phone.ask(f"/devices/{phone.name}/registrations/{phone.kind}/{phone.serial}", "DELETE")).status == 401


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/v1/passes/other.type/1-aaaaaaaaaaaaaaaaaaaa", "GET", b"", 404),
        ("/v1/passes/pass.test.hospes/99999999999999999999-aaaaaaaaaaaaaaaaaaaa", "GET", b"", 401),
        ("/v1/passes/pass.test.hospes/nonsense", "GET", b"", 401),
        ("/v1/passes/pass.test.hospes/1-aaaaaaaaaaaaaaaaaaaa", "POST", b"", 405),
        ("/v1/devices/x/registrations/pass.test.hospes?passesUpdatedSince=x", "GET", b"", 400),
        ("/v1/devices/x/registrations/pass.test.hospes?passesUpdatedSince=99999999999999999999", "GET", b"", 400),
        ("/v1/devices/x/registrations/pass.test.hospes", "GET", b"", 204),
        ("/v1/log", "POST", b'{"logs": ["Ana Lima could not"]}', 200),
        ("/v1/log", "POST", b"x" * 70_000, 413),
        ("/v1/nothing", "GET", b"", 404),
        ("/logo.png", "GET", b"", 200),
    ],
)
async def test_whatever_a_phone_asks_is_answered(home: Home, path: str, method: str, body: bytes, status: int) -> None:
    answer = await fetch(home, "/passes" + path, method, body, authorization="ApplePass x")

    assert answer.status == status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"pushToken": 5}', b'{"pushToken": "zz"}', b"[" * 9_999])
async def test_a_registration_that_cannot_be_read_is_refused(phone: Phone, body: bytes) -> None:
    path = f"/devices/{phone.name}/registrations/{phone.kind}/{phone.serial}"

    assert (await phone.ask(path, "POST", body)).status == 400


async def test_the_pass_of_a_merged_guest_is_void(home: Home, api: Api, guest_id: int, phone: Phone) -> None:
    other = await api.new_guest(name="Alexander")
    home.clock.advance(seconds=5)
    async with api.begin() as tx:
        await guests.merge(tx, other["id"], guest_id, evidence="test")

    described = json.loads(opened((await phone.newest()).body)["pass.json"])

    assert described["voided"] is True
    assert "Alex" not in json.dumps(described)


async def test_google_gets_a_signed_link_when_it_is_set_up_and_none_when_not(
    home: Home, api: Api, vault: Vault, settings: Settings, clock: ManualClock, guest_id: int, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = tmp_path / "account.json"
    account.write_text(json.dumps({"client_email": "cards@example.iam", "private_key": pem}))
    path = await link(api, guest_id)
    without = await fetch(home, path + "/google")
    shown = await fetch(home, path)

    ours = settings.model_copy(
        update={"google_wallet_issuer_id": "3388000000012345678", "google_wallet_key_file": account}
    )
    async with House(ours, home.dsn, vault, clock=clock).serving() as application:
        with_google = Home(home.server, application, home.worker, clock, home.dsn)
        answer = await fetch(with_google, path + "/google")
        page = await fetch(with_google, path)

    assert (without.status, "/google" in shown.body.decode()) == (404, False)
    assert (answer.status, "/google" in page.body.decode()) == (303, True)
    url = answer.headers["location"]
    assert url.startswith("https://pay.google.com/gp/v/save/")
    claims = jwt.decode(url.rpartition("/")[2], RSAKey.import_key(pem), algorithms=["RS256"]).claims
    [card] = claims["payload"]["loyaltyObjects"]
    assert (claims["iss"], card["loyaltyPoints"]["balance"]["int"]) == ("cards@example.iam", 150)


async def test_the_operators_certificate_is_used_when_it_is_set(tmp_path: Path, home: Home) -> None:
    held = tmp_path / "pass.pem"
    held.write_bytes(pass_certificate.made_here("pass.example.card", "TEAM123456"))
    settings = Settings(data_dir=tmp_path, apple_pass_cert_file=held, apple_wwdr_file=held)

    certificate = pass_certificate.opened(settings)

    assert (certificate.type_id, certificate.team_id, certificate.is_test) == ("pass.example.card", "TEAM123456", False)
    assert verified(b"manifest", certificate.sign(b"manifest"), held, tmp_path)
    assert wallet.passes.workspace_of("12-" + "a" * 20) == 12
