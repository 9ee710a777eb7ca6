"""Structured logs: one line an event, without personal data or secrets."""

import logging
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


def configure(*, level: str, form: str) -> None:
    """`form` is `json`, `console`, or `auto`: console on a terminal. Logs go to standard error."""
    as_text = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer(_encoded)
    factory: Any = (
        structlog.PrintLoggerFactory(sys.stderr) if as_text else structlog.BytesLoggerFactory(sys.stderr.buffer)
    )
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
