"""Cases O81, O83, O95 and O116: the database fails, or the server dies, at each statement in turn."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from hospes.base import ids
from hospes.base.settings import Settings
from hospes.capabilities import oauth
from hospes.house import House
from tests.conftest import IS_FULL
from tests.living import ACTOR, Answer, Api, Home
from tests.oauth.acting import CHALLENGE, VERIFIER, App, Person, new_app, new_person
from tests.oauth.cutting import Cutter

KILLS = 100 if IS_FULL else 6
MOST_STATEMENTS = 40
BOTH = pytest.mark.parametrize("is_done_first", [False, True], ids=["not done", "done, answer lost"])


@pytest.fixture
async def cutter(home: Home) -> AsyncIterator[Cutter]:
    async with Cutter(home.dsn) as cutter:
        yield cutter


@pytest.fixture
async def fragile(home: Home, cutter: Cutter, settings: Settings) -> AsyncIterator[Home]:
    """The same house, behind a database that fails when it is told to."""
    ours = settings.model_copy(update={"pool_size": 2, "oauth_rate_limit": 10_000})
    server = House(ours, cutter.dsn, home.server.vault, clock=home.clock)
    async with server.serving() as application:
        yield Home(server, application, home.worker, home.clock, home.dsn)


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


async def state(home: Home, app: App) -> list[dict[str, Any]]:
    """The app's codes, each with its grant and that one's tokens."""
    connection = await asyncpg.connect(home.dsn)
    rows = await connection.fetch(
        "SELECT c.grant_id, g.revoked_at, g.generation,"
        " (SELECT count(*) FROM oauth_tokens t WHERE t.grant_id = g.id) AS tokens,"
        " (SELECT count(*) FROM oauth_grants o WHERE o.client_id = c.client_id) AS grants"
        " FROM oauth_codes c LEFT JOIN oauth_grants g ON g.id = c.grant_id WHERE c.client_id = $1",
        app.id,
    )
    await connection.close()
    return [dict(row) for row in rows]


def failed(answer: Answer) -> bool:
    """Whether the caller was told to try again, and nothing else."""
    if answer.status == 503:
        assert answer.json()["error"] == "temporarily_unavailable"
        assert answer.headers["retry-after"] == "1"
    return answer.status == 503


@BOTH
async def test_an_exchange_is_whole_or_did_not_happen(
    home: Home, fragile: Home, cutter: Cutter, person: Person, is_done_first: bool
) -> None:
    """O83"""
    outcomes = []
    for number in range(1, MOST_STATEMENTS):
        app = await new_app(home)
        code = await app.allowed(person)
        app.application = fragile.application
        await app.exchange("warm")
        cutter.cut_at(number, is_done_first=is_done_first)
        answer = await app.exchange(code)
        cutter.mend()

        [stored] = await state(home, app)
        if stored["grant_id"] is None:
            assert stored["grants"] == 0
            assert failed(answer)
        else:
            assert (stored["tokens"], stored["grants"]) == (2, 1)
        # What the client does then: it tries once more.
        app.application = home.application
        again = await app.exchange(code)
        if not failed(answer):
            assert answer.status == 200
            break
        outcomes.append("usable" if again.status == 200 else "used up")
        [stored] = await state(home, app)
        assert stored["grants"] == 1
        # After the retry no tokens live that nobody holds.
        assert (stored["revoked_at"] is None, stored["tokens"]) == ((True, 2) if again.status == 200 else (False, 0))

    assert len(outcomes) >= 5
    assert ("used up" in outcomes) == is_done_first


@BOTH
async def test_a_rotation_is_whole_or_did_not_happen(
    home: Home, fragile: Home, cutter: Cutter, person: Person, is_done_first: bool
) -> None:
    """O95; and whichever it was, the same request then gets the pair, within the grace."""
    failures = 0
    for number in range(1, MOST_STATEMENTS):
        app = await new_app(home)
        given = await app.connect(person)
        app.application = fragile.application
        await app.exchange("warm")
        cutter.cut_at(number, is_done_first=is_done_first)
        answer = await app.refresh(given["refresh_token"])
        cutter.mend()

        [stored] = await state(home, app)
        assert (stored["generation"], stored["tokens"]) in ((1, 2), (2, 4))
        app.application = home.application
        again = await app.refresh(given["refresh_token"])
        assert again.status == 200
        [stored] = await state(home, app)
        assert (stored["generation"], stored["tokens"]) == (2, 4)
        if not failed(answer):
            assert answer.body == again.body
            break
        failures += 1

    assert failures >= 3


@BOTH
async def test_a_revocation_that_failed_is_not_called_well(
    home: Home, fragile: Home, cutter: Cutter, person: Person, is_done_first: bool
) -> None:
    """O116 (CVE-2020-15223)"""
    failures = 0
    for number in range(1, MOST_STATEMENTS):
        app = await new_app(home)
        given = await app.connect(person)
        app.application = fragile.application
        await app.exchange("warm")
        cutter.cut_at(number, is_done_first=is_done_first)
        answer = await app.post("revoke", {"token": given["refresh_token"]})
        cutter.mend()

        [stored] = await state(home, app)
        assert (stored["revoked_at"] is None, stored["tokens"]) in ((True, 2), (False, 0))
        if not failed(answer):
            assert (answer.status, stored["tokens"]) == (200, 0)
            break
        failures += 1

    assert failures >= 4


class Server:
    """A process that answers requests, as `hospes serve` starts them; it can be killed."""

    def __init__(self, cutter: Cutter, key: bytes) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        environment = os.environ | {
            "HOSPES_DATABASE_URL": cutter.dsn,
            "HOSPES_SECRET_KEY": b64encode(key).decode(),
            "HOSPES_LOG_LEVEL": "error",
            "HOSPES_OAUTH_RATE_LIMIT": "10000",
        }
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hospes.cli.children", "api", str(listening.fileno())],
            env=environment,
            pass_fds=[listening.fileno()],
        )
        listening.close()

    async def exchange(self, app: App, code: str) -> httpx.Response | None:
        """None when the server went away."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        try:
            async with httpx.AsyncClient(timeout=30) as client:
                return await client.post(
                    self.url + "/public/oauth/token",
                    data=form | {"client_id": app.id, "client_secret": app.secret or ""},
                )
        except httpx.TransportError:
            return None

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


