"""How long a text message is: its alphabet, and the segments that it is sent and paid for in. 3GPP TS 23.038, 23.040.

A text in the GSM alphabet has 160 characters in one segment, 153 in each of several: the header that
joins them takes the rest. Any other character makes it UCS-2: 70 and 67 units of two bytes.
"""

from typing import Final, Literal

import msgspec

# GSM 7 bit default alphabet (TS 23.038, 6.2.1), and what takes an escape before it (6.2.1.1).
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED: Final = frozenset("\f^{}\\[~]|€")

# Alone in one segment, and in each of several.
_ROOM: Final = {"gsm7": (160, 153), "ucs2": (70, 67)}


class Measure(msgspec.Struct, frozen=True):
    """`units` are septets of GSM-7, or UTF-16 code units; each of `parts` is one segment's text."""

    encoding: Literal["gsm7", "ucs2"]
    units: int
    parts: tuple[str, ...]

    @property
    def segments(self) -> int:
        return len(self.parts)


def measure(text: str) -> Measure:
    """The text in segments. No character is torn apart: neither an escape from what follows, nor a surrogate pair."""
    encoding: Literal["gsm7", "ucs2"] = "gsm7" if _BASIC.union(_ESCAPED).issuperset(text) else "ucs2"
    alone, joined = _ROOM[encoding]
    widths = [_width(char, encoding) for char in text]
    units = sum(widths)
    return Measure(encoding, units, (text,) if units <= alone else tuple(_cut(text, widths, joined)))


def _width(char: str, encoding: str) -> int:
    if encoding == "gsm7":
        return 2 if char in _ESCAPED else 1
    return 2 if ord(char) > 0xFFFF else 1


def _cut(text: str, widths: list[int], room: int) -> list[str]:
    parts, start, taken = [], 0, 0
    for at, width in enumerate(widths):
        if taken + width > room:
            parts.append(text[start:at])
            start, taken = at, 0
        taken += width
    return [*parts, text[start:]]
