"""Cases O53 and O57 to O61: signing in, the session, and ways out."""

import statistics
import time
from urllib.parse import quote

import asyncpg
import pytest
from argon2 import PasswordHasher

from hospes.base.secrets import digest
from hospes.base.settings import Settings
from hospes.capabilities import staff
from hospes.capabilities.staff import audit
from hospes.house import House
from tests.conftest import IS_FULL
from tests.living import Answer, Api, Home
from tests.oauth.acting import PASSWORD, Browser, Person, field, new_person, page

TRIES = 2_000 if IS_FULL else 12
# Seconds as a clock on the wall sees them, in a full run; else the work of the processor, which no neighbour disturbs.
TIMER = time.perf_counter if IS_FULL else time.process_time
APART = 1.05 if IS_FULL else 1.2


@pytest.fixture
async def person(api: Api) -> Person:
    return await new_person(api)


async def attempt(browser: Browser, email: str, password: str, onward: str = "/staff", **headers: str) -> Answer:
    shown = await browser.get("/staff/sign-in")
    form = {"form": field(shown, "form"), "next": onward, "email": email, "password": password}
    return await browser.post("/staff/sign-in", form, **headers)


def is_signed_in(answer: Answer) -> bool:
    return answer.status == 200


async def test_somebody_signs_in_and_sees_their_workspaces(person: Person) -> None:
    before = await person.browser.get("/staff")
    entered = await attempt(person.browser, person.email.upper(), PASSWORD)
    after = await person.browser.get("/staff")

    assert before.headers["location"] == "/staff/sign-in?next=/staff"
    assert (entered.status, entered.headers["location"]) == (303, "/staff")
    assert "Olga Berg" in page(after)
    assert "owner" in page(after)


async def test_the_cookie_is_for_this_server_alone(home: Home, person: Person) -> None:
    entered = await attempt(person.browser, person.email, PASSWORD)

    assert entered.headers["set-cookie"].startswith("hospes_session=")
    assert entered.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax")


async def test_behind_tls_the_cookie_is_bound_to_the_host(home: Home, person: Person, settings: Settings) -> None:
    secure = settings.model_copy(update={"public_url": "https://stay.example.com"})
    server = House(secure, home.dsn, home.server.vault, clock=home.clock)
    async with server.serving() as application:
        browser = Browser(application)
        entered = await attempt(browser, person.email, PASSWORD)
        assert is_signed_in(await browser.get("/staff"))

    assert entered.headers["set-cookie"].startswith("__Host-hospes=")
    assert entered.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_a_password_hashed_by_yesterdays_parameters_is_hashed_anew_at_sign_in(home: Home, person: Person) -> None:
    """P32: once, and by nobody who does not know it; whoever was signed in stays so."""
    connection = await asyncpg.connect(home.dsn)

    async def stored() -> str:
        row = await connection.fetchval("SELECT password_hash FROM staff WHERE email = $1", person.email)
        return str(row)

    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await connection.execute("UPDATE staff SET password_hash = $2 WHERE email = $1", person.email, weak)

    wrong = await attempt(Browser(home.application), person.email, "not the password")
    after_wrong = await stored()
    entered = await attempt(person.browser, person.email, PASSWORD)
    anew = await stored()
    again = await attempt(Browser(home.application), person.email, PASSWORD)

    assert (wrong.status, entered.status, again.status) == (422, 303, 303)
    assert after_wrong == weak
    assert anew.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await stored() == anew
    assert is_signed_in(await person.browser.get("/staff"))
    await connection.close()


async def test_a_session_is_new_at_every_sign_in_and_kept_as_a_hash(home: Home, person: Person) -> None:
    """O59"""
    person.browser.cookies["hospes_session"] = "x" * 43
    await attempt(person.browser, person.email, PASSWORD)
    first = person.browser.cookies["hospes_session"]
    stolen = Browser(home.application)
    stolen.cookies["hospes_session"] = first

    await person.browser.get("/staff/sign-in")
    other = Browser(home.application)
    form = field(await other.get("/staff/sign-in"), "form")
    other.cookies["hospes_session"] = first
    again = await other.post("/staff/sign-in", {"form": form, "email": person.email, "password": PASSWORD})

    connection = await asyncpg.connect(home.dsn)
    stored = await connection.fetchval(
        "SELECT array_agg(hash) FROM staff_sessions WHERE staff_id = $1", person.staff_id
    )
    await connection.close()
    assert again.status == 303
    assert first not in ("x" * 43, other.cookies["hospes_session"])
    assert stored == [digest(other.cookies["hospes_session"])]
    assert not is_signed_in(await stolen.get("/staff"))


async def everywhere(home: Home, neighbour: Home, person: Person) -> list[Browser]:
    """Signed in twice at one process, once at another."""
    browsers = [Browser(home.application), Browser(home.application), Browser(neighbour.application)]
    for browser in browsers:
        await attempt(browser, person.email, PASSWORD)
        assert is_signed_in(await browser.get("/staff"))
    return browsers


