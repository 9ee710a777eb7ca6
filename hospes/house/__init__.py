"""The composition root: the one package that knows everyone.

Five tables say what the house does: DOORS in `application`, by base path; REACTIONS in `ground`, to events, in
the same transaction; SEALED there, under the key; JOBS in `work`, after COMMIT; CHORES in `chores`, by the clock.
"""

from hospes.house.ground import SEALED, prepare
from hospes.house.house import House

__all__ = ["SEALED", "House", "prepare"]
