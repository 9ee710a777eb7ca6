"""Points that came together. Arithmetic only: which lots a spending draws from."""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class Lot(msgspec.Struct, frozen=True):
    """`points_left` of what came at once; it counts for nothing from `expires_at` on."""

    id: int
    guest_id: int
    points_left: int
    expires_at: datetime | None


class Draw(msgspec.Struct, frozen=True):
    """So many points out of one lot."""

    lot: Lot
    points: int


def oldest_first(lots: Sequence[Lot], points: int) -> list[Draw]:
    """Draws that add up to `points`, from the lots in their order. They must hold enough."""
    draws, open_points = [], points
    for lot in lots:
        if not open_points:
            break
        taken = min(lot.points_left, open_points)
        draws.append(Draw(lot, taken))
        open_points -= taken
    assert not open_points, "the lots hold fewer points"
    return draws
