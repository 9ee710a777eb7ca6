"""Nights as sets of dates, and the runs that they make. A night is named by the day on which it begins."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import date, timedelta

DAY = timedelta(days=1)


def between(arrival: date, departure: date) -> Iterator[date]:
    """The nights of a stay."""
    for number in range((departure - arrival).days):
        yield arrival + number * DAY


def of(spans: Iterable[tuple[date, date]]) -> set[date]:
    """All nights of these stays, given as arrival and departure."""
    return {night for arrival, departure in spans for night in between(arrival, departure)}


def runs(nights: AbstractSet[date]) -> list[tuple[date, date]]:
    """The longest stays that these nights make, as arrival and departure, in their order."""
    found: list[tuple[date, date]] = []
    for night in sorted(nights):
        if found and found[-1][1] == night:
            found[-1] = (found[-1][0], night + DAY)
        else:
            found.append((night, night + DAY))
    return found
