"""Structured logs: one line an event, without personal data or secrets."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

# What an event may say. Anything else is dropped, so that a value cannot slip in by accident.
_ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "door", "request_id", "method", "route", "status", "ms", "error", "reason",
        "where", "workspace", "delivery", "job", "chore", "version", "url", "process", "count",
    }
)  # fmt: skip


def _only_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name in _ALLOWED}


def _encoded(event: Any, **_ignored: Any) -> bytes:
    return msgspec.json.encode(event)


class _Lines:
    """Writes each event to standard error. Where that is a file on a full disk, the line is lost and not the
    request or job that it tells of.
    """

    def __init__(self, *_: Any) -> None:
        self._file = sys.stderr.fileno()
        self._is_torn = False

    def msg(self, line: bytes) -> None:
        try:
            whole = (b"\n" if self._is_torn else b"") + line + b"\n"
            self._is_torn = os.write(self._file, whole) < len(whole)
        except OSError:
            return

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


def configure(*, level: str, form: str) -> None:
    """`form` is `json`, `console`, or `auto`: console on a terminal. Logs go to standard error."""
    as_text = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer(_encoded)
    factory: Any = structlog.PrintLoggerFactory(sys.stderr) if as_text else _Lines
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _only_allowed,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
