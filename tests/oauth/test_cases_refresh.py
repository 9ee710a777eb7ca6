"""Cases O86 to O94: tokens are renewed, one pair after the other, until something ends them."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from hospes.capabilities import oauth, staff
from hospes.capabilities.staff import audit
from hospes.house import chores
from tests.conftest import IS_FULL
from tests.living import Answer, Api, Home
from tests.oauth.acting import ALL, App, Person, field, new_app, new_person

INTERLEAVINGS = 1_000 if IS_FULL else 12


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


@pytest.fixture
async def app(home: Home) -> App:
    return await new_app(home)


def refused(answer: Answer, error: str = "invalid_grant") -> None:
    assert (answer.status, answer.json()["error"]) == (400, error), answer


async def is_dead(app: App, *pairs: dict[str, Any]) -> bool:
    """Whether nothing of these pairs works any more, without turning anything."""
    live = [await app.is_live(pair["access_token"]) for pair in pairs]
    told = [await app.post("introspect", {"token": pair["refresh_token"]}) for pair in pairs]
    return not any(live) and all(answer.json() == {"active": False} for answer in told)


async def test_a_scope_narrows_one_access_token_and_not_the_grant(person: Person, app: App) -> None:
    """O86"""
    given = await app.connect(person, scope="properties.read bookings.read")

    narrow = (await app.refresh(given["refresh_token"], scope="bookings.read")).json()
    full = (await app.refresh(narrow["refresh_token"])).json()

    assert (narrow["scope"], full["scope"]) == ("bookings.read", "properties.read bookings.read")
    for wider in (ALL, "properties.read webhooks.write", "everything", "bookings.read  properties.read"):
        refused(await app.refresh(full["refresh_token"], scope=wider), "invalid_scope")
    refused(await app.refresh(full["refresh_token"], resource="https://other.example.com"), "invalid_target")
    assert (await app.refresh(full["refresh_token"])).status == 200


async def test_every_pair_is_new(person: Person, app: App) -> None:
    given = await app.connect(person)

    renewed = (await app.refresh(given["refresh_token"])).json()

    assert renewed["access_token"] != given["access_token"]
    assert renewed["refresh_token"] != given["refresh_token"]
    assert await app.is_live(given["access_token"])
    assert await app.is_live(renewed["access_token"])


async def test_a_spent_token_after_the_grace_ends_everything_and_its_owner_is_told(
    home: Home, api: Api, person: Person, app: App
) -> None:
    """O87"""
    given = await app.connect(person)
    renewed = (await app.refresh(given["refresh_token"])).json()
    home.clock.advance(seconds=10)

    refused(await app.refresh(given["refresh_token"]))

    assert await is_dead(app, given, renewed)
    refused(await app.refresh(renewed["refresh_token"]))
    [entry] = await audit.list_after(api.reader(), None, limit=1)
    assert (entry.action, entry.facts["why"]) == ("app.disconnected", "a refresh token was used twice")
    connection = await asyncpg.connect(home.dsn)
    rows = await connection.fetch("SELECT address, subject FROM messages WHERE workspace_id = $1", api.workspace_id)
    await connection.close()
    assert [tuple(row) for row in rows] == [(person.email, "My PMS was disconnected")]


async def test_the_same_request_within_the_grace_gets_the_same_answer(
    home: Home, neighbour: Home, person: Person, app: App
) -> None:
    """O88, C4"""
    given = await app.connect(person)

    first = await app.refresh(given["refresh_token"], scope="bookings.read")
    home.clock.advance(seconds=9, milliseconds=999)
    app.application = neighbour.application
    second = await app.refresh(given["refresh_token"], scope="bookings.read")

    assert (first.status, first.body) == (200, second.body)


async def test_what_another_process_did_since_counts(home: Home, neighbour: Home, person: Person, app: App) -> None:
    """O87, O88: this process gave the token last, and another one turned it."""
    here = app.application
    given = (await app.refresh((await app.connect(person))["refresh_token"])).json()

    app.application = neighbour.application
    there = await app.refresh(given["refresh_token"])
    app.application = here
    repeated = await app.refresh(given["refresh_token"])
    home.clock.advance(seconds=10)
    late = await app.refresh(given["refresh_token"])

    assert (there.status, there.body) == (200, repeated.body)
    refused(late)
    assert await is_dead(app, there.json())


async def test_ten_at_once_get_the_same_pair(person: Person, app: App) -> None:
    """O88"""
    given = await app.connect(person)

    answers = await asyncio.gather(*(app.refresh(given["refresh_token"]) for _ in range(10)))

    assert len({answer.body for answer in answers}) == 1
    assert answers[0].status == 200


async def test_another_request_within_the_grace_is_no_repetition(person: Person, app: App) -> None:
    """O88"""
    given = await app.connect(person)
    renewed = (await app.refresh(given["refresh_token"])).json()

    refused(await app.refresh(given["refresh_token"], scope="bookings.read"))

    assert await is_dead(app, renewed)


@pytest.mark.parametrize("scopes", [("bookings.read", "properties.read"), ("bookings.read", "bookings.read")])
async def test_two_that_share_a_statement_turn_their_grant_once(
    home: Home, person: Person, app: App, scopes: tuple[str, str]
) -> None:
    """O88: the same request gets the same pair; another one is no repetition."""
    given = await app.connect(person)
    connection = await asyncpg.connect(home.dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("LOCK TABLE oauth_tokens IN ACCESS EXCLUSIVE MODE")

    ahead = asyncio.create_task(app.refresh("nis_rt_" + "x" * 43))
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'oauth_tokens'::regclass AND NOT granted)"
    while not await connection.fetchval(waiting):
        await asyncio.sleep(0.01)
    two = [asyncio.create_task(app.refresh(given["refresh_token"], scope=scope)) for scope in scopes]
    # Nothing of theirs waits for the database before they wait for the one ahead.
    for _ in range(100):
        await asyncio.sleep(0)
    await transaction.rollback()
    await connection.close()
    refused(await ahead)
    one, other = await asyncio.gather(*two)

    if scopes[0] == scopes[1]:
        assert (one.status, one.body) == (200, other.body)
        assert not await is_dead(app, one.json())
        return
    [won] = [answer for answer in (one, other) if answer.status == 200]
    refused(other if won is one else one)
    assert await is_dead(app, given, won.json())


async def test_many_at_once_get_each_their_own(home: Home, api: Api) -> None:
    """O88: they share statements, and nothing else."""
    people = [await new_person(at) for at in (api, await home.new_api())]
    apps = [await new_app(home) for _ in range(12)]
    given = [await app.connect(people[number % 2]) for number, app in enumerate(apps)]
    # One was taken back, one is nobody's, one is another app's.
    await apps[3].post("revoke", {"token": given[3]["refresh_token"]})
    given[4] = {"refresh_token": "nis_rt_" + "x" * 43}
    given[5] = given[6]

    answers = await asyncio.gather(*(app.refresh(pair["refresh_token"]) for app, pair in zip(apps, given, strict=True)))

    for number, (app, answer) in enumerate(zip(apps, answers, strict=True)):
        if number in (3, 4, 5):
            refused(answer)
            continue
        pair = answer.json()
        told = (await app.post("introspect", {"token": pair["access_token"]})).json()
        assert (told["active"], told["client_id"]) == (True, app.id)
        assert told["sub"] == str(people[number % 2].staff_id)
        assert (await app.refresh(pair["refresh_token"])).status == 200


async def test_the_grace_ends_with_the_first_use_of_the_successor(person: Person, app: App) -> None:
    """O89"""
    given = await app.connect(person)
    renewed = (await app.refresh(given["refresh_token"])).json()
    again = (await app.refresh(renewed["refresh_token"])).json()

    refused(await app.refresh(given["refresh_token"]))

    assert await is_dead(app, given, renewed, again)


async def test_the_grace_begins_when_the_pair_is_turned_however_long_that_took(
    home: Home, person: Person, app: App
) -> None:
    """O90"""
    given = await app.connect(person)
    connection = await asyncpg.connect(home.dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT FROM oauth_grants WHERE client_id = $1 FOR UPDATE", app.id)

    two = [asyncio.create_task(app.refresh(given["refresh_token"])) for _ in range(2)]
    while await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") < 2:
        await asyncio.sleep(0.01)
    home.clock.advance(seconds=30)
    await transaction.rollback()
    await connection.close()
    first, second = await asyncio.gather(*two)
    home.clock.advance(seconds=9)
    third = await app.refresh(given["refresh_token"])

    assert first.status == 200
    assert first.body == second.body == third.body


async def test_a_token_is_good_for_its_client_and_its_purpose_only(home: Home, person: Person, app: App) -> None:
    """O92"""
    given, other = await app.connect(person), await new_app(home)

    refused(await other.refresh(given["refresh_token"]))
    refused(await app.refresh(given["access_token"]))
    refused(await app.refresh("nis_rt_" + "x" * 43))
    refused(await app.refresh(given["refresh_token"] + "\0"))
    refused(await app.refresh(""), "invalid_request")
    refused(await app.exchange(given["refresh_token"]))
    assert not await app.is_live(given["refresh_token"])
    assert await app.is_live(given["access_token"])
    assert (await app.refresh(given["refresh_token"])).status == 200


async def test_an_access_token_lives_for_an_hour(home: Home, person: Person, app: App) -> None:
    given = await app.connect(person)

    home.clock.advance(minutes=59, seconds=59)
    assert await app.is_live(given["access_token"])
    home.clock.advance(seconds=1)
    assert not await app.is_live(given["access_token"])


async def test_thirty_idle_days_end_a_grant_at_the_instant(home: Home, person: Person) -> None:
    """O93, C1"""
    early, late = await new_app(home), await new_app(home)
    one, other = await early.connect(person), await late.connect(person)

    home.clock.advance(days=29, hours=23, minutes=59, seconds=59)
    renewed = await early.refresh(one["refresh_token"])
    home.clock.advance(seconds=1)

    assert renewed.status == 200
    refused(await late.refresh(other["refresh_token"]))
    assert await is_dead(late, other)


async def test_a_hundred_and_eighty_days_end_a_grant_that_is_used_daily(home: Home, person: Person, app: App) -> None:
    """O93, C1"""
    token = (await app.connect(person))["refresh_token"]
    for _ in range(179):
        home.clock.advance(days=1)
        answer = await app.refresh(token)
        assert answer.status == 200
        token = answer.json()["refresh_token"]

    home.clock.advance(hours=23, minutes=59, seconds=59)
    last = await app.refresh(token)
    home.clock.advance(seconds=1)

    assert (last.status, last.json()["expires_in"]) == (200, 1)
    # Not even the access token outlives its grant.
    assert await is_dead(app, last.json())
    refused(await app.refresh(last.json()["refresh_token"]))


async def _password(home: Home, _api: Api, person: Person) -> None:
    known = await staff.get(home.server.database, person.staff_id)
    await staff.set_password(home.server.database, known, "another long password", now=home.clock.now())


async def _disable(home: Home, _api: Api, person: Person) -> None:
    await staff.set_active(home.server.database, person.staff_id, is_active=False)


async def _leave(_home: Home, api: Api, person: Person) -> None:
    await new_person(api)
    async with api.begin() as tx:
        await staff.leave(tx, person.staff_id)


async def _disconnect(_home: Home, _api: Api, person: Person) -> None:
    shown = await person.browser.get("/staff/apps")
    form = {name: field(shown, name) for name in ("form", "workspace", "grant")}
    assert (await person.browser.post("/staff/apps", form)).status == 303


@pytest.mark.parametrize("happening", [_password, _disable, _leave, _disconnect])
async def test_a_grant_ends_with_what_it_stands_on(
    home: Home, neighbour: Home, api: Api, person: Person, app: App, happening: Any
) -> None:
    """O94: also for a token that this very process gave, and remembers."""
    given = (await app.refresh((await app.connect(person))["refresh_token"])).json()
    home.clock.advance(seconds=1)

    await happening(home, api, person)

    assert await is_dead(app, given)
    for application in (home.application, neighbour.application):
        app.application = application
        refused(await app.refresh(given["refresh_token"]))
    # Nor does it come back to life.
    await staff.set_active(home.server.database, person.staff_id, is_active=True)
    if happening is not _disable:
        refused(await app.refresh(given["refresh_token"]))


async def test_a_client_that_was_used_cannot_be_deleted_under_its_grants(home: Home, person: Person, app: App) -> None:
    """O94"""
    await app.connect(person)
    connection = await asyncpg.connect(home.dsn)

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("DELETE FROM oauth_clients WHERE id = $1", app.id)

    await connection.close()


async def test_a_sandboxs_tokens_live_by_its_clock(home: Home) -> None:
    api = await home.new_api(is_sandbox=True)
    person, app = await new_person(api), await new_app(home)
    home.clock.advance(days=3)

    given = await app.connect(person)
    home.clock.advance(days=3)
    await chores.sweep_apps(home.server)
    told = await app.post("introspect", {"token": given["access_token"]})

    assert told.json()["active"] is True
    assert (await app.refresh(given["refresh_token"])).status == 200


async def test_what_has_ended_is_swept_a_day_later(home: Home, person: Person, app: App) -> None:
    given = await app.connect(person)

    async def count(table: str) -> int:
        connection = await asyncpg.connect(home.dsn)
        row = await connection.fetchval(
            f"SELECT count(*) FROM {table} t JOIN oauth_grants g ON g.id = t.grant_id WHERE g.client_id = $1", app.id
        )
        await connection.close()
        return int(row)

    home.clock.advance(hours=2)
    await chores.sweep_apps(home.server)
    assert (await count("oauth_tokens"), await count("oauth_codes")) == (2, 1)
    home.clock.advance(days=1)
    await chores.sweep_apps(home.server)
    assert (await count("oauth_tokens"), await count("oauth_codes")) == (1, 0)
    assert (await app.refresh(given["refresh_token"])).status == 200


async def test_after_an_end_nothing_lives_however_the_calls_interleaved(neighbour: Home, person: Person) -> None:
    """The goal of section 1: exchange, refresh, replay and revocation at random, by 20 at once."""
    app = await new_app(neighbour)
    chance = random.Random(20)
    for _ in range(INTERLEAVINGS):
        # Pages have a limit of their own.
        neighbour.clock.advance(seconds=10)
        code = await app.allowed(person)
        known = [(await app.exchange(code)).json()["refresh_token"]]

        async def act(known: list[str] = known, code: str = code) -> None:
            kind = chance.choice(("refresh", "refresh", "refresh", "replay", "revoke"))
            if kind == "replay":
                await app.exchange(code)
            elif kind == "revoke":
                await app.post("revoke", {"token": chance.choice(known)})
            else:
                answer = await app.refresh(chance.choice(known))
                if answer.status == 200:
                    known.append(answer.json()["refresh_token"])

        await asyncio.gather(*(act() for _ in range(20)))
        await app.post("revoke", {"token": known[0]})

    connection = await asyncpg.connect(neighbour.dsn)
    left = await connection.fetchval(
        "SELECT count(*) FROM oauth_tokens t JOIN oauth_grants g ON g.id = t.grant_id WHERE client_id = $1", app.id
    )
    grants = await connection.fetchval("SELECT count(*) FROM oauth_grants WHERE client_id = $1", app.id)
    await connection.close()
    assert (left, grants) == (0, INTERLEAVINGS)
    assert oauth.renewing.GRACE.total_seconds() == 10
