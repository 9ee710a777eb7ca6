"""Names of time zones."""

from functools import lru_cache
from zoneinfo import available_timezones


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    # Looks through folders, which takes ten milliseconds.
    return frozenset(available_timezones())


def is_known(name: str) -> bool:
    """Whether this is a name of the IANA database."""
    return name in _known()


def all_known() -> frozenset[str]:
    """Every name of the IANA database."""
    return _known()
