"""JSON bodies: what is read and what is refused (S5, S6, A28, A29, A36)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET

from hospes.base.errors import Invalid
from hospes.web.decode import BodyDecoder, Fault, Malformed
from tests.web.orders import Line, anything, decode, fault, outcome


def test_a_body_becomes_its_struct() -> None:
    order = decode(b'{"name":"Alex","lines":[{"sku":"a","count":2}],"partySize":3,"at":"2026-06-20T12:00:00+02:00"}')

    assert (order.name, order.lines, order.party) == ("Alex", [Line("a", 2)], 3)
    assert order.at == datetime(2026, 6, 20, 10, tzinfo=UTC)


def test_unknown_members_are_passed_over_and_absent_ones_are_unset() -> None:
    order = decode(b'{"name":"Alex","id":7,"balance":{"points":[1,2]}}')

    assert order.location_id is UNSET
    assert order.note is None


def test_null_is_a_value_only_where_the_type_has_it() -> None:
    assert decode(b'{"name":"Alex","note":null}').note is None
    assert fault(decode, b'{"name":"Alex","location_id":null}').kind == "int_type"


def test_a_malformed_body_is_one_of_the_houses_errors() -> None:
    assert issubclass(Malformed, Invalid)


@pytest.mark.parametrize("text", ["Zoë 🏨", "a\u0301", "\u202eabc", "\u200b", "\u2028", "\ufffe", "\\", '"', "\x7f"])
def test_every_other_character_comes_through_unchanged(text: str) -> None:
    for as_ascii in (True, False):
        raw = json.dumps({"name": text}, ensure_ascii=as_ascii).encode()
        assert decode(raw).name == text


# Not JSON


@pytest.mark.parametrize(
    ("raw", "place", "reason"),
    [
        (b" ", 1, "Input data was truncated"),
        (b'{"name":', 8, "Input data was truncated"),
        (b'{"name":}', 8, "invalid character"),
        (b'{"name":"a"} x', 14, "trailing characters"),
        (b'{"name":"a",}', 12, "trailing comma in object"),
        (b'{"name":NaN}', 8, "invalid character"),
        (b'{"name":Infinity}', 8, "invalid character"),
        (b'{"name":"\x00"}', 9, "invalid character"),
        (b"\xef\xbb\xbf{}", 0, "invalid character"),
        ("{}".encode("utf-16"), 0, "invalid character"),
        (b'{"name":"ab\xff"}', 11, "invalid UTF-8"),
        (b'{"name":"a","x":"\xff"}', 17, "invalid UTF-8"),
        (b'{"name":"a","x":"\xc0\xaf"}', 17, "invalid UTF-8"),
        (b'{"name":"a","x":"\xed\xa0\x80"}', 17, "invalid UTF-8"),
        (b'{"name":"\\ud800"}       ', 15, "unexpected end of escaped utf-16 surrogate pair"),
        (b'{"\\udc00":1}          ', 8, "invalid utf-16 surrogate pair"),
    ],
)
def test_what_is_not_json_is_told_by_the_byte(raw: bytes, place: int, reason: str) -> None:
    assert fault(decode, raw) == Fault("json_invalid", ("body", place), "JSON decode error", {}, {"error": reason})


def test_a_missing_body_is_told_as_such() -> None:
    assert fault(decode, b"") == Fault("missing", ("body",), "Field required")


# Rules that hold everywhere, in members we know and in others


@pytest.mark.parametrize(
    ("raw", "loc"),
    [
        (b'{"name":"a\\u0000b"}', ("body", "name")),
        (b'{"name":"a","tags":["x","\\u0000"]}', ("body", "tags", 1)),
        (b'{"name":"a","unknown":{"x":"\\u0000"}}', ("body", "unknown", "x")),
        (b'{"name":"a","x\\u0000":1}', ("body", "x\0", "[key]")),
    ],
)
def test_nul_is_refused_in_strings_and_names(raw: bytes, loc: tuple[str | int, ...]) -> None:
    refused = fault(decode, raw)

    assert (refused.kind, refused.loc, refused.msg) == ("value_error", loc, "NUL characters are not allowed")


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert decode(rb'{"name":"\\u0000"}').name == r"\u0000"


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), -0, 0])
def test_integers_of_64_bits_are_read(number: int) -> None:
    assert decode(json.dumps({"name": "a", "location_id": number}).encode()).location_id == number


@pytest.mark.parametrize("number", [2**63, 2**64, 2**70, -(2**63) - 1, -(2**70)])
@pytest.mark.parametrize("member", ["location_id", "unknown", "extra"])
def test_integers_beyond_64_bits_are_refused(number: int, member: str) -> None:
    value: Any = {"deep": [number]} if member == "extra" else number

    refused = fault(decode, json.dumps({"name": "a", member: value}))

    bound = {"le": 2**63 - 1} if number > 0 else {"ge": -(2**63)}
    assert (refused.kind, refused.ctx) == ("less_than_equal" if number > 0 else "greater_than_equal", bound)
    assert refused.loc == ("body", member, *(["deep", 0] if member == "extra" else []))
    assert refused.input == "(integer beyond 64 bits)"


@pytest.mark.parametrize("text", ["1.0", "1e2", "true", '"1"', "1.5", "1e30"])
def test_nothing_but_an_integer_is_an_integer(text: str) -> None:
    assert fault(decode, f'{{"name":"a","location_id":{text}}}').kind in {"int_type", "int_from_float"}


@pytest.mark.parametrize("text", ["1e400", "-1e400", "9" * 5000, "1e200000"])
@pytest.mark.parametrize("member", ["location_id", "rate", "unknown"])
def test_numbers_that_no_type_holds_are_refused(text: str, member: str) -> None:
    refused = fault(decode, f'{{"name":"a","{member}":{text}}}')

    assert refused.kind in {"finite_number", "int_parsing_size"}
    # msgspec does not name what it found as `Any`.
    assert refused.loc == ("body", member) if member != "unknown" else ("body",)


@pytest.mark.parametrize(
    "raw",
    [
        '{"name":"a","name":"b"}',
        '{"name":"a","name":"a"}',
        '{"name":"a","unknown":{"x":1,"y":2,"x":3}}',
        '{"name":"a","lines":[{"sku":"a","sku":"b"}]}',
        r'{"name":"a","n\u0061me":"b"}',
        r'{"name":"a","x":":","x":"\u003a\u003a\u003A"}',
        '{"name":"a","x" : 1, "x"\n:\t2}',
        '{"name":"a","p":["p"],":n":1,"q":["p"],":n":2}',
        '{"name":"a","":1,"":2}',
        r'{"name":"a","\"":1,"\"":2}',
        '{"name":"a","x":{"x":1},"x":{}}',
    ],
)
def test_a_name_given_twice_is_refused(raw: str) -> None:
    refused = fault(decode, raw)

    assert (refused.kind, refused.loc, refused.msg) == ("value_error", ("body",), "Member names must be unique")


@pytest.mark.parametrize(
    "raw",
    [
        '{"name":"a:b","note":"https://x.test:80/"}',
        '{"name":"a","lines":[{"sku":"a"},{"sku":"a"}],"unknown":{"name":{"name":1}}}',
        r'{"name":"\u003a","note":"\"name\": \\"}',
        '{"name":"a","note":"name\\":"}',
        '{"name":"a","Name":"b"}',
    ],
)
def test_the_same_name_elsewhere_is_none_of_it(raw: str) -> None:
    assert outcome(decode, raw.encode()) == "accepted"


@pytest.mark.parametrize("depth", [64, 65, 200, 1000, 100_000])
def test_a_body_is_64_levels_deep_at_most(depth: int) -> None:
    for nested in (b"[" * depth + b"]" * depth, b'{"":' * depth + b"1" + b"}" * depth):
        if depth == 64:
            assert outcome(anything, nested) == "accepted"
        else:
            assert fault(anything, nested).ctx == {"error": "nested deeper than 64 levels"}


def test_brackets_inside_strings_are_not_counted() -> None:
    assert outcome(decode, json.dumps({"name": "a", "note": "[{" * 500 + '\\"'}).encode()) == "accepted"
    assert outcome(decode, json.dumps({"name": "a", "note": "," * 5000}).encode()) == "accepted"


def test_a_body_has_1000_members_at_most() -> None:
    assert outcome(anything, json.dumps([0] * 1000).encode()) == "accepted"
    assert fault(anything, json.dumps([0] * 1001)).kind == "too_long"
    assert fault(anything, json.dumps({str(n): n for n in range(1001)})).ctx == {"max_length": 1000}
    assert fault(anything, json.dumps([[0] * 500, [0] * 500])).loc == ("body",)


def test_a_decoder_can_be_given_other_limits() -> None:
    wide = BodyDecoder(Any, max_depth=2, max_members=5000)

    assert outcome(wide, json.dumps([0] * 5000).encode()) == "accepted"
    assert outcome(wide, b"[[[1]]]") == "refused"
    deep = BodyDecoder(Any, max_depth=10_000)
    assert outcome(deep, b"[" * 9000 + b"]" * 9000) == "refused"
