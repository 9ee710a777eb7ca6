"""The composition root: the one package that knows everyone.

Four tables say what the house does: DOORS in `application`, by base path; REACTIONS in `ground`, to events, in
the same transaction; JOBS in `work`, after COMMIT; CHORES in `chores`, by the clock.
"""

from hospes.house.ground import prepare
from hospes.house.house import House

__all__ = ["House", "prepare"]