async def code_now(home: Home, app: App, person: Person) -> str:
    """A code by the clock of other processes."""
    client = await oauth.clients.find(home.server.database, app.id)
    assert client is not None
    asked = oauth.core.Asked(client, app.uri, client.scope, None, "http://127.0.0.1:8000/public/v1", CHALLENGE)
    async with home.server.database.begin(person.workspace_id, now=datetime.now(UTC), actor=ACTOR) as tx:
        code = await oauth.tokens.give_code(tx, asked, staff_id=person.staff_id, consent=ids.token("", 20))
    assert code is not None
    return code


async def test_a_server_killed_while_it_exchanges_leaves_no_tokens_that_nobody_holds(
    home: Home, cutter: Cutter, person: Person
) -> None:
    """O81"""
    outcomes = []
    for number in range(KILLS):
        server = Server(cutter, bytes(range(32)))
        app = await new_app(home)
        first, code = await code_now(home, app, person), await code_now(home, app, person)
        assert (await server.exchange(app, first)) is not None
        # The last statements are those between the code's use and the answer.
        cutter.on_cut = server.kill
        cutter.cut_at(4 + number % 5, is_done_first=number % 2 == 0)

        lost = await server.exchange(app, code)
        cutter.mend()
        cutter.on_cut = lambda: None
        if lost is not None:
            server.kill()
        retried = Server(cutter, bytes(range(32)))
        again = await retried.exchange(app, code)
        retried.kill()

        assert again is not None
        [_, stored] = sorted(await state(home, app), key=lambda one: one["grant_id"])
        assert stored["grants"] == 2
        assert (stored["revoked_at"] is None, stored["tokens"]) == (
            (True, 2) if again.status_code == 200 else (False, 0)
        )
        outcomes.append((lost is None, again.status_code))
        await asyncio.sleep(0)

    assert (True, 200) in outcomes
    assert (True, 400) in outcomes
