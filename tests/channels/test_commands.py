"""`hospes sms` and `hospes doctor`, on a server's database."""

import json
import subprocess
from typing import Any

from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.capabilities import guests
from hospes.doors import sms_hook
from tests.live import COMMAND
from tests.living import SECRET_KEY, Api, Home


def hospes(home: Home, settings: Settings, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOSPES_DATABASE_URL": home.dsn,
        "HOSPES_SECRET_KEY": SECRET_KEY,
        "HOSPES_DATA_DIR": str(settings.data_dir),
        **more,
    }
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


async def test_a_stop_can_be_tried_out(home: Home, api: Api, settings: Settings) -> None:
    guest = await api.new_guest(phone="+33612390001", marketing_consent=True)

    done = hospes(home, settings, "sms", "receive", "Stop", "--from", "+33612390001", "--json")
    again = hospes(home, settings, "sms", "receive", "Stop", "--from", "+33612390001")

    assert json.loads(done.stdout) == {"changed": 1}, done.stderr
    assert "nothing was changed" in again.stdout
    assert (await guests.get(api.reader(), guest["id"])).sms_consent is False


async def test_the_hooks_address_is_printed(home: Home, vault: Vault, settings: Settings) -> None:
    done = hospes(home, settings, "sms", "hook", HOSPES_PUBLIC_URL="https://hotel.example")

    assert done.stdout.strip() == f"https://hotel.example/hooks/sms/{sms_hook.secret(vault)}"


async def test_the_doctor_says_which_way_each_channel_goes(home: Home, settings: Settings) -> None:
    smpp = "smpp://hotel:secret@smsc.example:2775"
    done = hospes(home, settings, "doctor", "--json", HOSPES_SMPP_URL=smpp, HOSPES_VAPID_SUBJECT="mailto:a@example.com")

    found: dict[str, Any] = {one["what"]: one["says"] for one in json.loads(done.stdout)}
    assert found["text messages"] == "sent over SMPP"
    assert (found["pushes to browsers"], found["pushes to iOS"]) == ("sent", "kept in the folder outbox")
    assert "secret@" not in done.stdout
