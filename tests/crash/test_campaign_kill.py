"""kill -9 while a campaign is sent: each guest has one message, and nobody gets two."""

import os
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from aiosmtpd.controller import Controller

from hospes.cli.supervisor import bind
from tests.conftest import IS_FULL
from tests.crash.test_kill import call, children, until
from tests.live import COMMAND, Live, live_server

GUESTS = 100_000 if IS_FULL else 400
# What a worker has in hand when it dies, at most.
IN_HAND = 50


class Post:
    """Counts who got how many mails."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.arrived[envelope.rcpt_tos[0]] += 1
        return "250 OK"


@contextmanager
def posting() -> Iterator[tuple[Post, int]]:
    post = Post()
    free = bind("127.0.0.1", 0)
    port = int(free.getsockname()[1])
    free.close()
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield post, port
    finally:
        controller.stop()


def token_of(live: Live) -> str:
    """A token of the Workspace API for the demo workspace."""
    workspace = msgspec.json.decode(
        subprocess.check_output([*COMMAND, "workspace", "list", "--json", "--data-dir", str(live.folder)])
    )[0]["id"]
    made = subprocess.check_output(
        [*COMMAND, "tokens", "create", str(workspace), "--data-dir", str(live.folder), "--json"]
    )
    return str(msgspec.json.decode(made)["token"])


def manage(live: Live, token: str, method: str, path: str, body: Any = None) -> Any:
    url = live.base.replace("/api/v1/external/v1", "/api/workspace/v1") + path
    data = msgspec.json.encode(body) if body is not None else None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=10) as answer:
        return msgspec.json.decode(answer.read())


def test_after_kill_9_each_guest_of_a_campaign_has_one_message_and_at_most_one_mail() -> None:
    """D28."""
    with posting() as (post, port), live_server(smtp_url=f"smtp://127.0.0.1:{port}") as live:
        token = token_of(live)
        guests = {
            f"g{number}@example.com": call(
                live,
                "POST",
                "/crm/guests",
                {"location_id": 1, "name": f"G{number}", "email": f"g{number}@example.com", "marketing_consent": True},
            )["id"]
            for number in range(GUESTS)
        }
        plan = {"channel": "email", "subject": "News", "html": "<p>Hi @{name}@</p>", "guest_ids": [*guests.values()]}
        campaign = manage(live, token, "POST", "/campaigns", plan)["id"]

        for share in (0.1, 0.3, 0.5):
            assert until(lambda: len(post.arrived) >= GUESTS * share)  # noqa: B023
            victim = children(live, "worker")[0]
            os.kill(victim, signal.SIGKILL)
            if share == 0.3:
                manage(live, token, "POST", f"/campaigns/{campaign}/pause")
                manage(live, token, "POST", f"/campaigns/{campaign}/resumption")
            assert until(lambda: children(live, "worker") not in ([], [victim]))  # noqa: B023
        ended = until(lambda: manage(live, token, "GET", f"/campaigns/{campaign}")["state"] == "completed", seconds=120)
        figures = manage(live, token, "GET", f"/campaigns/{campaign}/report")["figures"]

    assert ended
    assert figures["targeted"] == figures["sent"] + figures["failed"] == GUESTS
    assert figures["failed"] <= 3 * IN_HAND
    # The demo's own guests are written to as well.
    arrived = {address: count for address, count in post.arrived.items() if address in guests}
    assert set(arrived.values()) == {1}
    assert figures["sent"] <= len(arrived) <= GUESTS
