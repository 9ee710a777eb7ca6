"""The captive portal: what a guest fills in, what becomes of it, and what a phone is told."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from tests.living import Answer, Api, Home, ask

MAC = "a4:83:e7:00:00:09"
HISTORY = """
    SELECT is_granted, words, door, evidence FROM consents WHERE workspace_id = $1 ORDER BY id
"""


async def portal(api: Api, **settings: Any) -> str:
    """The path of the workspace's portal, with these settings."""
    answer = await api.workspace("PUT", f"/portals/{api.portal_id}", settings)
    assert answer.status == 200, answer
    return f"/p/{answer.json()['slug']}"


async def browse(home: Home, path: str, form: dict[str, str] | None = None, **query: str) -> Answer:
    headers = [(b"host", b"testserver"), (b"accept-language", query.pop("language", "en").encode())]
    if form is not None:
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
    body = urlencode(form or {}).encode()
    method = "GET" if form is None else "POST"
    return await ask(home.application, method, path, headers=headers, query=urlencode(query).encode(), body=body)


def field(answer: Answer, name: str) -> str:
    found = re.search(rf'<input id="{name}"[^>]*>', answer.body.decode())
    assert found, name
    return found[0]


async def consents(api: Api) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(api.home.dsn)
    rows = await connection.fetch(HISTORY, api.workspace_id)
    await connection.close()
    return [tuple(row) for row in rows]


async def test_a_guest_signs_in_is_found_in_the_crm_and_is_here(home: Home, api: Api) -> None:
    words = {"en": "Send me offers.", "fr": "Envoyez-moi des offres."}
    path = await portal(api, marketing_words=words)

    shown = await browse(home, path, mac=MAC, language="fr")
    done = await browse(
        home, path, {"name": "Ana", "email": "ana@example.com", "marketing": "yes"}, mac=MAC, language="fr"
    )

    assert "Envoyez-moi des offres." in shown.body.decode()
    assert "checked" not in shown.body.decode()
    assert "Vous êtes en ligne" in done.body.decode()
    [guest] = (await api.get("/crm/guests")).json()["items"]
    assert (guest["email"], guest["marketing_consent"], guest["visit_count"]) == ("ana@example.com", True, 1)
    assert await consents(api) == [(True, "Envoyez-moi des offres.", "pages", "portal, not proved")]
    assert (await api.get("/wifi/live-guests")).json()["total"] == 1
    types = {one["type"] for one in (await api.get("/crm/events")).json()["items"]}
    assert {"guest.created", "wifi.signed_in", "visit.started"} <= types


async def test_who_comes_back_is_found_and_an_unproved_address_changes_and_shows_nothing(home: Home, api: Api) -> None:
    path = await portal(api)
    guest = await api.new_guest(name="Ana", email="ana@example.com", phone="+33612345678")

    done = await browse(home, path, {"name": "Mallory", "email": "ANA@example.com"})

    [known] = (await api.get("/crm/guests")).json()["items"]
    assert (known["id"], known["name"], known["phone"]) == (guest["id"], "Ana", "+33612345678")
    assert "You are online" in done.body.decode()
    assert "/w/" not in done.body.decode()


async def test_a_new_guest_is_shown_their_wallet(home: Home, api: Api) -> None:
    path = await portal(api)

    done = await browse(home, path, {"name": "Ana", "email": "ana@example.com"})
    link = re.search(r'href="(/w/[^"]+)"', done.body.decode())

    assert link
    wallet_path, _, query = link[1].partition("?")
    shown = await ask(home.application, "GET", wallet_path, headers=[(b"host", b"testserver")], query=query.encode())
    assert shown.status == 200
    assert "Hello Ana" in shown.body.decode()


@pytest.mark.parametrize(
    ("form", "wrong", "says"),
    [
        ({}, "email", "Please fill this in."),
        ({"email": "no address"}, "email", "This is not an email address."),
        ({"email": "a@b.example", "phone": "abc"}, "phone", "This is not a phone number."),
        ({"email": "a@b.example", "name": "x" * 201}, "name", "This is too long."),
        ({"email": "<script>alert(1)</script>"}, "email", "This is not an email address."),
    ],
)
async def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_stays(
    home: Home, api: Api, form: dict[str, str], wrong: str, says: str
) -> None:
    fields = [{"name": "name"}, {"name": "email", "required": True}, {"name": "phone"}]
    path = await portal(api, fields=fields)

    answer = await browse(home, path, form)

    assert answer.status == 422
    assert 'aria-invalid="true"' in field(answer, wrong)
    assert says in answer.body.decode()
    assert "<script>" not in answer.body.decode()
    assert (await api.get("/crm/guests")).json()["total"] == 0


async def test_terms_have_to_be_accepted_and_their_words_are_shown(home: Home, api: Api) -> None:
    path = await portal(api, terms_text={"en": "Be kind."}, terms_url="https://cafe.example/terms")
    form = {"email": "ana@example.com"}

    without = await browse(home, path, form)
    with_terms = await browse(home, path, form | {"terms": "yes"})

    assert (without.status, with_terms.status) == (422, 200)
    assert "Accept the terms to go online." in without.body.decode()
    assert "Be kind." in without.body.decode()


