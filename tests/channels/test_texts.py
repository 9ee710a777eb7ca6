"""Segments of text messages, by the tables of 3GPP TS 23.038."""

import pytest
from aiosmpplib.codec import GSM7BitCodec
from hypothesis import given
from hypothesis import strategies as st

from hospes.capabilities.messaging.texts import measure


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        # An extension character is an escape and a character.
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        # The pair does not fit into the 153rd place, so the first segment stays one short.
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),
        ("é" * 160, "gsm7", 160, 1),
        # Not in the alphabet: ê, a typographic quotation mark, a small c with cedilla.
        ("ê", "ucs2", 1, 1),
        ("ê" * 70, "ucs2", 70, 1),
        ("ê" * 71, "ucs2", 71, 2),
        ("ê" * 134, "ucs2", 134, 2),
        ("ê" * 135, "ucs2", 135, 3),
        ("ç", "ucs2", 1, 1),
        ("Ç", "gsm7", 1, 1),
        ("It’s", "ucs2", 4, 1),
        # A picture is a surrogate pair, and is not torn apart.
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 36, "ucs2", 72, 2),
        ("a" * 66 + "😀" + "a" * 66, "ucs2", 134, 3),
    ],
)
def test_a_text_is_counted_as_networks_count_it(text: str, encoding: str, units: int, segments: int) -> None:
    found = measure(text)

    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


@given(st.text(st.sampled_from("abc€{}@éê😀\n ’"), max_size=400))
def test_parts_are_the_text_and_none_is_too_long(text: str) -> None:
    found = measure(text)

    assert "".join(found.parts) == text
    for part in found.parts:
        alone = measure(part)
        assert (
            alone.units
            <= ({"gsm7": 160, "ucs2": 70} if found.segments == 1 else {"gsm7": 153, "ucs2": 67})[found.encoding]
        )


def test_the_alphabet_is_the_one_that_another_implementation_knows() -> None:
    every = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000]

    ours = {char for char in every if measure(char).encoding == "gsm7"}

    assert ours == {char for char in every if GSM7BitCodec.is_gsm_text(char)}
    assert len(ours) == 127 + 10
