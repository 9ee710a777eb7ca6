"""The public corpus of JSON that parsers disagree on (S2)."""

import msgspec
import pytest

from tests.web.json_corpus import FILES
from tests.web.orders import anything, decode, outcome

# JSON, but against rules of our own: names once, no NUL (S5).
STRICTER = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
    "y_object_escaped_null_in_key.json",
    "y_string_null_escape.json",
}


def test_the_corpus_is_whole() -> None:
    assert [sum(name.startswith(kind) for name in FILES) for kind in ("y_", "n_", "i_")] == [95, 188, 35]


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_corpus_is_answered_as_its_name_says(name: str) -> None:
    got = outcome(anything, FILES[name])

    if name.startswith("n_") or name in STRICTER:
        assert got == "refused"
    elif name.startswith("y_"):
        assert got == "accepted"


@pytest.mark.parametrize("name", FILES)
def test_it_makes_no_difference_whether_a_member_is_known(name: str) -> None:
    # msgspec does not look inside members it skips.
    raw = b'{"name":"Alex","unknown":' + FILES[name] + b"\n}"

    assert outcome(decode, raw) == outcome(anything, raw)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("i_")])
def test_what_is_accepted_can_be_decoded_and_encoded_again(name: str) -> None:
    if outcome(anything, FILES[name]) == "accepted":
        msgspec.json.encode(msgspec.json.decode(FILES[name]))
