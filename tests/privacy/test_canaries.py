"""What a guest left everywhere comes back from no backup, and stands in no log."""

import asyncio
import logging
import os
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from hospes.base import postgres_home
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.cli import guests as commands
from hospes.house import House
from tests.conftest import with_database
from tests.living import Api, Home, Receiver
from tests.privacy.conftest import new_network
from tests.privacy.planted import Planted, dumped
from tests.property_api.account import Account


async def postgres(program: str, *arguments: str) -> None:
    child = await asyncio.create_subprocess_exec(str(postgres_home.wheel_programs() / program), *arguments)
    assert await child.wait() == 0


async def erase(planted: Planted) -> None:
    answer = await planted.api.workspace("DELETE", f"/guests/{planted.guest['id']}")
    assert answer.status == 204, answer


async def erased_ids(api: Api) -> list[int]:
    """As an operator keeps them: out of the audit log, which goes elsewhere (docs/operator/privacy.md)."""
    entries = (await api.workspace("GET", "/audit")).json()["items"]
    return [entry["facts"]["guest_id"] for entry in entries if entry["action"] == "guest.erased"]


async def test_an_older_backup_brings_nobody_back_once_they_are_erased_again(
    planted: Planted, home: Home, vault: Vault, settings: Settings, tmp_path: Path
) -> None:
    name = f"older_{os.getpid()}"
    older = with_database(home.dsn, name)
    await postgres("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), home.dsn)
    await erase(planted)
    ids = await erased_ids(planted.api)
    connection = await asyncpg.connect(home.dsn)
    await connection.execute(f"CREATE DATABASE {name}")

    await postgres("pg_restore", "--no-owner", "-d", older, str(tmp_path / "dump"))
    came_back = found(planted, await dumped(older))
    house = House(settings, older, vault, clock=home.clock)
    await house.open()
    outcome = await commands.erase_all(house, planted.api.workspace_id, iter(ids))
    again = await commands.erase_all(house, planted.api.workspace_id, iter(ids))
    await house.close()

    assert ids == [planted.guest["id"]]
    assert len(came_back) >= 200
    assert (outcome.erased, outcome.refused, again.already) == (1, {}, 1)
    assert found(planted, await dumped(older)) == []
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_none_of_it_stands_in_any_log_whatever_goes_wrong(
    home: Home, api: Api, vault: Vault, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        account = await Account.open(home, api)
        planted = Planted(account, await new_network(home, api), vault)
        await planted.grow(receiver)
        receiver.answers(500, body=planted.canary().encode())
        await refused(planted)
        await api.deliver()
        await erase(planted)
        await api.deliver()

    assert len(planted.canaries) >= 200
    assert len(logs) >= 100
    assert found(planted, "\n".join(map(str, logs)) + caplog.text) == []


async def refused(planted: Planted) -> None:
    """What cannot be done with what is theirs."""
    api, taken = planted.api, planted.guest["email"]
    answers = [
        await api.post("/crm/guests", {"location_id": api.location_id, "name": "Ben", "email": taken}),
        await api.post("/crm/guests", {"location_id": api.location_id, "name": planted.canary() * 100}),
        await api.post("/crm/guests", {"location_id": 0, "name": planted.canary(), "email": planted.canary()}),
        await api.patch(f"/crm/guests/{planted.guest['id']}", {"attributes": {planted.canary(): "\0"}}),
        await api.get("/crm/guests", search=planted.canary(), sort=planted.canary()),
        await api.get(f"/crm/guests/{planted.canary()}"),
        await api.post("/crm/guests", raw=f'{{"name": "{planted.canary()}"'.encode()),
        await api.get("/crm/guests", key=planted.canary()),
    ]
    assert [answer.status // 100 for answer in answers].count(4) >= 6, answers


def found(planted: Planted, text: str) -> list[str]:
    return [canary for canary in planted.canaries if canary in text]
