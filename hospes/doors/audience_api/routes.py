"""The Audience API's table, in the contract's order. A route's scope is its rate group. Contract 0.1, 1.7."""

from typing import Any

from hospes.capabilities.tracking.users import Profile
from hospes.doors.audience_api import reports, shapes, users
from hospes.doors.audience_api.shapes import Envelope
from hospes.web.routes import Route

BASE = "/api/v1"
REPORTING_BASE = "/api_in/v1"
DOCS = BASE

_ATTRIBUTES = {
    "name": "Asha Rao",
    "email": "asha@example.com",
    "mobile": "+919800000000",
    "email_opt_in": "1",
    "favourite_room": "Lilas",
}
_USERS = {"nv": [{"userID": "u-77", "user_attributes": _ATTRIBUTES}]}
_EVENT = {
    "userID": "u-77",
    "event_name": "Order Placed",
    "ltv": "25",
    "attributes": {"product_name": "Mug", "total_amount": 25},
}
_SIGNUP = {
    "nv": {"userID": "u-78", "event_name": "signup", "user_params": {"name": "Ben Li", "mobile": "+14155550100"}}
}
_SERIES = {
    "fromDate": "2026-06-01",
    "toDate": "2026-06-30",
    "timeseries": "daily",
    "trend_metric": "total_events",
    "event_name": "Order Placed",
    "event_property": [{"key": "Attributes - product_name", "operator": "Is one of", "value": ["Mug", "Cup"]}],
}
_WHICH = {"userID": "u-77"}


def _route(method: str, path: str, handler: Any, group: str, **more: Any) -> Route:
    return Route(
        method=method,
        path=path,
        handler=handler,
        scope=group,
        printed_scope=group,
        group=f"{group.capitalize()} API",
        **more,
    )


ROUTES = [
    _route(
        "POST",
        f"{BASE}/user/create",
        users.create_users,
        "user",
        body=shapes.UsersIn,
        answer=Envelope[shapes.BatchOut],
        example=_USERS,
        most_members=25_000,
    ),
    _route("GET", f"{BASE}/user/userData", users.get_user, "user", query=shapes.UserQuery, answer=Envelope[Profile]),
    _route(
        "POST",
        f"{BASE}/user/userData",
        users.post_user_query,
        "user",
        body=shapes.UserIn,
        query=shapes.UserQuery,
        answer=Envelope[Profile],
        example=_WHICH,
    ),
    _route(
        "POST",
        f"{BASE}/user_event/create",
        users.create_user_event,
        "user",
        body=shapes.Entry,
        answer=Envelope[shapes.RecordedOut],
        example=_SIGNUP,
    ),
    _route(
        "POST",
        f"{BASE}/event/create",
        users.create_events,
        "event",
        body=shapes.EventsIn,
        answer=Envelope[shapes.BatchOut],
        example={"nv": [_EVENT]},
        most_members=50_000,
    ),
    _route(
        "POST",
        f"{REPORTING_BASE}/get_event",
        reports.get_event,
        "reporting",
        body=shapes.SeriesIn,
        answer=Envelope[shapes.SeriesOut],
        example=_SERIES,
    ),
]
