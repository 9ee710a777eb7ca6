"""Values in queries (S4, A17, A18, A22)."""

from datetime import date
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.web.faults import Fault, Malformed
from hospes.web.values import QueryDecoder
from tests.web.queries import Needed, Page, Sort, fault, faults, guests, needed, page

INTEGER = "Input should be a valid integer, unable to parse string as an integer"
BIG = "Input should be an integer of at most 64 bits"


def test_an_empty_query_is_all_defaults_and_shared() -> None:
    assert page(b"") == Page()
    assert page(b"") is page(b"")


def test_a_query_with_lists_is_not_shared() -> None:
    assert guests(b"").ids is not guests(b"").ids


def test_a_query_becomes_its_struct() -> None:
    query = guests(
        b"limit=200&offset=7&search=alex+%2B+Zo%C3%AB&is_vip=TRUE&sort=old&state=lost"
        b"&type=a&type=b&ids=1&ids=-2&day=2026-06-20&number=-0&unknown=1&unknown=2"
    )

    assert (query.limit, query.offset, query.search, query.is_vip) == (200, 7, "alex + Zoë", True)
    assert (query.sort, query.state, query.type, query.ids) == (Sort.OLD, "lost", ["a", "b"], [1, -2])
    assert (query.day, query.number) == (date(2026, 6, 20), 0)


@pytest.mark.parametrize("query", ["limit=5", "limi%74=5", "&&limit=5&", "limit=%35", "x&limit=005"])
def test_spellings_of_the_same_query(query: str) -> None:
    assert page(query.encode()).limit == 5


@pytest.mark.parametrize(
    ("query", "kind", "msg", "given", "ctx"),
    [
        ("0", "greater_than_equal", "Input should be greater than or equal to 1", "0", {"ge": 1}),
        ("201", "less_than_equal", "Input should be less than or equal to 200", "201", {"le": 200}),
        ("-1", "greater_than_equal", "Input should be greater than or equal to 1", "-1", {"ge": 1}),
        ("1" + "0" * 30, "int_parsing_size", BIG, "1" + "0" * 30, None),
        ("abc", "int_parsing", INTEGER, "abc", None),
        ("", "int_parsing", INTEGER, "", None),
        ("%2B5", "int_parsing", INTEGER, "+5", None),
        ("+5", "int_parsing", INTEGER, " 5", None),
        ("1e2", "int_parsing", INTEGER, "1e2", None),
        ("50.0", "int_parsing", INTEGER, "50.0", None),
        ("1_0", "int_parsing", INTEGER, "1_0", None),
        ("%D9%A1", "int_parsing", INTEGER, "١", None),
        ("%C2%B2", "int_parsing", INTEGER, "²", None),
        ("1&limit=2", "value_error", "This parameter may be given once", ["1", "2"], None),
        ("1&limit=1", "value_error", "This parameter may be given once", ["1", "1"], None),
        ("1&limi%74=1", "value_error", "This parameter may be given once", ["1", "1"], None),
        ("9" * 5000, "int_parsing_size", BIG, "9" * 100, None),
    ],
)
def test_limits_that_are_none_are_refused(query: str, kind: str, msg: str, given: Any, ctx: Any) -> None:
    assert fault(page, f"limit={query}") == Fault(kind, ("query", "limit"), msg, given, ctx)


@pytest.mark.parametrize("offset", ["-1", str(2**63), "1" + "0" * 30])
def test_offsets_that_are_none_are_refused(offset: str) -> None:
    assert fault(page, f"offset={offset}").loc == ("query", "offset")


def test_an_offset_of_63_bits_is_read() -> None:
    assert page(f"offset={2**63 - 1}".encode()).offset == 2**63 - 1


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_integers_without_bounds_have_64_bits(number: int) -> None:
    assert guests(f"number={number}".encode()).number == number
    beyond = number + (1 if number > 0 else -1)
    assert fault(guests, f"number={beyond}").kind == "int_parsing_size"


@pytest.mark.parametrize(
    ("text", "meant"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("FALSE", False), ("0", False)],
)
def test_booleans(text: str, meant: bool) -> None:
    assert guests(f"is_vip={text}".encode()).is_vip is meant


@pytest.mark.parametrize("text", ["", "yes", "on", "t", "2", "01", "%C4%B1", "true+"])
def test_what_is_no_boolean(text: str) -> None:
    refused = fault(guests, f"is_vip={text}")

    assert (refused.kind, refused.loc) == ("bool_parsing", ("query", "is_vip"))


