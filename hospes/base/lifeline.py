"""A child's end of the lifeline: it learns that the process which started it is gone, however it went.

The parent alone holds the writing end of a pipe and never writes; each child reads from the other
end, whose number it finds in `HOSPES_LIFELINE_FD`.
"""

import os
import signal
import threading
from collections.abc import Callable

VARIABLE = "HOSPES_LIFELINE_FD"
_PATIENCE_SECONDS = 10


def leave(patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """End this process: politely by SIGTERM, and without asking when that has not helped by then."""
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(patience_seconds)
    os._exit(1)


def watch(on_end: Callable[[], None] = leave) -> None:
    """Call `on_end` in a thread of its own once the parent is gone; does nothing without a lifeline."""
    number = os.environ.pop(VARIABLE, None)
    if number is None:
        return
    end = int(number)
    os.set_inheritable(end, False)  # it is ours, not our children's
    threading.Thread(target=_wait, args=(end, on_end), name="lifeline", daemon=True).start()


def _wait(end: int, on_end: Callable[[], None]) -> None:
    try:
        while os.read(end, 1):
            pass
    except OSError:
        return  # not a pipe of ours: better to live on
    on_end()
