"""Which way each channel goes, by what is set; and text messages over a provider's HTTP API."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hospes.base.errors import Misconfigured
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.capabilities.messaging.pushes import Pushes
from hospes.providers import arrangements, ways_out, web_push
from hospes.providers.apns_push import ApnsPush
from hospes.providers.destinations import Destinations
from hospes.providers.fcm import Fcm
from hospes.providers.message_folder import PushFolder, SmsFolder
from hospes.providers.outbound import Outbound
from hospes.providers.smpp import Smpp
from hospes.providers.sms_http import SmsHttp
from tests.channels.message_centre import open_centre
from tests.channels.pushing import KEY, Browser, carrier, registered
from tests.channels.pushing import put as put_push
from tests.channels.test_app_pushes import EC, RSA, pem
from tests.channels.texting import hook, mailroom, put, standing
from tests.living import Api, Home, Receiver


async def kinds(home: Home, vault: Vault, settings: Settings) -> dict[str, type[Any]]:
    """Who carries what."""
    services: dict[str, Any] = {}

    def pushing(found: Any) -> Pushes:
        services.update(found)
        return carrier(home, vault, found)

    async with (
        Outbound(Destinations(), home.clock) as outbound,
        ways_out.opened(
            settings, outbound, home.clock, desk=home.server.sms_desk(), vapid=KEY, pushing=pushing
        ) as carriers,
    ):
        return {"sms": type(carriers["sms"])} | {platform: type(service) for platform, service in services.items()}


async def test_with_nothing_set_everything_lies_in_the_folder(home: Home, vault: Vault, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    assert await kinds(home, vault, settings) == {
        "sms": SmsFolder,
        "web": PushFolder,
        "android": PushFolder,
        "ios": PushFolder,
    }
    assert set(arrangements.said(settings).values()) == {"kept in the folder outbox"}


async def test_each_channel_goes_where_its_settings_lead(home: Home, vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "fcm.json").write_text(
        json.dumps({"project_id": "hotel", "client_email": "a@b", "private_key": pem(RSA).decode()})
    )
    (tmp_path / "key.p8").write_bytes(pem(EC))
    async with open_centre() as centre:
        settings = Settings(
            data_dir=tmp_path,
            smpp_url=SecretStr(centre.url),
            vapid_subject="mailto:ops@example.com",
            fcm_key_file=tmp_path / "fcm.json",
            apns_key_file=tmp_path / "key.p8",
            apns_key_id="KEY1234567",
            apple_team_id="TEAM123456",
            apns_topic="com.example.hotel",
        )

        found = await kinds(home, vault, settings)

    assert found == {"sms": Smpp, "web": web_push.WebPush, "android": Fcm, "ios": ApnsPush}
    assert arrangements.said(settings) == {
        "mail": "kept in the folder outbox",
        "text messages": "sent over SMPP",
        "pushes to browsers": "sent",
        "pushes to Android": "sent by FCM",
        "pushes to iOS": "sent by APNs",
    }
    assert ":secret@" not in repr(settings)


def test_the_key_for_web_pushes_may_be_the_operators_own(tmp_path: Path) -> None:
    (tmp_path / "vapid.pem").write_bytes(pem(EC))
    made = bytes(range(1, 33))

    own = arrangements.vapid_key(Settings(data_dir=tmp_path, vapid_key_file=tmp_path / "vapid.pem"), made)
    ours = arrangements.vapid_key(Settings(data_dir=tmp_path), made)

    assert (ours.public, own.public != ours.public) == (KEY.public, True)
    (tmp_path / "vapid.pem").write_bytes(pem(RSA))
    for wrong in ({"vapid_key_file": tmp_path / "vapid.pem"}, {"vapid_subject": "ops@example.com"}):
        with pytest.raises(Misconfigured, match="HOSPES_VAPID"):
            arrangements.vapid_key(Settings(data_dir=tmp_path, **wrong), made)


async def test_what_the_provider_calls_a_message_finds_it_again(
    home: Home, api: Api, vault: Vault, receiver: Receiver
) -> None:
    receiver.answers(201, body=b'{"sid": "SM-%d"}' % api.workspace_id)
    message_id = await put(api, await api.new_guest(phone="+33612380001"), "Grüße")
    async with Outbound(Destinations(allow_loopback=True), home.clock) as outbound:
        sms = SmsHttp(receiver.url, outbound, home.server.sms_desk(), token="t", sender_name="Hotel")
        await mailroom(home, vault, {"sms": sms}).run(api.workspace_id)

    answer = await hook(home, vault, {"MessageSid": f"SM-{api.workspace_id}", "MessageStatus": "delivered"})

    sent = receiver.received[0].json()
    assert (sent["to"], sent["from"], sent["text"]) == ("+33612380001", "Hotel", "Grüße")
    assert receiver.received[0].headers["authorization"] == "Bearer t"
    assert answer.body == b"1 noted.\n"
    assert (await standing(api, message_id)).status == "delivered"


@pytest.mark.parametrize("body", [b"", b"ok", b"[]", b'{"id": {}}', b'{"id": ""}', b"\xff", b'{"id": "' + b"x" * 500])
async def test_a_provider_that_tells_no_id_is_well_too(
    home: Home, api: Api, vault: Vault, receiver: Receiver, body: bytes
) -> None:
    receiver.answers(200, body=body)
    message_id = await put(api, await api.new_guest(phone="+33612380002"))
    async with Outbound(Destinations(allow_loopback=True), home.clock) as outbound:
        sms = SmsHttp(receiver.url, outbound, home.server.sms_desk(), token=None, sender_name="Hotel")
        await mailroom(home, vault, {"sms": sms}).run(api.workspace_id)

    assert (await standing(api, message_id)).status == "sent"


async def test_a_worker_of_the_house_carries_every_channel(home: Home, api: Api, vault: Vault) -> None:
    guest = await api.new_guest(phone="+33612380003")
    registration_id = await registered(api, vault, guest, Browser("https://push.example/house").target)
    made = [await put(api, guest), await put_push(api, guest, registration_id, url="https://hotel.example/room")]

    await api.deliver()

    assert [(await standing(api, one)).status for one in made] == ["delivered", "delivered"]
