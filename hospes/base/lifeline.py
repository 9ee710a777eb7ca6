"""A child's end of two pipes that its parent alone could write to, and never does.

By the lifeline, whose number stands in `HOSPES_LIFELINE_FD`, it learns that the parent is gone, however
it went. By the gate, in `HOSPES_GATE_FD`, that all it needs has been made: the parent closes its end.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

VARIABLE = "HOSPES_LIFELINE_FD"
GATE = "HOSPES_GATE_FD"
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


def wait_at_gate() -> None:
    """Return once the parent has opened the gate, or is gone; at once without a gate."""
    number = os.environ.pop(GATE, None)
    if number is not None:
        _has_closed(int(number))
        with suppress(OSError):
            os.close(int(number))


def _wait(end: int, on_end: Callable[[], None]) -> None:
    if _has_closed(end):
        on_end()


def _has_closed(end: int) -> bool:
    """Waits for it. False for what is no pipe of ours: better to live on."""
    try:
        while os.read(end, 1):
            pass
    except OSError:
        return False
    return True
