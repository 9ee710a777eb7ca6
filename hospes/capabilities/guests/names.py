"""The parts of a name. The whole one is what every door knows; some doors know a first and a last name too."""

from typing import Any

FIRST, LAST = "first_name", "last_name"


def parts(name: str | None, attributes: dict[str, Any]) -> tuple[str | None, str | None]:
    """First and last name: as they were told, while the whole name still holds them; else by the first blank."""
    if not name:
        return None, None
    first, last = _told(name, attributes.get(FIRST)), _told(name, attributes.get(LAST))
    if first and last:
        return first, last
    if first and (name == first or name.startswith(first + " ")):
        return first, name[len(first) + 1 :] or None
    head, _, rest = name.partition(" ")
    return head, rest or None


def _told(name: str, part: Any) -> str | None:
    return part if isinstance(part, str) and part and f" {part} " in f" {name} " else None
