"""No secret stands where people look when something is wrong, or learn how to call (case P23)."""

import asyncio
import os
import sys
import traceback
from typing import Any

import pytest

from hospes.base.secrets import new_key, vault_from
from hospes.base.settings import Settings
from hospes.house.application import DOORS
from tests.living import SECRET_KEY, Api, Home, ask
from tests.privacy.test_key_rotation import run

# One for each setting that is a secret: what is typed into it is found nowhere.
SECRETS = {
    "HOSPES_DATABASE_URL": "postgresql://hospes:zq-database-1@127.0.0.1:1/hospes",
    "HOSPES_SECRET_KEY": new_key(),
    "HOSPES_METRICS_TOKEN": "zq-metrics-2",
    "HOSPES_SMTP_URL": "smtp://user:zq-smtp-3@127.0.0.1:1",
    "HOSPES_SMS_TOKEN": "zq-sms-4",
    "HOSPES_SMPP_URL": "smpp://user:zq-smpp5@127.0.0.1:1",
    "HOSPES_NUKI_TOKEN": "zq-nuki-6",
    "HOSPES_APPLE_PASS_KEY_PASSWORD": "zq-apple-7",
}
MARKS = [SECRETS["HOSPES_SECRET_KEY"], *(f"zq-{name}" for name in ("database", "metrics", "smtp", "sms", "nuki"))]
MARKS += ["zq-smpp5", "zq-apple"]
# A name that says that its value is none of anybody's business.
_SECRETIVE = ("password", "token", "secret", "_key", "smtp_url", "smpp_url", "database_url")


def shown(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """P23"""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    vault = vault_from(SECRETS["HOSPES_SECRET_KEY"])

    said = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {vault!r} {vars(vault)}"

    assert shown(said) == []
    secret = {name for name, value in settings if "**" in repr(value)}
    assert {f"HOSPES_{name.upper()}" for name in secret} == set(SECRETS)
    plain = {name for name in Settings.model_fields if name not in secret and any(part in name for part in _SECRETIVE)}
    assert plain == {"apns_key_id"} | {name for name in plain if name.endswith("_file")}


CRASH = """
import faulthandler, sys
from hospes.base.secrets import vault_from
from hospes.base.settings import Settings
faulthandler.enable()
settings = Settings()
vault = vault_from(settings.secret_key.get_secret_value())
def serve(settings, vault):
    if sys.argv[1] == "abort":
        import os
        os.abort()
    raise RuntimeError(f"{settings} {vault}")
serve(settings, vault)
"""


@pytest.mark.parametrize("how", ["raise", "abort"])
async def test_a_crash_dump_shows_no_secret(how: str) -> None:
    """P23"""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CRASH,
        how,
        env=os.environ | SECRETS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()

    assert child.returncode != 0
    assert b"serve" in said
    assert shown(said.decode()) == []


def test_a_traceback_with_every_local_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """P23: as crash reporters write them."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    def serve(settings: Settings, vault: Any) -> None:
        raise RuntimeError(settings.public_url, vault.key_id)

    try:
        serve(Settings(), vault_from(Settings().secret_key.get_secret_value()))  # type: ignore[union-attr]
    except RuntimeError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
    said = "".join(told.format())

    assert "settings = Settings(" in said
    # The frame of this test itself holds what it made the settings of.
    assert shown(said.partition("in serve")[2]) == []


async def test_what_commands_say_shows_no_secret(home: Home) -> None:
    """P23: where the database answers, and where it does not."""
    well = SECRETS | {"HOSPES_DATABASE_URL": home.dsn, "HOSPES_SECRET_KEY": SECRET_KEY}
    well = {name: value for name, value in well.items() if "APPLE" not in name}

    answers = [await run("doctor", "--json", **well), await run("doctor", **well), await run("doctor", **SECRETS)]

    assert [status for status, _ in answers][2] == 1
    assert [said for _, said in answers if shown(said) or SECRET_KEY in said] == []
    assert "secret key" in answers[0][1]


@pytest.mark.parametrize("door", DOORS.values(), ids=lambda door: door.__name__.rpartition(".")[2])
async def test_examples_in_the_docs_are_no_secrets_of_this_server(home: Home, api: Api, door: Any) -> None:
    """P23"""
    await api.workspace("GET", "/audit")
    answer = await ask(home.application, "GET", f"{door.DOCS}/openapi.json", headers=[(b"host", b"testserver")])

    text = answer.body.decode()
    assert answer.status == 200
    assert [secret for secret in (SECRET_KEY, api.key, *api.tokens.values()) if secret in text] == []
    assert shown(text) == []
