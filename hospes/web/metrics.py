"""Prometheus metrics. Labels come from tables, never from input, so their number is bounded."""

from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("hospes_requests_total", "Requests answered.", ["door", "method", "route", "status"])
SECONDS = Histogram(
    "hospes_request_seconds",
    "Time from a request's arrival to its answer, in seconds.",
    ["door"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
WAITING = Gauge("hospes_webhook_deliveries_waiting", "Webhook deliveries that wait to be sent.")


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
    return generate_latest(REGISTRY)