@pytest.mark.parametrize(
    ("verify", "address", "channel"),
    [("email", {"email": "ana@example.com"}, "email"), ("sms", {"phone": "+33612345678"}, "sms")],
)
async def test_a_code_proves_the_address_before_the_way_is_open(
    home: Home, api: Api, verify: str, address: dict[str, str], channel: str
) -> None:
    [name] = address
    path = await portal(api, fields=[{"name": "name"}, {"name": name, "required": True}], verify=verify)
    form = {"name": "Ana"} | address

    asked = await browse(home, path, form, mac=MAC)
    before = (await api.get("/wifi/live-guests")).json()["total"]
    connection = await asyncpg.connect(home.dsn)
    row = await connection.fetchrow(
        "SELECT channel, address, plain FROM messages WHERE workspace_id = $1", api.workspace_id
    )
    await connection.close()
    code = re.search(r"\d{6}", row["plain"])
    assert code
    wrong = await browse(home, path, form | {"step": "check", "code": str((int(code[0]) + 1) % 1_000_000)}, mac=MAC)
    right = await browse(home, path, form | {"step": "check", "code": code[0]}, mac=MAC)

    assert f"We sent a code to {address[name]}." in asked.body.decode()
    assert (row["channel"], row["address"], before) == (channel, address[name], 0)
    assert (wrong.status, "This code is not right" in wrong.body.decode()) == (422, True)
    assert (right.status, "You are online" in right.body.decode()) == (200, True)
    assert "/w/" in right.body.decode()
    assert (await api.get("/wifi/live-guests")).json()["total"] == 1


async def test_a_proved_address_adds_what_was_not_known(home: Home, api: Api) -> None:
    fields = [{"name": "name"}, {"name": "email", "required": True}, {"name": "phone"}]
    path = await portal(api, fields=fields, verify="email")
    await api.new_guest(name=None, email="ana@example.com")
    await api.new_guest(name="Bo", phone="+33612345678")
    form = {"name": "Ana", "email": "ana@example.com", "phone": "+33612345678"}
    await browse(home, path, form)
    connection = await asyncpg.connect(home.dsn)
    text = await connection.fetchval("SELECT plain FROM messages WHERE workspace_id = $1", api.workspace_id)
    await connection.close()
    found = re.search(r"\d{6}", text)
    assert found

    await browse(home, path, form | {"step": "check", "code": found[0]})

    known = {one["email"]: one for one in (await api.get("/crm/guests")).json()["items"]}
    assert (known["ana@example.com"]["name"], known["ana@example.com"]["phone"]) == ("Ana", None)
    assert known[None]["phone"] == "+33612345678"


async def test_agreeing_once_more_is_kept_with_the_new_words(home: Home, api: Api) -> None:
    path = await portal(api, marketing_words={"en": "First words."})
    form = {"email": "ana@example.com", "marketing": "yes"}
    await browse(home, path, form)
    await portal(api, marketing_words={"en": "Second words."})

    await browse(home, path, form)
    await browse(home, path, {"email": "ana@example.com"})

    assert [words for _, words, _, _ in await consents(api)] == ["First words.", "Second words."]
    assert (await api.get("/crm/guests")).json()["items"][0]["marketing_consent"] is True


async def test_a_phone_learns_whether_it_still_has_to_sign_in(home: Home, api: Api) -> None:
    """RFC 8908 section 5"""
    path = await portal(api, access_minutes=60)
    before = await browse(home, path + "/captive", mac=MAC)
    await browse(home, path, {"email": "ana@example.com"}, mac=MAC)
    after = await browse(home, path + "/captive", mac=MAC)
    home.clock.advance(minutes=60)
    over = await browse(home, path + "/captive", mac=MAC)

    assert before.headers["content-type"] == "application/captive+json"
    assert before.headers["cache-control"] == "private"
    assert before.json() == {
        "captive": True,
        "user-portal-url": f"http://127.0.0.1:8000{path}",
        "can-extend-session": True,
    }
    assert (after.json()["captive"], after.json()["seconds-remaining"]) == (False, 3600)
    assert over.json()["captive"] is True


async def test_who_is_online_is_told_so_and_a_closed_portal_lets_nobody_in(home: Home, api: Api) -> None:
    path = await portal(api)
    await browse(home, path, {"email": "ana@example.com"}, mac=MAC)

    again = await browse(home, path, mac=MAC)
    await portal(api, is_active=False)
    closed = await browse(home, path, {"email": "bo@example.com"})
    nowhere = await browse(home, "/p/nobody-has-this")

    assert "You are online" in again.body.decode()
    assert (closed.status, nowhere.status) == (403, 404)
    assert (await api.get("/crm/guests")).json()["total"] == 1


async def test_two_sign_ins_at_once_make_one_guest(home: Home, api: Api) -> None:
    """D27"""
    path = await portal(api)

    answers = await asyncio.gather(*(browse(home, path, {"name": "Ana", "email": "ana@example.com"}) for _ in range(8)))

    assert {answer.status for answer in answers} == {200}
    assert (await api.get("/crm/guests")).json()["total"] == 1


@pytest.mark.parametrize(
    "refused",
    [
        {"verify": "sms"},
        {"fields": []},
        {"fields": [{"name": "email"}, {"name": "email"}]},
        {"colour": "red"},
        {"redirect_url": "javascript:alert(1)"},
        {"marketing_words": {"xx": "?"}},
        {"access_minutes": 0},
    ],
)
async def test_settings_that_no_guest_could_get_through_are_refused(api: Api, refused: dict[str, Any]) -> None:
    assert (await api.workspace("PUT", f"/portals/{api.portal_id}", refused)).status == 422
