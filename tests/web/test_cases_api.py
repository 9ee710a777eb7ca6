"""Cases A19, A27, A30, A39, D14 and D33: what callers and the network do to a house that stands."""

import asyncio
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from hospes.capabilities import loyalty, messaging, promotions
from hospes.doors import guest_api, workspace_api
from hospes.web.openapi import document
from tests.conftest import IS_FULL
from tests.guest_api.test_walls import their_own
from tests.live import live_server
from tests.living import Answer, Api, Home, Receiver

NAUGHTY = [
    "undefined", "null", "NULL", "true", "nil", "None", "NaN", "Infinity", "-1", "0x0", "1e309", "1,000.00", "٠١٢٣",
    "Ω≈ç√∫˜µ≤≥÷", "åß∂ƒ©˙∆˚¬…æ", "ЁЂЃЄЅІЇ", "田中さんにあげて下さい", "사회과학원 어학연구소", "הָיְתָה", "مُنَاقَشَةُ", "هِبِّيٌّ\u202eabc",
    "👾 🙇 💁 🙅", "👨‍👩‍👧‍👦", "🏳️‍🌈", "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮", "˙ɐnbᴉlɐ ɐuƃɐɯ", "Ｔｈｅ ｑｕｉｃｋ", "𝕋𝕙𝕖 𝕢𝕦𝕚𝕔𝕜",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "javascript:alert(1)",
    "' OR 1=1 -- ", "'; DROP TABLE guests; --", "1;SELECT pg_sleep(9)", "%s%s%s%n", "{0}", "{{7*7}}", "${7*7}",
    "%{7*7}", "#{7*7}", "{% for x in (1..9) %}x{% endfor %}", "../../../../etc/passwd", "C:\\Windows\\win.ini", "/dev/null",
    "() { 0; }; touch /tmp/x", "$(touch /tmp/x)", "`touch /tmp/x`", 'eval("1")', "\ufeff", "\ufffe", "\u200b\u200c\u200d",
    "\u2028\u2029", "\u0085", "\x7f", "\x01\x02\x1b[31m", "\r\nX-Injected: yes", "a\tb", "   ", "Ⱥ" * 60, "ß" * 60, "ﬃ" * 60,
    "İstanbul", "ſ", "ǆ", "\U000e0001", "\U0010ffff", "x" * 200,
]  # fmt: skip


@pytest.mark.parametrize("text", NAUGHTY, ids=lambda text: ascii(text)[:24])
async def test_a_naughty_string_is_kept_as_it_is_or_refused(api: Api, text: str) -> None:
    """A27: in every field of text that a guest has."""
    guest = await api.new_guest()
    tries: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "/crm/guests", {"location_id": api.location_id, "name": text}, "name"),
        ("POST", "/crm/guests", {"location_id": api.location_id, "email": f"{text}@example.com"}, "email"),
        ("POST", "/crm/guests", {"location_id": api.location_id, "name": "A", "phone": text}, "phone"),
        ("PATCH", f"/crm/guests/{guest['id']}", {"attributes": {"a": text}}, "attributes"),
        ("PATCH", f"/crm/guests/{guest['id']}", {"attributes": {text: "a"}}, "attributes"),
        ("POST", f"/crm/guests/{guest['id']}/notes", {"text": text}, "text"),
        ("POST", "/crm/tags", {"slug": "naughty", "label": text[:100]}, "label"),
        ("POST", "/crm/tags", {"slug": text, "label": "x"}, "slug"),
        ("POST", f"/loyalty/guests/{guest['id']}/points", {"points": 1, "note": text}, "note"),
    ]

    for method, path, body, field in tries:
        answer = await api.ask(method, path, body)
        assert answer.status in (200, 201, 422), (path, field, answer)
        if answer.status != 422 and field not in ("email", "phone"):
            kept = answer.json()[field]
            assert body[field].items() <= kept.items() if field == "attributes" else kept == body[field]
    for found in (await api.get("/crm/guests", search=text[:200]), await api.get("/crm/guests", tag=text[:64])):
        assert found.status in (200, 422)
        assert found.status != 422 or text[:200].strip() == "" or not text.isprintable()


@pytest.mark.parametrize(
    "value",
    ["NaN", "sNaN", "Infinity", "1E+999999", "1_000", " 1 ", "١٢", "1.00001", "-1.00", "1,50", "", "+1", 1.5, 1, True],
)
async def test_money_is_digits_and_a_dot_and_nothing_else(api: Api, value: Any) -> None:
    """A30"""
    promotion = {"name": "Off", "type": "amount", "currency": "EUR", "value": value}
    rule = {"basis": "spend", "points": 1, "currency": "EUR", "per_amount": value}

    for path, body in (("/promotions", promotion), ("/loyalty/rules", rule)):
        assert (await api.workspace("POST", path, body)).status == 422


WRITES = [route for route in guest_api.ROUTES if route.method != "GET" and not route.path.startswith("/crm/webhooks")]


