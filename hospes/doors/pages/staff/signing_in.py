"""`/staff/sign-in` and the ways out."""

import re

from hospes.capabilities import staff
from hospes.capabilities.guests import email_identity
from hospes.doors.pages.staff import guarding
from hospes.doors.pages.staff.asking import find_asking
from hospes.doors.pages.visits import Answer, Page, Redirect, Visit

# Attempts a minute: for one person, whoever tries, and from one address, whoever is tried.
_BY_PERSON = 10
_BY_ADDRESS = 30
_DEFAULT = "/staff"
# Our own pages and nothing else: no other host, however it is written (case O61).
_ONWARD = re.compile(
    r"(?:/staff|/staff/apps|/public/oauth/authorize|/api/oauth/authorize)"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?"
)
_WRONG = "The email address or the password is wrong."
_TOO_OLD = "This page was open for too long. Please sign in again."


async def sign_in(visit: Visit) -> Answer:
    """The form, and what it leads to."""
    given = visit.form if visit.method == "POST" else visit.query
    onward = _checked(given.get("next"))
    before = await guarding.find_session(visit)
    if visit.method != "POST":
        return Redirect(onward) if before else await _form(visit, onward)
    if not guarding.is_from_here(visit) or not guarding.is_ours(visit, guarding.visitor(visit)[0]):
        return await _form(visit, onward, wrong=_TOO_OLD, status=403)
    services, email = visit.services, visit.form.get("email", "").strip()
    wait = services.windows.take(("sign-in-from", visit.address), _BY_ADDRESS) or services.windows.take(
        ("sign-in", email_identity(email[:320])), _BY_PERSON
    )
    if wait:
        return _too_often(wait)
    secret = await staff.sessions.sign_in(
        services.database,
        email=email,
        password=visit.form.get("password", ""),
        now=services.clock.now(),
        address=visit.address,
        browser="".join(char for char in visit.request.header(b"user-agent") or "" if char.isprintable()),
    )
    if secret is None:
        return await _form(visit, onward, email=email, wrong=_WRONG, status=422)
    if before is not None:
        await staff.sessions.sign_out(services.database, before)
    return Redirect(onward, guarding.set_cookie(visit, guarding.session_cookie(visit), secret))


async def sign_out(visit: Visit) -> Answer:
    """Ends this session."""
    session = await guarding.get_session(visit)
    guarding.check_form(visit, session)
    await staff.sessions.sign_out(visit.services.database, session)
    return _out(visit)


async def sign_out_everywhere(visit: Visit) -> Answer:
    """Ends all sessions of this person."""
    session = await guarding.get_session(visit)
    guarding.check_form(visit, session)
    await staff.sessions.sign_out_everywhere(visit.services.database, session.staff_id)
    return _out(visit)


def _out(visit: Visit) -> Redirect:
    return Redirect("/staff/sign-in", guarding.set_cookie(visit, guarding.session_cookie(visit), ""))


def _checked(asked: str | None) -> str:
    return asked if asked and _ONWARD.fullmatch(asked) else _DEFAULT


async def _form(visit: Visit, onward: str, *, email: str = "", wrong: str | None = None, status: int = 200) -> Page:
    bound_to, headers = guarding.visitor(visit)
    asking = await find_asking(visit, onward)
    facts = {
        "form": guarding.form_token(visit, bound_to),
        "onward": onward,
        "email": email[:320],
        "wrong": wrong,
        "app": asking.name if asking else None,
    }
    # What an app asked for may be faulty: then signing in leads straight back to it.
    leads_to = asking.leads_to if asking else None
    return Page("staff_sign_in.html", facts, guarding.HOUSE, status=status, headers=headers, leads_to=leads_to)


def _too_often(seconds: int) -> Page:
    text = f"Wait for {seconds} seconds, then try again. If you forgot your password, ask whoever runs this server."
    facts = {"title": "Too many attempts", "text": text, "link": ("/staff/sign-in", "Back to the sign-in page")}
    return Page("staff_message.html", facts, guarding.HOUSE, status=429, headers={"retry-after": str(seconds)})
