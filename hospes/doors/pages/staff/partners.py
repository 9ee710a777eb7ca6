"""`/api/oauth/authorize`: somebody connects a partner app to their workspace, for good. Audience API 7.1.

The answer counts only in the session that saw the question, for the app and the address in it.
"""

from datetime import timedelta
from urllib.parse import parse_qs, quote

from hospes.base.db import Actor
from hospes.base.secrets import same
from hospes.capabilities import oauth, staff
from hospes.capabilities.oauth.partners import PartnerApp, find_app, give_code
from hospes.doors.pages.staff import guarding
from hospes.doors.pages.staff.apps import NOT_MANAGER, list_managed
from hospes.doors.pages.visits import Answer, Page, Redirect, Stopped, Visit

_LIFE = timedelta(minutes=10)
_PURPOSE = "partner consent"
_NAMES = ("app_client_id", "app_redirect_uri", "state")
_LONGEST = 2048


async def show(visit: Visit) -> Answer:
    """The question, and its answer."""
    if visit.method == "POST":
        return await _decide(visit)
    query = visit.request.query_string
    app, state = await _asked(visit, query)
    session = await guarding.find_session(visit)
    if session is None:
        onward = f"{visit.request.path}?{query.decode('ascii')}"
        return Redirect("/staff/sign-in?next=" + quote(onward, safe=""))
    managed = await list_managed(visit, session)
    end = visit.services.clock.now() + _LIFE
    claims = {"s": session.hash.hex(), "a": app.client_id, "t": state, "e": int(end.timestamp())}
    facts = {
        "app": app.name,
        "place": oauth.redirects.place(app.redirect_uri),
        "action": "/api/oauth/authorize",
        "accounts": managed,
        "reason": None if managed else NOT_MANAGER,
        "token": visit.services.vault.sign(claims, _PURPOSE),
        "email": session.email,
    }
    return Page("partner_consent.html", facts, guarding.HOUSE, leads_to=oauth.redirects.origin(app.redirect_uri))


async def _decide(visit: Visit) -> Answer:
    session = await guarding.find_session(visit)
    claims = guarding.signed(visit, visit.form.get("token", ""), _PURPOSE)
    if (
        session is None
        or claims is None
        or not guarding.is_from_here(visit)
        or not same(str(claims["s"]).encode(), session.hash.hex().encode())
    ):
        text = "It was answered already, is too old, or you signed in anew. Go back to the app and start there again."
        return guarding.message("This page can no longer be used", text, status=403)
    app = await _app(visit, str(claims["a"]))
    if visit.form.get("answer") != "allow":
        return _answered(app, error="access_denied", state=claims["t"])
    account = await _chosen(visit, session)
    now = await visit.services.instant(account.workspace_id)
    actor = Actor("staff", session.name, visit.address)
    async with visit.services.database.begin(account.workspace_id, now=now, actor=actor) as tx:
        code = await give_code(tx, app, staff_id=session.staff_id)
        await staff.audit.note(tx, "app.allowed", app=app.name, client_id=app.client_id, staff_id=session.staff_id)
    return _answered(app, code=code, state=claims["t"])


async def _asked(visit: Visit, query: bytes) -> tuple[PartnerApp, str | None]:
    """The app that asks and its state. Raises Stopped: nobody is sent to an address that is not the app's."""
    given = parse_qs(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=20)
    once = {name: values[0] for name, values in given.items() if name in _NAMES and len(values) == 1}
    app = await _app(visit, once.get("app_client_id", ""))
    if once.get("app_redirect_uri") != app.redirect_uri:
        raise Stopped(_unknown())
    state = once.get("state")
    if state is not None and len(state) > _LONGEST:
        raise Stopped(_unknown())
    return app, state


async def _app(visit: Visit, client_id: str) -> PartnerApp:
    is_id = client_id.isascii() and client_id.isprintable()
    app = await find_app(visit.services.database, client_id) if is_id else None
    if app is None:
        raise Stopped(_unknown())
    return app


async def _chosen(visit: Visit, session: staff.Session) -> staff.Membership:
    """Raises Stopped unless the person manages the workspace that was chosen."""
    for one in await list_managed(visit, session):
        if str(one.workspace_id) == visit.form.get("account", ""):
            return one
    raise Stopped(guarding.message("The app was not connected", NOT_MANAGER, status=403))


def _answered(app: PartnerApp, **told: str | None) -> Redirect:
    return Redirect(oauth.redirects.answered(app.redirect_uri, told))


def _unknown() -> Page:
    text = "The app is not registered here, or asks to be answered at an address that is not its own."
    return guarding.message("This link does not work", text, status=400)
