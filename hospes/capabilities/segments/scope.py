"""What a fragment is written into: parameters, the instant, and how things find their guest.

There are two ways to ask. About some guests, named by their ids, each at an instant of its own: then
everything is looked up by guest. About all of a workspace at once: then what is counted is counted once,
in one pass, and joined. A fragment is the same for both; the scope knows which it is.

Whatever a user wrote becomes a parameter (`value`). Everything else in the text is ours.
"""

from decimal import Decimal
from typing import Any

import msgspec


class Leaf(msgspec.Struct, frozen=True):
    """A condition in SQL. What is not true counts as false, so NULL may stand for false.

    `next_at` is the next instant at which the clock alone could change it, NULL for never; None when
    that is never so, whoever the guest is.
    """

    is_true: str
    next_at: str | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What of a guest is counted: rows of `tables`, whose owner is `owner`, where all of `where` holds.

    `only` narrows what is counted now; without it, rows are still looked at for `next_at`, which says
    of one row when that could change.
    """

    tables: str
    owner: str
    where: tuple[str, ...]
    only: str | None = None
    next_at: str | None = None
    measure: str = "count(*)"


class Counted(msgspec.Struct, frozen=True):
    """A tally's sum, NULL or 0 for nobody, and the next instant at which it changes."""

    sum: str
    next_at: str | None


class Scope:
    """One statement in the making."""

    def __init__(
        self, *, at: str, first: int, zone: str, is_for_all: bool, has_merged: bool, tier_months: int | None
    ) -> None:
        """`at` is the instant in SQL, `first` the number of the first free parameter.

        `has_merged` is whether any guest answers for others; where none does, nobody has to ask.
        """
        self.at = at
        self.is_for_all = is_for_all
        self.tier_months = tier_months
        self.values: list[Any] = []
        self.joins: list[str] = []
        self._first = first
        self._zone = zone
        self._zone_value: str | None = None
        self._has_merged = has_merged

    def value(self, value: Any, type_: str) -> str:
        """A parameter of this type, as it is written in SQL."""
        self.values.append(Decimal(str(value)) if type_ == "numeric" else value)
        return f"${self._first + len(self.values) - 1}::{type_}"

    def beside_guest(self, column: str) -> str:
        """A text column of the log that has an index of its own, which is for asking about everybody.

        Where guests are named it is written so that no index fits: by statistics that are behind, as in
        a month that just began, each guest would be looked for among all that did the same.
        """
        return column if self.is_for_all else f"({column} || '')"

    @property
    def zone(self) -> str:
        """The workspace's time zone, in SQL."""
        if self._zone_value is None:
            self._zone_value = self.value(self._zone, "text")
        return self._zone_value

    def count(self, tally: Tally) -> Counted:
        """Join a tally to the guest."""
        name = f"t{len(self.joins) + 1}"
        self.joins.append(self._of_all(name, tally) if self.is_for_all else self._of_some(name, tally))
        has_next = tally.next_at is not None and not self.is_for_all
        return Counted(f"{name}.n", f"{name}.next_at" if has_next else None)

    def find(self, tally: Tally) -> str | None:
        """Whether anything is counted, without counting; None where that cannot be asked by itself.

        So the planner may choose between looking at every row once and looking one guest up at a time.
        """
        if not self.is_for_all or self._has_merged or tally.measure != "count(*)":
            return None
        where = (*tally.where, *((tally.only,) if tally.only else ()), f"{tally.owner} = g.id")
        return f"EXISTS (SELECT FROM {tally.tables} WHERE {' AND '.join(where)})"

    def _of_all(self, name: str, tally: Tally) -> str:
        where = " AND ".join((*tally.where, tally.only) if tally.only else tally.where)
        owner, tables = tally.owner, tally.tables
        if self._has_merged:
            tables += f" LEFT JOIN merged ON merged.id = {owner}"
            owner = f"coalesce(merged.head, {owner})"
        return (
            f"LEFT JOIN (SELECT {owner} AS guest_id, {tally.measure} AS n"  # noqa: S608 (fragments of ours)
            f" FROM {tables} WHERE {where} GROUP BY 1) {name} ON {name}.guest_id = g.id"
        )

    def _of_some(self, name: str, tally: Tally) -> str:
        measure = f"{tally.measure} FILTER (WHERE {tally.only})" if tally.only else tally.measure
        coming = f", min({tally.next_at}) AS next_at" if tally.next_at else ""
        where = " AND ".join((*tally.where, f"{tally.owner} = ANY (f.ids)"))
        return (
            f"LEFT JOIN LATERAL (SELECT {measure} AS n{coming}"  # noqa: S608 (fragments of ours)
            f" FROM {tally.tables} WHERE {where}) {name} ON true"
        )


def earliest(instants: list[str | None]) -> str | None:
    """The first of these, NULLs left out, in SQL; None where there is none."""
    known = [instant for instant in instants if instant is not None]
    return f"least({', '.join(known)})" if known else None
