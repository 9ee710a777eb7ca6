"""The house's mark as PNG, drawn point by point: passes need pictures, and no file of them is kept."""

import math
import struct
import zlib
from functools import lru_cache

Point = tuple[float, float]

# The mark in a square of 32: a doorway, as in the favicon.
_SIDE = 32.0
_HALF_STROKE = 1.7
_POSTS: tuple[tuple[Point, Point], ...] = (((9, 8), (9, 24)), ((23, 17), (23, 24)))
_ARCH_CENTRE, _ARCH_RADIUS = (16.0, 17.0), 7.0
_WHITE = (255, 255, 255)


@lru_cache(maxsize=32)
def icon(side: int, colour: str) -> bytes:
    """The mark in white on a full square of `#rrggbb`, `side` pixels wide. PNG specification, RFC 2083."""
    back = rgb(colour)
    return _png(side, [_row(side, y, back, is_solid=True) for y in range(side)])


@lru_cache(maxsize=32)
def logo(side: int) -> bytes:
    """The mark in white on nothing."""
    return _png(side, [_row(side, y, _WHITE, is_solid=False) for y in range(side)])


def rgb(colour: str) -> tuple[int, int, int]:
    """The three channels of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _row(side: int, y: int, back: tuple[int, int, int], *, is_solid: bool) -> bytes:
    row = bytearray(b"\0")  # no filter
    for x in range(side):
        share = _inked(side, x, y)
        mixed = [round(white * share + under * (1 - share)) for white, under in zip(_WHITE, back, strict=True)]
        row += bytes((*mixed, 255 if is_solid else round(255 * share)))
    return bytes(row)


def _inked(side: int, x: int, y: int) -> float:
    """How much of a pixel the mark covers, 0 to 1."""
    scale = _SIDE / side
    at = ((x + 0.5) * scale, (y + 0.5) * scale)
    distance = min(_to_arch(at), *(_to_line(at, *post) for post in _POSTS))
    return min(1.0, max(0.0, (_HALF_STROKE - distance) / scale + 0.5))


def _to_line(at: Point, start: Point, end: Point) -> float:
    along = (end[1] - start[1]) or 1.0
    share = min(1.0, max(0.0, (at[1] - start[1]) / along))
    return math.dist(at, (start[0], start[1] + share * along))


def _to_arch(at: Point) -> float:
    if at[1] <= _ARCH_CENTRE[1]:
        return abs(math.dist(at, _ARCH_CENTRE) - _ARCH_RADIUS)
    ends = ((_ARCH_CENTRE[0] + side * _ARCH_RADIUS, _ARCH_CENTRE[1]) for side in (-1, 1))
    return min(math.dist(at, end) for end in ends)


def _png(side: int, rows: list[bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
