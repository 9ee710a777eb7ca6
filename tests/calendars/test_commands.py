"""The commands, as an operator types them, against the tests' database."""

import asyncio
import base64
import csv
import io
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.calendars.polled import calendar, entry
from tests.living import Api, Home, Receiver


class Shell:
    def __init__(self, home: Home, api: Api, folder: Path) -> None:
        self.workspace = str(api.workspace_id)
        self.folder = folder
        self._environment = os.environ | {
            "HOSPES_DATABASE_URL": home.dsn,
            "HOSPES_SECRET_KEY": base64.b64encode(bytes(range(32))).decode(),
            "HOSPES_DATA_DIR": str(folder),
            "HOSPES_ALLOW_LOOPBACK_WEBHOOKS": "1",
            "HOSPES_PUBLIC_URL": "https://hospes.example.com",
        }

    async def run(self, group: str, command: str, *words: Any) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from hospes.cli import main; main()", group, command, self.workspace),
            *(str(word) for word in words),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        return process.returncode or 0, out.decode(), err.decode()

    async def json(self, group: str, command: str, *words: Any) -> Any:
        status, out, err = await self.run(group, command, *words, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def shell(home: Home, api: Api, tmp_path: Path) -> Shell:
    return Shell(home, api, tmp_path)


def soon(days: int) -> str:
    """So many days from now: commands have the real clock."""
    return f"{(datetime.now(UTC) + timedelta(days=days)).date()}"


async def test_from_a_property_to_polled_bookings_and_its_own_address(shell: Shell, receiver: Receiver) -> None:
    unit = await shell.json("properties", "create", "Lilas Apartment", "--time-zone", "Europe/Paris")
    feed = calendar(entry("a", soon(10), soon(14)), entry("b", soon(20), soon(22), "Airbnb (Not available)"))
    receiver.answers(200, body=feed.encode())
    made = await shell.json("calendars", "add", unit["id"], receiver.url, "--channel", "airbnb")

    (polled,) = await shell.json("calendars", "poll", made["id"])
    stays = await shell.json("bookings", "list", "--property", unit["id"])
    refused = await shell.run("bookings", "cancel", stays[0]["id"])
    first = (await shell.json("calendars", "address", unit["id"], "--for", "airbnb"))["url"]
    second = (await shell.json("calendars", "rotate", unit["id"], "--for", "airbnb"))["url"]
    receiver.answers(404)
    status, out, _ = await shell.run("calendars", "poll")
    removed = await shell.json("calendars", "remove", made["id"], "--cancel-stays")

    assert (polled["fault"], polled["failures"], "url" in polled) == (None, 0, False)
    assert [(one["arrival"], one["status"]) for one in stays] == [(soon(10), "confirmed"), (soon(20), "unavailable")]
    assert (refused[0], "cancel it at its channel" in refused[2]) == (1, True)
    assert first.startswith("https://hospes.example.com/ical/")
    assert first.endswith(".ics")
    assert first != second
    assert (status, "not valid any more (HTTP 404)" in out) == (1, True)
    assert (removed["blocks_ended"], removed["stays_cancelled"]) == (1, 1)
    assert await shell.json("calendars", "list") == []


async def test_a_table_is_tried_taken_over_taken_back_and_written_out(shell: Shell) -> None:
    unit = await shell.json("properties", "create", "Lilas Apartment")
    file = shell.folder / "bookings.csv"
    file.write_bytes(
        f"Check-in;Check-out;Guest name;Total\n{soon(10)};{soon(12)};Zoë;480\n{soon(20)};{soon(22)};=Ana;\n".encode(
            "cp1252"
        )
    )

    none = await shell.run("bookings", "import", file)
    dry = await shell.json("bookings", "import", file, "--property", unit["id"], "--dry-run")
    real = await shell.json("bookings", "import", file, "--property", unit["id"])
    _, exported, _ = await shell.run("bookings", "export")
    again = shell.folder / "again.csv"
    await shell.run("bookings", "export", "--output", again)
    same = await shell.json("bookings", "import", again, "--dry-run")
    back = await shell.json("bookings", "undo-import", real["import_id"])
    twice = await shell.run("bookings", "undo-import", real["import_id"])

    assert (none[0], "names no property" in none[1], "Nothing was written" in none[1]) == (1, True, True)
    assert (dry["import_id"], len(dry["new"]), len(real["new"])) == (None, 2, 2)
    assert [row["first_name"] for row in csv.DictReader(io.StringIO(exported))] == ["Zoë", "'=Ana"]
    assert (same["unchanged"], same["new"], same["changed"]) == (2, [], [])
    assert back == {"import_id": real["import_id"], "cancelled": 2, "restored": 0}
    assert (twice[0], "was taken back" in twice[2]) == (1, True)


async def test_a_booking_by_hand_and_a_team(shell: Shell) -> None:
    unit = await shell.json("properties", "create", "Lilas Apartment", "--city", "Paris", "--country", "FR")
    words = (unit["id"], soon(10), soon(12), "--first-name", "Ana", "--email", "ana@example.com", "--amount", "240")
    made = await shell.json("bookings", "create", *words)
    taken = await shell.run("bookings", "create", *words)
    wrong = await shell.run("bookings", "create", unit["id"], "tomorrow", soon(12))
    _, shown, _ = await shell.run("bookings", "show", made["id"])
    cancelled = await shell.json("bookings", "cancel", made["id"])
    member = await shell.json("team", "add", "Marie", "--email", "marie@example.com", "--role", "cleaning")
    team = await shell.json("team", "list")
    nowhere = await shell.run("team", "add", "Tiago", "--property", "1")
    closed = await shell.json("properties", "entitle", unit["id"], "--off")
    units = await shell.json("properties", "list")

    assert (made["guestEmail"], made["amount"], made["channel"]) == ("ana@example.com", "240.00", "direct")
    assert (taken[0], "taken by another booking" in taken[2]) == (1, True)
    assert (wrong[0], "ARRIVAL is a date" in wrong[2]) == (1, True)
    assert "ana@example.com" in shown
    assert cancelled["status"] == "cancelled"
    assert (member["property_ids"], [one["id"] for one in team]) == ([unit["id"]], [member["id"]])
    assert (nowhere[0], "no property 1" in nowhere[2]) == (1, True)
    assert (closed["is_entitled"], [one["city"] for one in units]) == (False, ["Paris"])
