"""`hospes locks`, on a server's database."""

import json
import subprocess
from datetime import timedelta

from hospes.base.settings import Settings
from tests.automations.staying import Stays
from tests.live import COMMAND
from tests.living import SECRET_KEY


def hospes(stays: Stays, settings: Settings, *arguments: object) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOSPES_DATABASE_URL": stays.home.dsn,
        "HOSPES_SECRET_KEY": SECRET_KEY,
        "HOSPES_DATA_DIR": str(settings.data_dir),
    }
    told = [*COMMAND, "locks", *(str(argument) for argument in arguments)]
    return subprocess.run(told, env=environment, capture_output=True, text=True, timeout=60, check=False)


async def test_a_lock_is_given_to_a_property_and_taken_from_it(stays: Stays, settings: Settings) -> None:
    # Far ahead: the command goes by the clock of the machine.
    booking = await stays.book(1000)
    place = (stays.api.workspace_id, stays.account.property_id)

    used = hospes(stays, settings, "use", *place, "simulator", "front", "--days", 3, "--json")
    planned = await stays.plan(booking)
    removed = hospes(stays, settings, "remove", *place)

    assert json.loads(used.stdout) == {
        "property_id": place[1],
        "brand": "simulator",
        "lock_id": "front",
        "days": 3,
    }, used.stderr
    assert planned["lock.code"] == booking.begins_at - timedelta(days=3)
    assert removed.returncode == 0 and "no codes any more" in removed.stdout
    assert "lock.code" not in await stays.plan(booking)


async def test_what_cannot_be_used_is_told_in_a_sentence(stays: Stays, settings: Settings) -> None:
    place = (stays.api.workspace_id, stays.account.property_id)

    brand = hospes(stays, settings, "use", *place, "acme", "front")
    days = hospes(stays, settings, "use", *place, "nuki", "17", "--days", 15)
    unknown = hospes(stays, settings, "use", place[0], 1, "nuki", "17")

    assert [done.returncode for done in (brand, days, unknown)] == [1, 1, 1]
    assert "There is no brand 'acme'. It is one of: nuki, simulator." in brand.stderr
    assert "1 to 14 days" in days.stderr and "Property not found" in unknown.stderr
