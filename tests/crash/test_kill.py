"""kill -9 under load: what was acknowledged is there, and is delivered under one id."""

import http.client
import http.server
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import IS_FULL
from tests.live import Live, live_server

# As often as the cases D29 and D30 say, when there is time for it.
ROUNDS = 400 if IS_FULL else 6


class Receiver:
    """Counts which events arrived under which delivery ids."""

    def __init__(self) -> None:
        self.ids: dict[int, set[str]] = defaultdict(set)


@contextmanager
def receiving() -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            receiver.ids[body["payload"]["guest_id"]].add(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver, f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()


def call(live: Live, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(live.base + path, data, headers, method=method), timeout=10
    ) as answer:
        return json.loads(answer.read() or b"null")


def children(live: Live, kind: str) -> list[int]:
    """Our server's processes of one kind: `api` or `worker`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (OSError, IndexError, ValueError):
                continue
            if parent == live.process.pid and b"hospes.cli.children" in words and kind.encode() in words:
                found.append(int(entry.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        threading.Event().wait(0.02)
    return condition()


def test_after_kill_9_no_committed_event_lacks_its_delivery_and_none_has_two_ids() -> None:
    """D29 and D30, in turn."""
    acknowledged: list[int] = []
    stop = threading.Event()

    def write(live: Live, number: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            try:
                made = call(live, "POST", "/crm/guests", {"location_id": 1, "name": f"Writer {number} guest {count}"})
            except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError):
                continue  # unknown: it may have committed, and then it has to be delivered as well
            acknowledged.append(made["id"])

    with receiving() as (receiver, url), live_server("--workers", "2") as live:
        call(live, "POST", "/webhooks", {"url": url, "events": ["guest.created"]})
        writers = [threading.Thread(target=write, args=(live, number)) for number in range(4)]
        for writer in writers:
            writer.start()
        for round_ in range(ROUNDS):
            before = len(acknowledged)
            assert until(lambda: len(acknowledged) >= before + 30)  # noqa: B023
            kind = "worker" if round_ % 2 else "api"
            victim = children(live, kind)[0]
            os.kill(victim, signal.SIGKILL)
            assert until(lambda: victim not in children(live, kind) and children(live, kind) != [])  # noqa: B023
        stop.set()
        for writer in writers:
            writer.join()

        committed = []
        after = 0
        while page := call(live, "GET", f"/crm/events?type=guest.created&limit=200&after={after}")["items"]:
            after = page[-1]["id"]
            committed += [entry["guest_id"] for entry in page if entry["guest_id"] > 10_000]

        # What a killed worker held is free again when its lease of 60 seconds ends.
        assert until(lambda: set(committed) <= set(receiver.ids), seconds=100)
        assert set(acknowledged) <= set(committed)
        assert [guest for guest, ids in receiver.ids.items() if len(ids) > 1] == []
        assert len(committed) == len(set(committed))


def test_after_kill_9_of_the_supervisor_no_process_of_ours_is_left() -> None:
    with live_server() as live:
        ours = [*children(live, "api"), *children(live, "worker")]
        assert len(ours) == 2

        live.process.kill()
        live.process.wait()

        assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in ours), seconds=20)
        folder = str(live.folder).encode()
        assert until(lambda: not _processes_naming(folder), seconds=20)


def _processes_naming(folder: bytes) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if folder in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found
