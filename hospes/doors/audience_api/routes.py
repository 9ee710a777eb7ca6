"""The Audience API's table, in the contract's order. A route's scope is its rate group. Contract 0.1, 1.7."""

from typing import Any

from hospes.capabilities.tracking.users import Profile
from hospes.doors.audience_api import campaigns, reports, shapes, users
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
_PUSH = {"title": "Hello @{first_name}@", "message": "Your room is ready", "url": "https://hotel.example.com/stay"}
_EMAIL = {"subject": "Hello @{first_name|there}@", "message": "<p>Your room is ready.</p>"}
_SMS = {"message": "Hello @{first_name|there}@, your room is ready."}
_LATER = {"scheduled_at": "2027-01-31T09:00:00+0000"}
_CAMPAIGNS = {"fromDate": "2026-06-01", "toDate": "2026-06-30", "channel": "email", "timeseries": "daily"}
_WHICH = {"userID": "u-77"}


def _pushes(platform: str) -> list[Route]:
    to_one, to_all, to_segment = campaigns.pushes(platform)
    path = f"{BASE}/{platform}"
    return [
        _campaign(f"{path}/send", to_one, shapes.PushToOne, shapes.PushedOut, {**_WHICH, **_PUSH}),
        _campaign(f"{path}/broadcast/all", to_all, shapes.PushToAll, shapes.PushedOut, {**_PUSH, **_LATER}),
        _campaign(
            f"{path}/broadcast/segment", to_segment, shapes.PushToSegment, shapes.PushedOut, {"segment_id": 31, **_PUSH}
        ),
    ]


def _campaign(path: str, handler: Any, body: Any, answer: Any, example: Any) -> Route:
    return _route("POST", path, handler, "campaign", body=body, answer=Envelope[answer], example=example)


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
    _route(
        "DELETE",
        f"{BASE}/user/delete",
        users.delete_user,
        "user",
        body=shapes.UserIn,
        query=shapes.UserQuery,
        answer=Envelope[shapes.DeletedOut],
        example=_WHICH,
    ),
    _route(
        "POST",
        f"{BASE}/user/delete",
        users.post_user_deletion,
        "user",
        body=shapes.UserIn,
        query=shapes.UserQuery,
        answer=Envelope[shapes.DeletedOut],
        example=_WHICH,
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
    *(route for platform in ("web", "android", "ios") for route in _pushes(platform)),
    _campaign(f"{BASE}/email/send", campaigns.send_email, shapes.EmailToOne, shapes.SentOut, {**_WHICH, **_EMAIL}),
    _campaign(
        f"{BASE}/email/broadcast/all",
        campaigns.broadcast_email,
        shapes.EmailToAll,
        shapes.PlannedOut,
        {**_EMAIL, **_LATER},
    ),
    _campaign(
        f"{BASE}/email/broadcast/segment",
        campaigns.broadcast_email_to_segment,
        shapes.EmailToSegment,
        shapes.PlannedOut,
        {"segment_id": 31, **_EMAIL},
    ),
    _campaign(f"{BASE}/sms/send", campaigns.send_sms, shapes.SmsToOne, shapes.SentOut, {**_WHICH, **_SMS}),
    _campaign(
        f"{BASE}/sms/broadcast/all", campaigns.broadcast_sms, shapes.SmsToAll, shapes.PlannedOut, {**_SMS, **_LATER}
    ),
    _campaign(
        f"{BASE}/sms/broadcast/segment",
        campaigns.broadcast_sms_to_segment,
        shapes.SmsToSegment,
        shapes.PlannedOut,
        {"segment_id": 31, **_SMS},
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
    _route(
        "POST",
        f"{REPORTING_BASE}/get_campaign",
        reports.get_campaign,
        "reporting",
        body=shapes.CampaignsIn,
        answer=Envelope[shapes.CampaignsOut],
        example=_CAMPAIGNS,
    ),
]
