"""Ids in paths (S4, A32)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.web.faults import Malformed
from hospes.web.values import identifier


@pytest.mark.parametrize("number", [1, 42, 10**18, 2**63 - 1])
def test_an_id_is_its_digits(number: int) -> None:
    assert identifier(str(number), "guest_id") == number


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("١٢", "int_parsing"),
        ("1_000", "int_parsing"),
        ("+5", "int_parsing"),
        (" 1", "int_parsing"),
        ("1\n", "int_parsing"),
        ("1;x", "int_parsing"),
        ("%31", "int_parsing"),
        ("01", "int_parsing"),
        ("1.0", "int_parsing"),
        ("", "int_parsing"),
        ("²", "int_parsing"),
        ("--1", "int_parsing"),
        ("0", "greater_than_equal"),
        ("-1", "greater_than_equal"),
        (str(2**63), "less_than_equal"),
        ("9" * 5000, "less_than_equal"),
    ],
)
def test_anything_else_is_no_id(text: str, kind: str) -> None:
    with pytest.raises(Malformed) as refused:
        identifier(text, "guest_id")

    (told,) = refused.value.faults
    assert (told.kind, told.loc, told.input) == (kind, ("path", "guest_id"), text[:100])


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=25) | st.integers().map(str))
def test_an_id_is_read_or_refused(text: str) -> None:
    try:
        assert str(identifier(text, "x")) == text
    except Malformed:
        assert not (text.isascii() and text.isdigit() and text[0] != "0" and int(text) < 2**63)
