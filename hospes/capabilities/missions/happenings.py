"""What happens to missions, as the log tells it."""

from hospes.capabilities.events import PropertyEvent


class MissionEvent(PropertyEvent, frozen=True, kw_only=True):
    mission_id: int
    mission_type: str


class MissionCreated(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.created"
    TITLE = "Mission created"


class MissionUpdated(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.updated"
    TITLE = "Mission updated"

    changed: list[str]


class MissionAssigned(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.assigned"
    TITLE = "Mission assigned"

    team_member_id: int


class MissionDeclined(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.declined"
    TITLE = "Mission declined"


class MissionStarted(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.started"
    TITLE = "Mission started"


class MissionCompleted(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.completed"
    TITLE = "Mission completed"


class MissionCancelled(MissionEvent, frozen=True, kw_only=True):
    TYPE = "mission.cancelled"
    TITLE = "Mission cancelled"


TYPES = tuple(
    kind.TYPE
    for kind in (
        MissionCreated,
        MissionUpdated,
        MissionAssigned,
        MissionDeclined,
        MissionStarted,
        MissionCompleted,
        MissionCancelled,
    )
)
