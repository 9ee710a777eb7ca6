"""Cases A23, D36 and D37: a database that is slow or used up, and a server that is told to stop under load."""

import asyncio
import http.client
import json
import threading
from contextlib import closing
from urllib.parse import urlsplit

import asyncpg
import pytest

from hospes.base.clock import ManualClock
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.house import House
from tests.live import live_server
from tests.living import Api, Home


@pytest.fixture
async def hurried(home: Home, vault: Vault, settings: Settings, clock: ManualClock, api: Api) -> Api:
    """The same workspace through a server with two connections and a fifth of a second for a statement."""
    ours = settings.model_copy(update={"pool_size": 2, "statement_timeout_ms": 200})
    serving = House(ours, home.dsn, vault, clock=clock).serving()
    application = await serving.__aenter__()
    other = Api(
        Home(home.server, application, home.worker, clock, home.dsn),
        api.workspace_id,
        api.key,
        api.location_id,
        api.portal_id,
    )
    yield other  # type: ignore[misc]
    await serving.__aexit__(None, None, None)


async def test_a_statement_that_takes_too_long_is_503_and_the_connection_is_good_again(
    home: Home, api: Api, hurried: Api
) -> None:
    """A23"""
    guest = await api.new_guest()
    blocker = await asyncpg.connect(home.dsn)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT FROM guests WHERE workspace_id = $1 FOR UPDATE", api.workspace_id)

    slow = [await hurried.patch(f"/crm/guests/{guest['id']}", {"name": "Late"}) for _ in range(4)]
    await transaction.rollback()
    after = await hurried.patch(f"/crm/guests/{guest['id']}", {"name": "In time"})
    await blocker.close()

    assert {(answer.status, answer.headers.get("retry-after")) for answer in slow} == {(503, "1")}
    assert (after.status, after.json()["name"]) == (200, "In time")


async def test_when_all_connections_are_waited_for_the_rest_is_503_and_then_all_is_well(
    home: Home, api: Api, hurried: Api
) -> None:
    """D36"""
    guest = await api.new_guest()
    blocker = await asyncpg.connect(home.dsn)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT FROM guests WHERE workspace_id = $1 FOR UPDATE", api.workspace_id)

    crowd = [hurried.patch(f"/crm/guests/{guest['id']}", {"name": f"Late {number}"}) for number in range(20)]
    answers = await asyncio.gather(*crowd)
    await transaction.rollback()
    await blocker.close()

    assert {answer.status for answer in answers} == {503}
    assert all("retry-after" in answer.headers for answer in answers)
    assert (await hurried.get(f"/crm/guests/{guest['id']}")).status == 200


def test_a_server_that_is_told_to_stop_answers_what_it_has_begun() -> None:
    """D37: every request that was taken gets its whole answer, and what was answered is there."""
    broken: list[str] = []
    made: list[int] = []
    stopping = threading.Event()

    with live_server("--no-worker") as live:
        place = urlsplit(live.base)

        def write(number: int) -> None:
            with closing(http.client.HTTPConnection("127.0.0.1", place.port or 0, timeout=20)) as line:
                post(line, number)

        def post(line: http.client.HTTPConnection, number: int) -> None:
            body = json.dumps({"location_id": 1, "name": f"Last {number}"})
            headers = {"Authorization": f"Bearer {live.key}", "Content-Type": "application/json"}
            while True:
                try:
                    line.request("POST", place.path + "/crm/guests", body, headers)
                except OSError:
                    return  # not taken any more
                try:
                    answer = line.getresponse()
                except (http.client.RemoteDisconnected, ConnectionResetError):
                    return  # closed between two requests: this one was not taken
                try:
                    said = answer.read()
                except (OSError, http.client.HTTPException) as error:
                    broken.append(repr(error))
                    return
                if answer.status == 201:
                    made.append(json.loads(said)["id"])
                if answer.headers.get("connection") == "close":
                    return
                if len(made) > 100:
                    stopping.set()

        writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
        for writer in writers:
            writer.start()
        assert stopping.wait(30)
        live.process.terminate()
        for writer in writers:
            writer.join(30)
        assert live.process.wait(40) == 0

    assert broken == []
    assert len(made) == len(set(made)) > 100
