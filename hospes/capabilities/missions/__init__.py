"""Missions: work on site, by hand or for each stay by itself."""

from hospes.capabilities.missions import happenings, personal, turnover, work
from hospes.capabilities.missions.work import (
    STATUSES,
    TYPES,
    Changes,
    Mission,
    NewMission,
    Wanted,
    change,
    check,
    create,
    get,
    list_page,
)

__all__ = [
    "STATUSES",
    "TYPES",
    "Changes",
    "Mission",
    "NewMission",
    "Wanted",
    "change",
    "check",
    "create",
    "get",
    "happenings",
    "list_page",
    "personal",
    "turnover",
    "work",
]