@pytest.mark.parametrize(
    ("query", "kind", "loc", "given"),
    [
        ("search=", "string_too_short", ("query", "search"), ""),
        ("search=" + "x" * 10_000, "string_too_long", ("query", "search"), "x" * 100),
        ("sort=up", "enum", ("query", "sort"), "up"),
        ("state=up", "literal_error", ("query", "state"), "up"),
        ("type=a&type=b&type=c&type=d", "too_long", ("query", "type"), ["a", "b", "c", "d"]),
        ("type=a&type=bbbbbb", "string_too_long", ("query", "type", 1), "bbbbbb"),
        ("ids=1&ids=x", "int_parsing", ("query", "ids"), ["1", "x"]),
    ],
)
def test_other_values_are_held_to_their_bounds(query: str, kind: str, loc: Any, given: Any) -> None:
    refused = fault(guests, query)

    assert (refused.kind, refused.loc, refused.input) == (kind, loc, given)


def test_the_allowed_values_are_named() -> None:
    assert fault(guests, "sort=up").msg == "Input should be 'new' or 'old'"
    assert fault(guests, "state=up").msg == "Input should be 'closed', 'lost' or 'open'"


@pytest.mark.parametrize("search", ["%", "_", "\\", "   ", "a&b=c", "é", "e\u0301", "\u202e", "'; --", "\x7f", "\n"])
def test_searches_are_literal(search: str) -> None:
    assert guests(urlencode({"search": search}).encode()).search == search


@pytest.mark.parametrize("name", ["search", "unknown"])
@pytest.mark.parametrize("broken", ["%", "%2", "%zz", "%u0041", "%ff", "%C0%AF", "%ED%A0%80", "%00", "\x00"])
def test_broken_escapes_bad_utf8_and_nul_are_refused_anywhere(name: str, broken: str) -> None:
    assert fault(guests, f"{name}=a{broken}").loc == ("query", name)
    assert fault(guests, f"{name}{broken}=a").loc[0] == "query"


def test_bytes_that_should_have_been_escaped_are_read_as_utf8_or_refused() -> None:
    assert guests("search=Zoë".encode()).search == "Zoë"
    assert fault(guests, b"search=Zo\xeb").kind == "string_unicode"


def test_all_faults_are_told() -> None:
    told = faults(guests, "limit=0&offset=-1&is_vip=maybe&since=x&search=&sort=up&x=%ff&number=1&number=2")

    assert {fault.loc[1] for fault in told} == {"limit", "offset", "is_vip", "since", "search", "sort", "x", "number"}


def test_no_more_than_20_broken_pairs_are_told() -> None:
    assert len(faults(guests, "&".join(f"{n}=%" for n in range(5000)))) == 20


def test_what_is_required_is_missed_once() -> None:
    assert faults(needed, "") == (
        Fault("missing", ("query", "startDate"), "Field required"),
        Fault("missing", ("query", "endDate"), "Field required"),
    )
    assert fault(needed, "startDate=2026-01-01").loc == ("query", "endDate")
    assert [told.kind for told in faults(needed, "startDate=x")] == ["date_parsing", "missing"]
    assert [told.kind for told in faults(needed, "startDate=%ff&endDate=2026-01-01")] == ["string_unicode"]
    assert needed(b"endDate=2026-01-02&startDate=2026-01-01") == Needed(date(2026, 1, 1), date(2026, 1, 2))


def test_a_rule_of_the_struct_is_told() -> None:
    class Span(msgspec.Struct, frozen=True):
        low: int = 0
        high: int = 0

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    assert fault(QueryDecoder(Span), "low=5") == Fault("value_error", ("query",), "low is above high")


@pytest.mark.parametrize("type_", [float, dict[str, int], list, list[list[int]], int | str, Any, Literal[1, 2]])
def test_a_type_that_text_cannot_be_is_refused_at_once(type_: Any) -> None:
    with pytest.raises(TypeError):
        QueryDecoder(msgspec.defstruct("Wrong", [("x", type_, None)]))


names = st.sampled_from(["limit", "offset", "search", "is_vip", "since", "day", "sort", "type", "ids", "x", "%00", "%"])
texts = st.binary(max_size=5) | st.sampled_from([b"1", b"true", b"2026-06-20T12:00:00Z", b"new", b"%41", b"9" * 30])
queries = st.lists(st.tuples(names.map(str.encode), texts).map(b"=".join), max_size=6).map(b"&".join)


@settings(max_examples=500, deadline=None)
@given(st.binary() | queries)
def test_any_query_is_read_or_refused(query: bytes) -> None:
    for decoder in (guests, needed):
        try:
            decoder(query)
        except Malformed as malformed:
            msgspec.json.encode(malformed.faults)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200),
    st.integers(1, 200),
)
def test_what_was_encoded_comes_back(search: str, limit: int) -> None:
    query = guests(urlencode({"search": search, "limit": limit}).encode())

    assert (query.search, query.limit) == (search, limit)
