"""Bad input gets the contract's error and changes nothing."""

import json
from typing import Any

import pytest

from hospes.doors import guest_api
from tests.living import BASE, Answer, Api, Home, ask

GOOD = {"name": "Anna"}


async def unchanged(api: Api) -> bool:
    return bool(
        (await api.get("/crm/guests")).json()["total"] == 0 and (await api.get("/crm/events")).json()["total"] == 0
    )


def kinds(answer: Answer) -> list[str]:
    return [fault["type"] for fault in answer.json()["detail"]]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"{", "json_invalid"),
        (b"", "missing"),
        (b"null", "model_attributes_type"),
        (b"[]", "model_attributes_type"),
        (b'"text"', "model_attributes_type"),
        (b"\xef\xbb\xbf{}", "json_invalid"),
        (b'{"location_id": 1, "name": "\xff"}', "json_invalid"),
        (b'{"location_id": 1, "name": "a\\u0000b"}', "value_error"),
        (b'{"location_id": 1, "name": "a\x00b"}', "json_invalid"),
        (b'{"location_id": 1, "name": "\\ud800"}', "json_invalid"),
        (b'{"location_id": NaN}', "json_invalid"),
        (b'{"location_id": 1e400}', "finite_number"),
        (b'{"location_id": 99999999999999999999999999}', None),
        (b'{"location_id": 9223372036854775808}', None),
        (b'{"location_id": "1"}', "int_type"),
        (b'{"location_id": true}', "int_type"),
        (b'{"location_id": 0}', "greater_than_equal"),
        (b'{"location_id": 1, "name": ""}', "string_too_short"),
        (b'{"location_id": 1, "name": 5}', "string_type"),
        (b'{"location_id": 1, "marketing_consent": "yes"}', "bool_type"),
        (b'{"location_id": 1, "tags": "vip"}', "list_type"),
        (b'{"location_id": 1, "tags": ["Not A Slug"]}', "string_pattern_mismatch"),
        (b'{"name": "Anna"}', "missing"),
        (b'{"location_id": 1, "name": "A", "name": "B"}', "value_error"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b'{"location_id": ' + b"1" * 10_000 + b"}", None),
        (
            b'{"location_id": 1, "attributes": {' + b",".join(b'"a%d": 1' % n for n in range(2000)) + b"}}",
            "too_long",
        ),
    ],
)
async def test_a_body_that_cannot_be_read_is_422(api: Api, raw: bytes, kind: str | None) -> None:
    answer = await api.ask("POST", "/crm/guests", raw=raw)

    assert answer.status == 422, answer
    assert kind is None or kinds(answer) == [kind]
    assert await unchanged(api)


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "not an address"},
        {"email": "a@x.example, b@y.example"},
        {"email": "a" * 250 + "@example.com"},
        {"phone": "+00"},
        {"phone": "1" * 31},
        {"phone": "call me"},
        {"phone": "+999999999999999"},
        {"tags": ["unknown"]},
        {"attributes": {"deep": {"er": 1}}},
        {"attributes": {"huge": 1e200}},
        {"attributes": {"bad name": 1}},
        {"attributes": {f"a{number}": 1 for number in range(201)}},
        {"attributes": {"k" * 1000: 1}},
        {"attributes": {"text": "x" * 1001}},
    ],
)
async def test_a_value_that_is_not_valid_is_422(api: Api, fields: dict[str, Any]) -> None:
    answer = await api.post("/crm/guests", {"location_id": api.location_id, "name": "Anna", **fields})

    assert answer.status == 422, answer
    assert await unchanged(api)


async def test_a_guest_needs_something_to_be_known_by(api: Api) -> None:
    answer = await api.post("/crm/guests", {"location_id": api.location_id})

    assert answer.status == 422
    assert answer.json()["detail"][0]["msg"] == "Give a name, an email address or a phone number."


async def test_an_unknown_place_is_404(api: Api) -> None:
    nowhere = await api.post("/crm/guests", {"location_id": 987654321, "name": "Anna"})
    no_portal = await api.post("/crm/guests", {"location_id": api.location_id, "portal_id": 987654321, "name": "Anna"})

    assert (nowhere.status, nowhere.json()) == (404, {"detail": "Location not found"})
    assert (no_portal.status, no_portal.json()) == (404, {"detail": "Portal not found"})


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1" * 30, "abc", "", "+5", "1e2", "50.0", "1_0", "١", " 5"])
async def test_a_limit_that_is_no_number_from_1_to_200_is_422(api: Api, limit: str) -> None:
    answer = await api.get("/crm/guests", limit=limit)

    assert answer.status == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "limit"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"limit=1&limit=2", 422),
        (b"offset=-1", 422),
        (b"offset=9223372036854775808", 422),
        (b"offset=9223372036854775807", 200),
        (b"search=%ff", 422),
        (b"search=%00", 422),
        (b"search=%zz", 422),
        (b"search=" + b"a" * 201, 422),
        (b"search=+++", 200),
        (b"is_vip=maybe", 422),
        (b"unknown=1", 200),
    ],
)
async def test_queries_are_read_strictly(home: Home, api: Api, query: bytes, status: int) -> None:
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {api.key}".encode())]

    answer = await ask(home.application, "GET", BASE + "/crm/guests", headers=headers, query=query)

    assert answer.status == status, answer


