"""A limited promotion under load, over two server processes, while these are killed (D20)."""

import http.client
import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from typing import Any

from tests.crash.test_kill import call, children, until
from tests.live import COMMAND, Live, live_server

LEFT = 20
TILLS = 60


def command(live: Live, *arguments: str) -> Any:
    """A command of ours, beside the running server."""
    run = subprocess.run(
        [*COMMAND, *arguments, "--data-dir", str(live.folder), "--json"], capture_output=True, check=True, timeout=60
    )
    return json.loads(run.stdout)


def redeem(live: Live, grant_id: int, key: str) -> int:
    """The status of the answer; a request that gets none is repeated under its key."""
    for _ in range(120):
        body = json.dumps({"grant_id": grant_id, "location_id": 1, "idempotency_key": key}).encode()
        headers = {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(live.base + "/promotions/redeem", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            # Too many, busy, or the first try still running: no answer yet.
            if error.code not in (429, 503) and b"still running" not in error.read():
                return error.code
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            pass
        threading.Event().wait(0.5)
    return 0


def test_of_many_tills_exactly_as_many_succeed_as_are_left_also_when_servers_are_killed() -> None:
    statuses: list[int] = []

    with live_server("--workers", "2", "--no-worker") as live:
        promotion = command(live, "promotions", "create", "1", "Rush", "--total", str(LEFT))["id"]
        grants = [call(live, "POST", f"/promotions/{promotion}/grant", {"guest_id": 1}) for _ in range(TILLS)]

        tills = [
            threading.Thread(
                target=lambda g=grant["grant_id"]: statuses.append(redeem(live, g, f"till-{g}")), daemon=True
            )
            for grant in grants
        ]
        for number, till in enumerate(tills):
            till.start()
            if number % 15 == 7:
                assert until(lambda: children(live, "api") != [])
                os.kill(children(live, "api")[0], signal.SIGKILL)
        for till in tills:
            till.join(60)

        assert until(lambda: len(statuses) == TILLS)
        assert statuses.count(200) == LEFT
        assert {status for status in statuses if status != 200} == {409}
        [counted] = [one for one in command(live, "promotions", "list", "1") if one["id"] == promotion]
        assert counted["redemptions"] == LEFT
        assert all(finding["is_fine"] for finding in command(live, "doctor"))
