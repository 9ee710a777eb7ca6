"""Prometheus metrics. Labels come from tables, never from input, so their number is bounded.

The processes of one server keep their figures in files of one folder, `PROMETHEUS_MULTIPROC_DIR`,
so whichever of them is asked tells of all.
"""

import os
from functools import lru_cache

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

CONTENT_TYPE = CONTENT_TYPE_LATEST

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("hospes_requests_total", "Requests answered.", ["door", "method", "route", "status"])
SECONDS = Histogram(
    "hospes_request_seconds",
    "Time from a request's arrival to its answer, in seconds.",
    ["door"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
WAITING = Gauge(
    "hospes_webhook_deliveries_waiting", "Webhook deliveries that wait to be sent.", multiprocess_mode="mostrecent"
)
ATTEMPTS = Counter("hospes_webhook_attempts_total", "Webhook requests sent, by how they ended.", ["outcome"])
MESSAGES = Counter("hospes_messages_total", "Messages tried, by channel and how it ended.", ["channel", "outcome"])
RECEIPTS = Counter(
    "hospes_receipts_total", "What providers told of messages, by channel and what it came to.", ["channel", "outcome"]
)
JOB_FAILURES = Counter("hospes_job_failures_total", "Runs of a job or a chore that failed.", ["job"])


def request(door: str, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    known = method if method in _METHODS else "other"
    _labelled(door, known, route, status).inc()
    _timed(door).observe(seconds)


@lru_cache
def _timed(door: str) -> Histogram:
    return SECONDS.labels(door)


_children: dict[tuple[str, str, str, int], Counter] = {}


def _labelled(door: str, method: str, route: str, status: int) -> Counter:
    key = (door, method, route, status)
    child = _children.get(key)
    if child is None:
        child = _children[key] = REQUESTS.labels(door, method, route, str(status))
    return child


def page() -> bytes:
    """All metrics in Prometheus's text form."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)