@pytest.mark.parametrize(
    "text", ["١٢", "1_000", "+5", " 1", "1;x", "-1", "0", "9223372036854775808", "9" * 5000, "1.0"]
)
async def test_an_id_that_is_no_id_is_422(api: Api, text: str) -> None:
    assert (await api.get(f"/crm/guests/{text}")).status == 422


async def test_a_body_over_one_mebibyte_is_413(api: Api) -> None:
    said = await api.ask("POST", "/crm/guests", raw=b"{}", headers={"content-length": str((1 << 20) + 1)})
    chunked = await api.ask("POST", "/crm/guests", raw=[b" " * (1 << 19)] * 3)

    assert (said.status, chunked.status) == (413, 413)
    assert await unchanged(api)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
        ";;;",
        "application/json; charset=latin-1",
        "application/msgpack",
    ],
)
async def test_a_body_of_another_content_type_is_415(api: Api, kind: str) -> None:
    answer = await api.ask(
        "POST", "/crm/guests", {"location_id": api.location_id, **GOOD}, headers={"content-type": kind}
    )

    assert answer.status == 415
    assert await unchanged(api)


async def test_a_compressed_body_is_415(api: Api) -> None:
    answer = await api.post("/crm/guests", GOOD, headers={"content-encoding": "gzip"})

    assert answer.status == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"]
)
async def test_json_by_any_of_its_names_is_read(api: Api, kind: str) -> None:
    answer = await api.ask(
        "POST", "/crm/guests", {"location_id": api.location_id, **GOOD}, headers={"content-type": kind}
    )

    assert answer.status == 201


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"testserver"), (b"host", b"testserver")],
        [(b"host", b"evil.example")],
        [(b"host", b"a b")],
        [(b"host", b"")],
        [(b"host", b"testserver:99999999")],
    ],
)
async def test_a_missing_doubled_or_foreign_host_is_400(
    home: Home, api: Api, headers: list[tuple[bytes, bytes]]
) -> None:
    key = (b"authorization", f"Bearer {api.key}".encode())

    answer = await ask(home.application, "GET", BASE + "/crm/guests", headers=[*headers, key])

    assert answer.status == 400
    assert "Host" in answer.json()["detail"] or "host" in answer.json()["detail"]


@pytest.mark.parametrize("name", [b"authorization", b"idempotency-key", b"content-type", b"x-request-id"])
async def test_a_security_header_sent_twice_is_400(home: Home, api: Api, name: bytes) -> None:
    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {api.key}".encode()), (name, b"a"), (name, b"a")]

    answer = await ask(home.application, "GET", BASE + "/crm/guests", headers=headers)

    assert answer.status == 400


async def test_methods_that_are_not_there_are_405_with_those_that_are(api: Api) -> None:
    answer = await api.ask("TRACE", "/crm/guests")
    overridden = await api.post("/crm/guests", GOOD, headers={"X-HTTP-Method-Override": "DELETE"})

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert overridden.status == 422


@pytest.mark.parametrize(
    "route",
    [route for route in guest_api.ROUTES if route.method == "GET" and "{" not in route.path],
    ids=lambda r: r.path,
)
async def test_head_answers_as_get_does_without_a_body(api: Api, route: Any) -> None:
    got, head = await api.get(route.path), await api.ask("HEAD", route.path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "_",
        "\\",
        "'; DROP TABLE guests; --",
        "<script>alert(1)</script>",
        "\u202eright",
        "é",
        "🦊" * 50,
        "１２",
        "ß",
    ],
)
async def test_odd_text_is_kept_as_it_is_and_found_again(api: Api, text: str) -> None:
    guest = await api.new_guest(name=text)

    assert guest["name"] == text
    assert [found["id"] for found in (await api.get("/crm/guests", search=text)).json()["items"]] == [guest["id"]]


@pytest.mark.parametrize(
    "extra", ["id", "workspace_id", "created_at", "points_balance", "plan", "role", "merged_into", "tenant_id"]
)
async def test_fields_that_are_not_the_callers_are_passed_over(api: Api, extra: str) -> None:
    guest = await api.new_guest(**{extra: 7})

    assert guest["id"] != 7
    assert guest.get("points_balance") == 0
    changed = await api.patch(f"/crm/guests/{guest['id']}", {extra: 7})
    assert changed.json() == guest


async def test_every_answer_is_json_with_an_id_and_is_not_kept_by_caches(api: Api) -> None:
    for answer in (await api.get("/crm/guests"), await api.get("/nowhere"), await api.get("/crm/guests", limit=0)):
        assert answer.headers["x-request-id"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        json.loads(answer.body)


@pytest.mark.parametrize(
    ("given", "echoed"), [("abc-123", True), ("a\r\nb", False), ("x" * 200, False), ("<b>", False)]
)
async def test_a_sane_request_id_comes_back_and_another_is_replaced(api: Api, given: str, echoed: bool) -> None:
    answer = await api.get("/crm/guests", headers={"x-request-id": given})

    assert (answer.headers["x-request-id"] == given) is echoed
