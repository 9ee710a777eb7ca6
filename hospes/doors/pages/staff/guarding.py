"""Who is signed in, and whether a form was sent from our own page (OWASP, CSRF prevention).

Two walls: the browser says where a request comes from (`Sec-Fetch-Site`, `Origin`), and a form
carries a token that we signed for one cookie. Our pages send no referrer, so browsers without
`Sec-Fetch-Site` say `Origin: null` on our own forms too: then the token alone decides.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from hospes.base import ids
from hospes.base.secrets import Unreadable, digest, same
from hospes.capabilities import staff
from hospes.doors.pages.visits import Brand, Page, Redirect, Stopped, Visit

HOUSE = Brand("Hospes")
_FORM_LIFE = timedelta(hours=12)
_LENGTH = 43
_PURPOSE = "staff form"


async def find_session(visit: Visit) -> staff.Session | None:
    """Who is signed in."""
    secret = cookie(visit, session_cookie(visit))
    if secret is None:
        return None
    return await staff.sessions.find(visit.services.database, secret, now=visit.services.clock.now())


async def get_session(visit: Visit) -> staff.Session:
    """Raises Stopped: nobody is signed in, and the sign-in page comes first."""
    session = await find_session(visit)
    if session is None:
        raise Stopped(Redirect("/staff/sign-in?next=" + visit.request.path))
    return session


def check_form(visit: Visit, session: staff.Session) -> None:
    """Raises Stopped unless the form comes from our own page, in this session."""
    if not is_from_here(visit) or not is_ours(visit, session.hash):
        raise Stopped(message("This form cannot be used", "Go back, load the page anew and try again.", status=403))


def is_from_here(visit: Visit) -> bool:
    """Whether the browser lets this pass as a request of our own page."""
    site = visit.request.header(b"sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = visit.request.header(b"origin")
    if origin is None or origin == "null":
        return True
    # `Host` was checked against the names this server answers to.
    return origin == _origin(visit) or urlsplit(origin).netloc == visit.request.header(b"host")


def form_token(visit: Visit, bound_to: bytes) -> str:
    """What a form carries; `bound_to` names the session, or the cookie that stands in for one."""
    until = visit.services.clock.now() + _FORM_LIFE
    return visit.services.vault.sign({"b": bound_to.hex(), "e": int(until.timestamp())}, _PURPOSE)


def is_ours(visit: Visit, bound_to: bytes) -> bool:
    """Whether the form carries a token of ours for this."""
    claims = signed(visit, visit.form.get("form", ""), _PURPOSE)
    return claims is not None and same(str(claims["b"]).encode(), bound_to.hex().encode())


def signed(visit: Visit, token: str, purpose: str) -> dict[str, Any] | None:
    """What a token says that we signed and whose end, `e`, has not come."""
    try:
        claims = visit.services.vault.signed(token, purpose)
    except Unreadable:
        return None
    return claims if visit.services.clock.now().timestamp() < claims["e"] else None


def cookie(visit: Visit, name: str) -> str | None:
    """A cookie's value. One that was sent twice counts as none: somebody put one of them there."""
    given = [part.strip().partition("=") for part in (visit.request.header(b"cookie") or "").split(";")]
    values = [value for known, _, value in given if known == name and value]
    return values[0] if len(values) == 1 else None


def session_cookie(visit: Visit) -> str:
    return "__Host-hospes" if _is_secure(visit) else "hospes_session"


def set_cookie(visit: Visit, name: str, value: str) -> dict[str, str]:
    """For as long as the browser is open; an empty value takes it away."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if _is_secure(visit):
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    return {"set-cookie": "; ".join(parts)}


def visitor(visit: Visit) -> tuple[bytes, dict[str, str]]:
    """What a form is bound to before anybody is signed in, and the headers that keep it so."""
    name = "__Host-hospes-visitor" if _is_secure(visit) else "hospes_visitor"
    known = cookie(visit, name)
    value = known or ids.token("", _LENGTH)
    return digest(value), {} if known else set_cookie(visit, name, value)


def message(title: str, text: str, *, status: int, link: tuple[str, str] | None = None) -> Page:
    """A page that says one thing. `link` is an address here, and its words."""
    return Page("staff_message.html", {"title": title, "text": text, "link": link}, HOUSE, status=status)


def _is_secure(visit: Visit) -> bool:
    return visit.services.public_url.startswith("https://")


def _origin(visit: Visit) -> str:
    parts = urlsplit(visit.services.public_url)
    return f"{parts.scheme}://{parts.netloc}"
