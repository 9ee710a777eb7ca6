"""`/public/oauth/authorize`: somebody decides whether an app may act for their workspace. Property API 3.3.

The page carries one signed token with the session, the app's whole request and an end; the answer
counts only in that session and for that request. Signed in or not, an app's fault is told to a
person first: a server that redirects strangers' errors is an open redirector (RFC 9700 section 4.11.2).
"""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from hospes.base.db import Actor
from hospes.base.secrets import same
from hospes.capabilities import oauth, properties, staff
from hospes.doors.pages.staff import guarding
from hospes.doors.pages.staff.apps import NOT_MANAGER, list_managed
from hospes.doors.pages.staff.asking import Asking, read_asking
from hospes.doors.pages.visits import Answer, Page, Redirect, Stopped, Visit

_LIFE = timedelta(minutes=10)
_PURPOSE = "consent"
_LINKS = {"client_uri": "Website", "tos_uri": "Terms", "policy_uri": "Privacy policy"}
_DENIED = "access_denied"
_NOT_ENTITLED = "None of your properties has a plan that includes the API, so no app can be connected."


class _Page(msgspec.Struct, frozen=True):
    """What the page's token says: session, request, end, and the workspaces that were offered."""

    session: str
    query: str
    offered: list[int]


async def ask(visit: Visit) -> Answer:
    """The page with the question."""
    query = visit.request.query_string
    asking = await _asking(visit, query)
    _take(visit, asking.client.id)
    session = await guarding.find_session(visit)
    if session is None:
        onward = f"{visit.request.path}?{query.decode('ascii')}"
        return Redirect("/staff/sign-in?next=" + quote(onward, safe=""))
    asked = _checked(visit, asking)
    offered, reason = await _offered(visit, session)
    token = visit.services.vault.sign(
        {
            "s": session.hash.hex(),
            "q": query.decode("ascii"),
            "w": [one.workspace_id for one in offered],
            "e": int((visit.services.clock.now() + _LIFE).timestamp()),
        },
        _PURPOSE,
    )
    facts = {
        "app": asked.client.name,
        "place": oauth.redirects.place(asked.redirect_uri),
        "links": [(words, asked.client.links[name]) for name, words in _LINKS.items() if name in asked.client.links],
        "scopes": [oauth.scopes.SCOPES[scope] for scope in asked.scopes],
        "action": "/public/oauth/consent",
        "accounts": offered,
        "reason": reason,
        "token": token,
        "email": session.email,
    }
    return Page("consent.html", facts, guarding.HOUSE, leads_to=asking.leads_to)


async def decide(visit: Visit) -> Answer:
    """The answer."""
    session = await guarding.find_session(visit)
    page = _opened(visit, session)
    assert session is not None
    asking = await _asking(visit, page.query.encode("ascii"))
    asked = _checked(visit, asking)
    rules = _rules(visit)
    if visit.form.get("answer") != "allow" or not page.offered:
        await _note_refusal(visit, session, asked)
        refused = oauth.Refused(_DENIED, "The request was refused.")
        return Redirect(oauth.core.error_redirect(asked.redirect_uri, refused, asked.state, rules))
    account = await _chosen(visit, session, page)
    now = await visit.services.instant(account.workspace_id)
    # The same for the same request in the same session: it is answered with one code (case O62).
    consent = f"{page.session}/{page.query}"
    actor = Actor("staff", session.name, visit.address)
    async with visit.services.database.begin(account.workspace_id, now=now, actor=actor) as tx:
        code = await oauth.tokens.give_code(tx, asked, staff_id=session.staff_id, consent=consent)
        if code is not None:
            await staff.audit.note(tx, "app.allowed", **_facts(session, asked))
    return Redirect(oauth.core.success_redirect(asked, code, rules)) if code is not None else _used()


async def _asking(visit: Visit, query: bytes) -> Asking:
    """Raises Stopped."""
    try:
        return await read_asking(visit, query)
    except oauth.PageFault:
        text = "The app is not registered here, or asks to be answered at an address that it did not register."
        raise Stopped(guarding.message("This link does not work", text, status=400)) from None


def _checked(visit: Visit, asking: Asking) -> oauth.core.Asked:
    """Raises Stopped with the way back to the app, which is told its fault."""
    try:
        return oauth.core.check_authorization(asking.client, asking.parameters, _rules(visit))
    except oauth.RedirectFault as fault:
        raise Stopped(Redirect(fault.uri)) from None


async def _offered(visit: Visit, session: staff.Session) -> tuple[list[staff.Membership], str | None]:
    """The workspaces the app can be connected to; when there is none, why."""
    managed = await list_managed(visit, session)
    offered = [one for one in managed if await properties.has_entitled(await visit.reader(one.workspace_id))]
    if offered:
        return offered, None
    return [], _NOT_ENTITLED if managed else NOT_MANAGER


def _opened(visit: Visit, session: staff.Session | None) -> _Page:
    """Raises Stopped unless our own page was answered, in its session and in time (cases O51, O53, O58)."""
    claims: dict[str, Any] | None = guarding.signed(visit, visit.form.get("token", ""), _PURPOSE)
    if (
        session is None
        or claims is None
        or not guarding.is_from_here(visit)
        or not same(str(claims["s"]).encode(), session.hash.hex().encode())
    ):
        raise Stopped(_used())
    return _Page(claims["s"], claims["q"], claims["w"])


async def _chosen(visit: Visit, session: staff.Session, page: _Page) -> staff.Membership:
    """The workspace that was chosen, if it can still be. Raises Stopped (case O63)."""
    offered, reason = await _offered(visit, session)
    given = visit.form.get("account", "")
    for one in offered:
        if str(one.workspace_id) == given and one.workspace_id in page.offered:
            return one
    text = reason or "The app can no longer be connected to this workspace."
    raise Stopped(guarding.message("The app was not connected", text, status=403))


async def _note_refusal(visit: Visit, session: staff.Session, asked: oauth.core.Asked) -> None:
    """In the workspace that was chosen, or the first that the person belongs to."""
    belongs = await staff.memberships(visit.services.database, session.staff_id)
    chosen = [one for one in belongs if str(one.workspace_id) == visit.form.get("account")] or belongs
    for one in chosen[:1]:
        now = await visit.services.instant(one.workspace_id)
        actor = Actor("staff", session.name, visit.address)
        async with visit.services.database.begin(one.workspace_id, now=now, actor=actor) as tx:
            await staff.audit.note(tx, "app.refused", **_facts(session, asked))


def _facts(session: staff.Session, asked: oauth.core.Asked) -> dict[str, Any]:
    return {
        "app": asked.client.name,
        "client_id": asked.client.id,
        "scope": asked.scope,
        "staff_id": session.staff_id,
    }


def _used() -> Page:
    text = "It was answered already, is too old, or you signed in anew. Go back to the app and start there again."
    return guarding.message("This page can no longer be used", text, status=403)


def _take(visit: Visit, client_id: str) -> None:
    """Raises Stopped."""
    wait = visit.services.windows.take(("oauth", "authorize", visit.address, client_id), visit.services.facts["limit"])
    if wait:
        page = guarding.message("Too many requests", f"Wait for {wait} seconds, then load the page anew.", status=429)
        raise Stopped(msgspec.structs.replace(page, headers={"retry-after": str(wait)}))


def _rules(visit: Visit) -> oauth.Rules:
    rules: oauth.Rules = visit.services.facts["rules"]
    return rules