async def test_a_changed_password_ends_every_session_at_once(home: Home, neighbour: Home, person: Person) -> None:
    """O59"""
    browsers = await everywhere(home, neighbour, person)
    database = home.server.database
    known = await staff.get(database, person.staff_id)

    home.clock.advance(seconds=1)
    await staff.set_password(database, known, "another long password", now=home.clock.now())

    assert not any([is_signed_in(await browser.get("/staff")) for browser in browsers])
    assert (await attempt(browsers[0], person.email, PASSWORD)).status == 422
    assert (await attempt(browsers[0], person.email, "another long password")).status == 303


async def test_signing_out_everywhere_does(home: Home, neighbour: Home, person: Person) -> None:
    """O59"""
    one, other, third = await everywhere(home, neighbour, person)

    answer = await one.post("/staff/sign-out-everywhere", {"form": field(await one.get("/staff"), "form")})

    assert answer.headers["location"] == "/staff/sign-in"
    assert "hospes_session" not in one.cookies
    assert not any([is_signed_in(await browser.get("/staff")) for browser in (one, other, third)])


async def test_signing_out_ends_this_session_alone(home: Home, neighbour: Home, person: Person) -> None:
    one, other, third = await everywhere(home, neighbour, person)
    form, secret = field(await one.get("/staff"), "form"), one.cookies["hospes_session"]

    await one.post("/staff/sign-out", {"form": form})
    one.cookies["hospes_session"] = secret

    assert [is_signed_in(await browser.get("/staff")) for browser in (one, other, third)] == [False, True, True]


async def test_whoever_is_stopped_is_out_at_once(home: Home, neighbour: Home, person: Person) -> None:
    browsers = await everywhere(home, neighbour, person)

    await staff.set_active(home.server.database, person.staff_id, is_active=False)

    assert not any([is_signed_in(await browser.get("/staff")) for browser in browsers])


async def test_a_session_ends_after_twelve_idle_hours_and_after_fourteen_days(home: Home, person: Person) -> None:
    idle, busy = Browser(home.application), Browser(home.application)
    for browser in (idle, busy):
        await attempt(browser, person.email, PASSWORD)

    home.clock.advance(hours=11, minutes=59)
    assert is_signed_in(await busy.get("/staff"))
    home.clock.advance(minutes=1)
    assert not is_signed_in(await idle.get("/staff"))
    for _ in range(13 * 4 + 1):
        home.clock.advance(hours=6)
        assert is_signed_in(await busy.get("/staff"))
    home.clock.advance(hours=6)
    assert not is_signed_in(await busy.get("/staff"))


async def test_a_cookie_sent_twice_counts_as_none(person: Person) -> None:
    await attempt(person.browser, person.email, PASSWORD)
    secret = person.browser.cookies["hospes_session"]

    answer = await person.browser.ask(
        "GET", "/staff", headers={"cookie": f"hospes_session={secret}; hospes_session={secret}"}
    )

    assert answer.status == 303


async def refusals(api: Api, person: Person) -> dict[str, tuple[str, str]]:
    locked = await new_person(api)
    await staff.set_active(api.home.server.database, locked.staff_id, is_active=False)
    return {
        "unknown": ("nobody@example.com", PASSWORD),
        "wrong": (person.email, "wrong horse battery"),
        "locked": (locked.email, PASSWORD),
    }


async def test_unknown_wrong_and_locked_are_told_the_same(api: Api, person: Person) -> None:
    """O60"""
    told = []
    for email, password in (await refusals(api, person)).values():
        browser = Browser(api.home.application)
        answer = await attempt(browser, email, password)
        body = page(answer).replace(email, "…").replace(field(answer, "form"), "…")
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("x-request-id", "content-length", "content-security-policy")
        }
        told.append((answer.status, headers, body))

    assert told[0][0] == 422
    assert "The email address or the password is wrong." in told[0][2]
    assert told[0] == told[1] == told[2]


async def test_unknown_wrong_and_locked_take_the_same_work(api: Api, person: Person) -> None:
    """O60"""
    home = api.home
    took: dict[str, list[float]] = {}
    asked = await refusals(api, person)
    for _ in range(TRIES):
        for kind, (email, password) in asked.items():
            home.clock.advance(minutes=1)
            browser = Browser(home.application)
            form = {"form": field(await browser.get("/staff/sign-in"), "form"), "email": email, "password": password}
            started = TIMER()
            await browser.post("/staff/sign-in", form)
            took.setdefault(kind, []).append(TIMER() - started)

    medians = [statistics.median(one) for one in took.values()]
    assert max(medians) <= APART * min(medians), dict(zip(took, medians, strict=True))


async def test_what_was_tried_stands_in_the_audit_log(api: Api, person: Person) -> None:
    await attempt(person.browser, person.email, "wrong horse battery")
    await attempt(person.browser, person.email, PASSWORD)

    entries = await audit.list_after(api.reader(), None, limit=2)

    assert [entry.action for entry in entries] == ["staff.signed_in", "staff.sign_in_refused"]
    assert entries[0].facts["address"] == person.browser.peer[0]


