"""Whatever comes in, it is read or refused."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.web.decode import BodyDecoder, Malformed
from tests.web.orders import Order, anything, decode, outcome

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)
names = st.sampled_from(["name", "lines", "attributes", "at", "price", "pay", "channel", "location_id", "carts", "x"])
bodies = st.dictionaries(names, documents | st.sampled_from(["NaN", "2026-01-01T00:00:00Z", "direct"]), max_size=5)


def check_it_is_read_or_refused(decoder: BodyDecoder[Any], type_: Any, raw: bytes) -> None:
    try:
        value = decoder(raw)
    except Malformed as malformed:
        msgspec.json.encode(malformed.faults)
        return
    assert type_ is Any or isinstance(value, type_)
    msgspec.json.encode(msgspec.json.decode(raw))


@settings(max_examples=500, deadline=None)
@given(
    st.binary()
    | st.text().map(str.encode)
    | st.lists(
        st.sampled_from(
            [b"{", b"}", b"[", b"]", b'"', b":", b",", b"1", b"e9", b"\\", b"u0000", b"name", b" ", b"\xff"]
        )
    ).map(b"".join)
)
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    check_it_is_read_or_refused(decode, Order, raw)
    check_it_is_read_or_refused(anything, Any, raw)


@settings(max_examples=500, deadline=None)
@given(bodies | documents, st.booleans(), st.data())
def test_any_json_is_read_or_refused_and_so_is_what_is_left_of_it(
    document: Any, as_ascii: bool, data: st.DataObject
) -> None:
    raw = json.dumps(document, ensure_ascii=as_ascii).encode("utf-8", "surrogatepass")
    check_it_is_read_or_refused(decode, Order, raw)
    check_it_is_read_or_refused(anything, Any, raw)

    cut = data.draw(st.integers(0, len(raw)))
    check_it_is_read_or_refused(decode, Order, raw[:cut] + data.draw(st.binary(max_size=3)) + raw[cut + 1 :])


pieces = st.recursive(
    st.sampled_from(["1", '":"', '"\\u003a"', '"a"', "[]", '"\\\\"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: "[" + ",".join(each) + "]")
        | st.lists(
            st.tuples(st.sampled_from(['"a"', '"\\u0061"', '":"', '"b" ', '"\\u003A"', '""']), inner), max_size=3
        ).map(lambda each: "{" + ",".join(f"{name}:{member}" for name, member in each) + "}")
    ),
    max_leaves=8,
)


@settings(max_examples=1000, deadline=None)
@given(pieces)
def test_names_given_twice_are_found_as_another_parser_finds_them(text: str) -> None:
    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = [name for name, _ in pairs]
        twice.extend(name for name in found if found.count(name) > 1)
        return dict(pairs)

    json.loads(text, object_pairs_hook=note)

    assert outcome(anything, text.encode()) == ("refused" if twice else "accepted")
