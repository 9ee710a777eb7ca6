"""kill -9 in the middle of a migration, and of counting a quota (D50, L20)."""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from typing import Any

import asyncpg
import pytest

from hospes.base.postgres import EmbeddedPostgres
from tests.crash.test_kill import children, until
from tests.crash.test_redemptions import command
from tests.live import COMMAND, Live, data_folder, live_server


@pytest.mark.parametrize("tenths", [4, 8, 13])
def test_a_migration_that_was_killed_is_finished_at_the_next_start(tenths: int) -> None:
    """D50"""
    folder = data_folder()
    migrate = [*COMMAND, "migrate", "--data-dir", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "HOSPES_DATABASE_URL"}

    with subprocess.Popen(migrate, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as first:
        threading.Event().wait(tenths / 10)
        first.send_signal(signal.SIGKILL)
    second = subprocess.run(migrate, env=environment, capture_output=True, text=True, timeout=60, check=False)
    third = subprocess.run(migrate, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert second.returncode == 0, second.stderr
    assert (third.returncode, "Migrating" in third.stderr) == (0, False)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_quota_loses_at_most_what_was_not_written_when_a_server_is_killed() -> None:
    """L20: counts are written every second; none is doubled, and none that was written is lost."""
    with live_server("--no-worker") as live:
        workspace = command(live, "workspace", "create", "Small", "--monthly-quota", "1000", "--quota-mode", "soft")
        key = command(live, "keys", "create", str(workspace["id"]), "--scope", "*", "--rate-limit", "10000")["api_key"]
        asked = written = 0
        for _ in range(3):
            asked += ask_often(live, key, 60)
            assert until(lambda: counted(live, workspace["id"]) >= written + 60)  # noqa: B023
            written = counted(live, workspace["id"])
            asked += ask_often(live, key, 40)
            victim = children(live, "api")[0]
            os.kill(victim, signal.SIGKILL)
            assert until(lambda: victim not in children(live, "api") and call_status(live, key) == 200)  # noqa: B023
            # What the process had not written yet is gone with it; what was written stays.
            assert written <= counted(live, workspace["id"]) <= asked + 20
            written = counted(live, workspace["id"])


def call_status(live: Live, key: str) -> int:
    try:
        with ask(live, key) as answer:
            return int(answer.status)
    except (urllib.error.URLError, OSError):
        return 0


def ask_often(live: Live, key: str, times: int) -> int:
    return sum(call_status(live, key) == 200 for _ in range(times))


def counted(live: Live, workspace_id: int) -> int:
    """What the database holds of this month's requests."""

    async def read() -> int:
        connection = await asyncpg.connect(EmbeddedPostgres(live.folder).dsn)
        try:
            return int(
                await connection.fetchval(
                    "SELECT coalesce(sum(requests), 0) FROM usage_months WHERE workspace_id = $1", workspace_id
                )
            )
        finally:
            await connection.close()

    return asyncio.run(read())


def ask(live: Live, key: str) -> Any:
    request = urllib.request.Request(live.base + "/crm/tags", headers={"Authorization": f"Bearer {key}"})
    return urllib.request.urlopen(request, timeout=10)
