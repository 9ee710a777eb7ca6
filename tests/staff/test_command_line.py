"""`hospes staff` and `hospes apps`, on a server's database."""

import json
import subprocess
from typing import Any

import pytest

from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from tests.live import COMMAND
from tests.living import SECRET_KEY, Api, Home
from tests.oauth.acting import Browser, new_app, new_person


class Commands:
    def __init__(self, home: Home, settings: Settings) -> None:
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOSPES_DATABASE_URL": home.dsn,
            "HOSPES_SECRET_KEY": SECRET_KEY,
            "HOSPES_DATA_DIR": str(settings.data_dir),
        }

    def __call__(self, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self._environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def hospes(home: Home, settings: Settings, vault: Vault) -> Commands:
    assert vault.key_id == Vault(bytes(range(32))).key_id
    return Commands(home, settings)


async def can_sign_in(home: Home, email: str, password: str) -> bool:
    return (await Browser(home.application).sign_in(email, password)).status == 303


async def test_somebody_is_let_in_given_roles_and_taken_out_again(home: Home, api: Api, hospes: Commands) -> None:
    workspace, email = str(api.workspace_id), f"rita{api.workspace_id}@example.com"

    made = hospes.json("staff", "create", email, "Rita", "--workspace", workspace, "--role", "manager", "--generate")
    assert await can_sign_in(home, email, made["password"])
    [listed] = hospes.json("staff", "list", workspace)
    assert (listed["email"], listed["role"], listed["workspace_id"]) == (email, "manager", api.workspace_id)
    assert "password" not in json.dumps(listed)
    hospes.json("staff", "role", email, "--workspace", workspace, "--role", "staff")
    assert hospes.json("staff", "list", workspace)[0]["role"] == "staff"
    home.clock.advance(minutes=1)
    hospes.json("staff", "password", email, "--password", "a new long password")
    assert not await can_sign_in(home, email, made["password"])
    assert await can_sign_in(home, email, "a new long password")
    hospes.json("staff", "disable", email)
    assert not await can_sign_in(home, email, "a new long password")
    hospes.json("staff", "enable", email)
    assert await can_sign_in(home, email, "a new long password")
    hospes.json("staff", "remove", email, "--workspace", workspace)
    assert hospes.json("staff", "list", workspace) == []


async def test_a_password_is_asked_for_twice(home: Home, api: Api, hospes: Commands) -> None:
    email = f"tom{api.workspace_id}@example.com"

    done = hospes("staff", "create", email, "Tom", "--workspace", str(api.workspace_id), typed="long enough pass\n" * 2)

    assert done.returncode == 0, done.stderr
    assert await can_sign_in(home, email, "long enough pass")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("staff", "create", "x", "X", "--workspace", "{}", "--generate"), "email"),
        (("staff", "create", "x@example.com", "X", "--workspace", "{}", "--role", "boss", "--generate"), "no role"),
        (("staff", "create", "x@example.com", "X", "--workspace", "{}", "--password", "short"), "12 to 200"),
        (("staff", "create", "x@example.com", "X", "--workspace", "999999999", "--generate"), "workspace"),
        (("staff", "password", "nobody@example.com", "--generate"), "Nobody with the address"),
        (("staff", "remove", "nobody@example.com", "--workspace", "{}"), "Nobody with the address"),
        (("apps", "disconnect", "{}", "1"), "not connected"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(
    api: Api, hospes: Commands, arguments: tuple[str, ...], says: str
) -> None:
    done = hospes(*(word.format(api.workspace_id) for word in arguments))

    assert done.returncode == 1
    assert done.stderr.startswith("hospes: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


async def test_an_app_is_listed_and_disconnected(home: Home, api: Api, hospes: Commands) -> None:
    person, app = await new_person(api), await new_app(home)
    given = await app.connect(person)

    [listed] = hospes.json("apps", "list", str(api.workspace_id))
    hospes.json("apps", "disconnect", str(api.workspace_id), str(listed["grant_id"]))

    assert (listed["name"], listed["given_by"]) == ("My PMS", "Olga Berg")
    assert not await app.is_live(given["access_token"])
    assert hospes.json("apps", "list", str(api.workspace_id)) == []


async def test_the_demos_owner_signs_in_with_what_is_printed(home: Home, hospes: Commands) -> None:
    first, second = hospes.json("demo"), hospes.json("demo")

    assert first == second
    assert set(first) == {"workspace_id", "api_key", "brand_id", "brand_key", "staff"}
    assert await can_sign_in(home, first["staff"]["email"], first["staff"]["password"])
