"""`/staff`: who one is here."""

from hospes.capabilities import staff
from hospes.doors.pages.staff import guarding
from hospes.doors.pages.visits import Page, Visit


async def show(visit: Visit) -> Page:
    """Name, workspaces, and the way out."""
    session = await guarding.get_session(visit)
    facts = {
        "name": session.name,
        "email": session.email,
        "memberships": await staff.memberships(visit.services.database, session.staff_id),
        "form": guarding.form_token(visit, session.hash),
    }
    return Page("staff_home.html", facts, guarding.HOUSE)
