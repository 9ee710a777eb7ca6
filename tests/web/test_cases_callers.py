"""Cases A3, A14, A25, A40 and A56: other tenants, unknown keys, slow callers, odd paths, and the log."""

import json
import socket
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from hospes.capabilities import access
from tests.crash.test_kill import until
from tests.live import live_server
from tests.living import BASE, Api, Home, ask


async def test_what_another_tenant_writes_changes_nothing_here(home: Home, api: Api) -> None:
    """A3: totals, pages, searches, tags and figures."""
    for number in range(3):
        await api.new_guest(name=f"Ours {number}", marketing_consent=True)
    paths: list[tuple[str, dict[str, Any]]] = [
        ("/crm/guests", {}),
        ("/crm/guests", {"search": "o"}),
        ("/crm/tags", {}),
        ("/crm/events", {"after": 0}),
        ("/analytics/overview", {}),
        ("/analytics/guests", {}),
        ("/analytics/promotions", {}),
        ("/promotions", {}),
        ("/wifi/sessions", {}),
        ("/webhooks", {}),
    ]
    before = [(await api.get(path, **query)).body for path, query in paths]

    other = await home.new_api()
    await other.workspace("POST", "/promotions", {"name": "Theirs", "type": "free_item"})
    await other.post("/crm/tags", {"slug": "theirs", "label": "Theirs"})
    for number in range(200):
        await other.new_guest(name=f"Oh theirs {number}", marketing_consent=True, is_vip=True)

    assert [(await api.get(path, **query)).body for path, query in paths] == before


async def test_a_key_that_was_never_one_reads_like_one_that_is_no_more(home: Home, api: Api) -> None:
    """A14: one answer, and one look-up by the hash, whatever is wrong with the key."""
    made = await access.keys.create(
        home.server.database, api.workspace_id, name="Old", granted=["*"], now=home.clock.now()
    )
    await access.keys.revoke(home.server.database, made.key.id, now=home.clock.now())
    wrong_tail = api.key[:-1] + ("a" if api.key[-1] != "a" else "b")

    answers = [await api.get("/crm/tags", key=key) for key in (made.secret, wrong_tail, "nk_" + "x" * 32)]

    kept = ("content-type", "www-authenticate", "cache-control")
    told = {(answer.status, answer.body, *(answer.headers.get(name) for name in kept)) for answer in answers}
    assert len(told) == 1
    assert answers[0].status == 401


@pytest.mark.parametrize(
    "path",
    [
        "//crm/tags",
        "/crm//tags",
        "/crm/./tags",
        "/crm/../crm/tags",
        "/crm/tags;x=1",
        "/crm/tags/",
        "/CRM/tags",
        "/crm/tags%2f",
    ],
)
async def test_another_spelling_of_a_path_is_another_path(home: Home, api: Api, path: str) -> None:
    """A40: no spelling leads round a scope or a limit."""
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {api.key}".encode())]

    answer = await ask(home.application, "GET", BASE + path, headers=headers)

    assert answer.status == 404


def test_slow_and_idle_callers_do_not_keep_others_from_being_answered() -> None:
    """A25"""
    with live_server("--no-worker") as live:
        place = urlsplit(live.base)
        head = f"POST {place.path}/crm/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {live.key}\r\n"
        half_bodies = head + 'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"slug'
        lines = [_line(place.port or 0, b"") for _ in range(300)]
        lines += [_line(place.port or 0, head.encode()) for _ in range(50)]
        lines += [_line(place.port or 0, half_bodies.encode()) for _ in range(200)]

        statuses = []
        for _ in range(100):
            request = urllib.request.Request(live.base + "/crm/tags", headers={"Authorization": f"Bearer {live.key}"})
            with urllib.request.urlopen(request, timeout=5) as answer:
                statuses.append(answer.status)

        assert statuses == [200] * 100
        for line in lines:
            line.close()


def _line(port: int, raw: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    if raw:
        line.sendall(raw)
    return line


def test_whatever_callers_send_the_log_is_one_json_object_a_line() -> None:
    """A56: and nothing of what they sent stands in it."""
    with live_server("--no-worker", log_level="info", log_format="json") as live:
        hostile = '"}\\r\\n{"level":"fake","secret":"s3cr3t'
        for path in ("/crm/tags%0d%0afake", "/crm/guests?search=s3cr3t%0d%0afake", "/%22%7D%0Afake"):
            request = urllib.request.Request(
                live.base + path, headers={"Authorization": f"Bearer {live.key}", "User-Agent": hostile}
            )
            try:
                urllib.request.urlopen(request, timeout=5).close()
            except urllib.error.HTTPError as error:
                error.close()
        log = live.folder / "log"
        assert until(lambda: log.read_text().count('"event":"request"') >= 3)
        said = log.read_text()

    lines = [line for line in said.splitlines() if line.startswith("{")]
    assert len(lines) >= 3
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert "s3cr3t" not in said
    assert live.key not in said