@pytest.mark.parametrize("route", WRITES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_write_under_one_key_is_done_once(api: Api, receiver: Receiver, route: Any) -> None:
    """D14"""
    ours = await their_own(api, receiver)
    await _rich(api, int(ours["guest_id"]))
    path = re.sub(r"{(\w+)}", lambda found: ours[found[1]], route.path)
    body = await _body(api, route, ours)
    before = len(await _events(api))

    first = await api.ask(route.method, path, body, headers={"idempotency-key": "once"})
    once = len(await _events(api))
    second = await api.ask(route.method, path, body, headers={"idempotency-key": "once"})

    assert first.status == route.status, first
    assert (second.status, second.body) == (first.status, first.body)
    assert len(await _events(api)) == once >= before


async def _events(api: Api) -> list[Any]:
    items: list[Any] = (await api.get("/crm/events", after=0, limit=200)).json()["items"]
    return items


async def _rich(api: Api, guest_id: int) -> None:
    await api.post(f"/loyalty/guests/{guest_id}/points", {"points": 500})


async def _body(api: Api, route: Any, ours: dict[str, str]) -> Any:
    """The route's example, with this workspace's own ids in it."""
    if route.example is None:
        return {} if route.body else None
    async with api.begin() as tx:
        reward = await loyalty.rewards.create(tx, loyalty.rewards.NewReward(name="Cake", points_cost=10))
        content = messaging.templates.Content(subject="x", html="x", text="x")
        slug = f"t{reward}"
        await messaging.templates.create(tx, slug=slug, purpose="transactional", content=content)
        guest_id = int(ours["guest_id"])
        grant = await promotions.grant(tx, int(ours["promotion_id"]), guest_id)
    if route.path == "/communication/email/send":
        await api.patch(f"/crm/guests/{guest_id}", {"email": "own@example.com"})
    known = {
        "guest_id": guest_id,
        "location_id": api.location_id,
        "portal_id": api.portal_id,
        "reward_id": reward,
        "grant_id": grant.id,
        "template_slug": slug,
        "url": "https://93.184.215.14/hook",
    }
    body = {name: known.get(name, value) for name, value in route.example.items() if name != "idempotency_key"}
    return body | ({"tags": []} if "tags" in body else {})


RAW = [
    b"GET {path} HTTP/1.1\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: \x01\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET {path} HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET {path}\r\n\r\n",
    b"GE\x00T {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET {path} HTTP/1.1\nHost: 127.0.0.1\n\n",
    b"GET {path} HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n X: folded\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n: empty\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    b"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 500_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nGET / ",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +5\r\n\r\nhello",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: nonsense\r\nContent-Length: 0\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    b"GET http://evil.example{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET //evil.example{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"TRACE {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
]


def test_odd_requests_get_one_answer_or_none_and_the_server_serves_on() -> None:
    """A19 and A39"""
    with live_server("--no-worker") as live:
        place = urlsplit(live.base)
        path = (place.path + "/crm/tags").encode()
        for raw in RAW:
            said = _say(place.port or 0, raw.replace(b"{path}", path))
            assert said.count(b"HTTP/1.1 ") <= 1, (raw[:80], said[:300])
            assert not re.match(rb"HTTP/1\.1 (2|5)", said), (raw[:80], said[:300])
            assert b"Traceback" not in said

        size = 1024 * 1024 + 1
        head = b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        head += f"Authorization: Bearer {live.key}\r\n".encode()
        at_once = _say(place.port or 0, head + f"Content-Length: {size}\r\n\r\n".encode())
        part = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        at_the_bound = _say(place.port or 0, head + b"Transfer-Encoding: chunked\r\n\r\n" + part * 17)
        well = _say(place.port or 0, head + b'Content-Length: 34\r\n\r\n{"slug": "after", "label": "Well"}')

        assert at_once.startswith(b"HTTP/1.1 413")
        assert at_the_bound.startswith(b"HTTP/1.1 413")
        assert well.startswith(b"HTTP/1.1 201")


def _say(port: int, raw: bytes) -> bytes:
    """What the server answers before it is silent for a second, or closes."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.settimeout(1)
        try:
            line.sendall(raw)
            while part := line.recv(65_536):
                said += part
        except (TimeoutError, OSError):
            pass
    return said


async def test_backends_that_are_killed_are_503_at_worst_and_a_key_tells_what_became_of_it(
    home: Home, api: Api
) -> None:
    """D6, D33, D41: also in the middle of COMMIT, where the outcome is unknown."""
    admin = await asyncpg.connect(home.dsn)
    answers: list[Answer] = []
    numbers = iter(range(10**9))
    done = asyncio.Event()

    async def create() -> int:
        """One guest, asked for under one key until there is an answer; returns its id."""
        key = f"killed-{next(numbers)}"
        while True:
            body = {"location_id": api.location_id, "name": key}
            answers.append(await api.post("/crm/guests", body, headers={"idempotency-key": key}))
            if answers[-1].status == 201:
                return int(answers[-1].json()["id"])

    async def keep_creating() -> list[int]:
        made = []
        while not done.is_set():
            made.append(await create())
        return made

    callers = [asyncio.create_task(keep_creating()) for _ in range(6)]
    for _ in range(500 if IS_FULL else 100):
        before = len(answers)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%' ORDER BY random() LIMIT 1"
        )
        while len(answers) < before + 4:
            await asyncio.sleep(0)
    done.set()
    made = [guest for caller in callers for guest in await caller]
    await admin.close()

    # 409 while the first try still runs, in a server that has not heard yet that its caller was cut off.
    assert {answer.status for answer in answers} <= {201, 409, 503}
    assert all(b"still running" in answer.body for answer in answers if answer.status == 409)
    assert all("retry-after" in answer.headers for answer in answers if answer.status == 503)
    assert len(set(made)) == len(made) == (await api.get("/crm/guests", limit=1)).json()["total"]
    events = 0
    after = 0
    while page := (await api.get("/crm/events", type="guest.created", after=after, limit=200)).json()["items"]:
        events, after = events + len(page), page[-1]["id"]
    assert events == len(made)


@pytest.mark.parametrize("contract", [guest_api, workspace_api], ids=["guest", "workspace"])
def test_the_document_names_every_route_and_no_other(contract: Any) -> None:
    """A46"""
    described = document(contract.ROUTES, contract.DIALECT)["paths"]

    told = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert told == {(route.method, route.path.replace("_ref}", "_id}")) for route in contract.ROUTES}
