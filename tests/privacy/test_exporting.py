"""Handing out everything that is known of a guest (cases P1 to P4)."""

import io
import json
import zipfile
from typing import Any

import asyncpg

from hospes.base.db import Actor
from hospes.capabilities import guests, record
from tests.living import ACTOR, Answer, Api, Home, ask
from tests.privacy.planted import Planted

# What names a guest in the schema, whatever it is called. How far a launch has come says nothing of whom it came to.
_NAMING = """
    SELECT DISTINCT c.table_name
      FROM information_schema.columns c
      JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
     WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
       AND (c.column_name LIKE '%guest_id%' OR c.column_name = 'subject_id')
       AND c.column_name <> 'last_guest_id'
       AND c.table_name !~ '^events_(other|[0-9]{4}_[0-9]{2})$'
"""


async def fetch(home: Home, url: str) -> Answer:
    path = url.partition("//")[2].partition("/")[2]
    return await ask(home.application, "GET", f"/{path}", headers=[(b"host", b"testserver")])


async def link(api: Api, guest_id: int) -> str:
    answer = await api.workspace("POST", f"/guests/{guest_id}/export")
    assert answer.status == 201, answer
    url: str = answer.json()["url"]
    return url


def unpacked(body: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.testzip() is None
        content: dict[str, Any] = json.loads(packed.read("guest.json"))
        return content


async def test_every_table_that_names_a_guest_is_in_the_export(dsn: str) -> None:
    """P1: asked of the schema's own catalogue."""
    connection = await asyncpg.connect(dsn)

    naming = {row[0] for row in await connection.fetch(_NAMING)}

    await connection.close()
    assert len(naming) > 25
    assert naming - set(record.exporting.TABLES) == set()


async def test_an_export_holds_all_that_a_guest_left_and_both_halves_of_a_merged_one(
    home: Home, planted: Planted
) -> None:
    """P1, P2"""
    answer = await fetch(home, await link(planted.api, planted.guest["id"]))

    assert (answer.status, answer.headers["content-type"]) == (200, "application/zip")
    text = json.dumps(unpacked(answer.body)["tables"], ensure_ascii=False)
    # Left out: where a phone is pushed to, what phones and receivers of webhooks said, and what went to an
    # address before it was known whose it was.
    missing = [canary for canary in planted.canaries if canary not in text]
    assert len(missing) <= 8
    assert planted.other["name"] in text
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        notes = packed.read("notes.csv").decode().splitlines()
        assert len(notes) == 61
        assert notes[0] == "id,text,author,guest_id,created_at"


async def test_a_link_works_once_within_a_day_and_names_nobody(home: Home, api: Api) -> None:
    """P4"""
    guest = await api.new_guest(name="Anna", email="anna@example.com")
    url, late = await link(api, guest["id"]), await link(api, guest["id"])

    first, second = await fetch(home, url), await fetch(home, url)
    home.clock.advance(days=1)
    over = await fetch(home, late)

    assert (first.status, second.status, over.status) == (200, 404, 404)
    assert "anna" not in url.lower()
    entries = (await api.workspace("GET", "/audit")).json()["items"]
    assert [entry["action"] for entry in entries] == ["guest.exported", "guest.export_offered", "guest.export_offered"]


async def test_nobody_else_and_nobody_erased_is_exported(home: Home, api: Api) -> None:
    """P2"""
    other = await home.new_api()
    theirs, erased = await other.new_guest(email="a@example.com"), await api.new_guest(email="b@example.com")
    url = await link(api, erased["id"])
    await api.workspace("DELETE", f"/guests/{erased['id']}")

    assert (await api.workspace("POST", f"/guests/{theirs['id']}/export")).status == 404
    assert (await api.workspace("POST", f"/guests/{erased['id']}/export")).status == 404
    assert (await fetch(home, url)).status == 404


async def test_an_export_is_of_one_moment_while_others_write(home: Home, api: Api) -> None:
    """P3"""
    guest = await api.new_guest(name="Anna", email="anna@example.com")
    database, now = home.server.database, home.clock.now()

    async with database.snapshot(api.workspace_id, now=now, actor=Actor("test", "Test")) as reader:
        before = await record.export(reader, guest["id"])
        async with database.begin(api.workspace_id, now=now, actor=ACTOR) as tx:
            await guests.update(tx, guest["id"], guests.Changes(name="Bea"), evidence="test")
            await guests.notes.add(tx, guest["id"], "New")
        after = await record.export(reader, guest["id"])

    later = await record.export(api.reader(), guest["id"])
    assert before.packed() == after.packed()
    assert [json.loads(bytes(row))["text"] for row in later.tables["notes"]] == ["New"]


async def test_what_is_exported_makes_the_same_guest_in_a_new_workspace(home: Home, api: Api) -> None:
    """P1: nothing is lost on the way."""
    told = {"name": "Zoë Ünal", "email": "zoe@example.com", "phone": "+33612345678", "is_vip": True}
    guest = await api.new_guest(**told, attributes={"room": "12", "nights": 3, "late": True}, marketing_consent=True)
    other = await home.new_api()

    row = json.loads(bytes((await record.export(api.reader(), guest["id"])).tables["guests"][0]))
    kept = ("name", "email", "phone", "is_vip", "attributes", "marketing_consent")
    made = await other.new_guest(**{field: row[field] for field in kept})

    assert {field: made[field] for field in kept} == {field: guest[field] for field in kept}