ELSEWHERE = [
    "https://evil.com",
    "https:evil.com",
    "//evil.com",
    "/\\evil.com",
    "\\\\evil.com",
    "javascript:alert(1)",
    "/staff/../..//evil.com",
    quote("//evil.com", safe=""),
    quote(quote("https://evil.com", safe=""), safe=""),
    "/\t/evil.com",
    "\thttps://evil.com",
    "/staff\r\nLocation: https://evil.com",
    "/staffx",
    "/p/cafe",
    "staff",
    "",
]


@pytest.mark.parametrize("onward", ELSEWHERE)
async def test_signing_in_leads_to_our_own_pages_only(person: Person, onward: str) -> None:
    """O61"""
    shown = await person.browser.get("/staff/sign-in?next=" + quote(onward, safe=""))
    entered = await attempt(person.browser, person.email, PASSWORD, onward)
    here = await person.browser.get("/staff/sign-in?next=" + quote(onward, safe=""))

    assert field(shown, "next") == "/staff"
    assert (entered.headers["location"], here.headers["location"]) == ("/staff", "/staff")


@pytest.mark.parametrize("onward", ["/staff", "/staff/apps", "/public/oauth/authorize?client_id=a&state=%2F%2Fx"])
async def test_signing_in_leads_on(person: Person, onward: str) -> None:
    entered = await attempt(person.browser, person.email, PASSWORD, onward)

    assert entered.headers["location"] == onward


@pytest.mark.parametrize("headers", [{"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}])
async def test_nobody_is_signed_in_from_another_page(person: Person, headers: dict[str, str]) -> None:
    """O53: or an attacker's account would be used unknowingly."""
    answer = await attempt(person.browser, person.email, PASSWORD, **headers)

    assert answer.status == 403
    assert not is_signed_in(await person.browser.get("/staff"))


async def test_a_form_is_good_for_the_browser_it_was_given_to(home: Home, person: Person) -> None:
    """O53"""
    other = Browser(home.application)
    theirs = field(await other.get("/staff/sign-in"), "form")
    await person.browser.get("/staff/sign-in")
    form = {"email": person.email, "password": PASSWORD}

    answers = [
        await person.browser.post("/staff/sign-in", form | {"form": theirs}),
        await person.browser.post("/staff/sign-in", form),
        await Browser(home.application).post("/staff/sign-in", form | {"form": theirs}),
    ]

    assert [answer.status for answer in answers] == [403] * 3
    assert "open for too long" in page(answers[0])


@pytest.mark.parametrize("path", ["/staff/sign-out", "/staff/sign-out-everywhere"])
async def test_nobody_is_signed_out_from_another_page(person: Person, path: str) -> None:
    await person.sign_in()
    form = field(await person.browser.get("/staff"), "form")

    answers = [
        await person.browser.post(path, {"form": form}, sec_fetch_site="cross-site"),
        await person.browser.post(path, {}),
        await person.browser.get(path),
    ]

    assert [answer.status for answer in answers] == [403, 403, 405]
    assert is_signed_in(await person.browser.get("/staff"))


async def test_ten_attempts_a_minute_at_one_person_wherever_they_come_from(home: Home, person: Person) -> None:
    answers = [await attempt(Browser(home.application), person.email, "wrong horse battery") for _ in range(10)]
    eleventh = await attempt(Browser(home.application), person.email.upper(), PASSWORD)
    home.clock.advance(seconds=int(eleventh.headers["retry-after"]))
    later = await attempt(Browser(home.application), person.email, PASSWORD)

    assert {answer.status for answer in answers} == {422}
    assert eleventh.status == 429
    assert "ask whoever runs this server" in page(eleventh)
    assert later.status == 303


async def test_thirty_attempts_a_minute_from_one_address_whoever_is_tried(home: Home, person: Person) -> None:
    browser = Browser(home.application)
    form = {"form": field(await browser.get("/staff/sign-in"), "form"), "password": "wrong horse battery"}

    statuses = [
        (await browser.post("/staff/sign-in", form | {"email": f"nobody{n}@example.com"})).status for n in range(31)
    ]
    elsewhere = await attempt(Browser(home.application), person.email, PASSWORD)

    assert statuses == [422] * 30 + [429]
    assert elsewhere.status == 303


@pytest.mark.parametrize("email", ["", "x" * 4_000, "a\nb@example.com", "é", "💥@example.com", "\ud7ff"])
@pytest.mark.parametrize("password", ["", "x" * 4_000, "é" * 300])
async def test_whatever_is_typed_is_answered(home: Home, email: str, password: str) -> None:
    answer = await attempt(Browser(home.application), email, password)

    assert answer.status == 422


async def test_an_unknown_page_of_staff_says_so_in_english(home: Home) -> None:
    answer = await Browser(home.application).get("/staff/nothing", **{"accept-language": "fr"})

    assert answer.status == 404
    assert "This page is not here" in page(answer)
