"""`/staff/apps`: what may act for a workspace, and ending that."""

from contextlib import suppress

from hospes.base.db import Actor
from hospes.base.errors import NotFound
from hospes.capabilities import oauth, staff
from hospes.doors.pages.staff import guarding
from hospes.doors.pages.visits import Answer, Page, Redirect, Stopped, Visit
from hospes.web.values import identifier

NOT_MANAGER = "Only an owner or a manager of a workspace can connect apps. Ask one of them."


async def show(visit: Visit) -> Answer:
    """The connected apps of every workspace that the person manages."""
    session = await guarding.get_session(visit)
    managed = await list_managed(visit, session)
    if visit.method == "POST":
        guarding.check_form(visit, session)
        return await _disconnect(visit, session, managed)
    accounts = []
    for one in managed:
        reader = await visit.reader(one.workspace_id)
        accounts.append(
            {
                "id": one.workspace_id,
                "name": one.workspace,
                "apps": await oauth.grants.list_of(reader),
                "partners": await oauth.partners.list_of(reader),
            }
        )
    facts = {
        "accounts": accounts,
        "words": oauth.scopes.SCOPES,
        "form": guarding.form_token(visit, session.hash),
    }
    return Page("staff_apps.html", facts, guarding.HOUSE)


async def list_managed(visit: Visit, session: staff.Session) -> list[staff.Membership]:
    """Where the person decides about apps: as owner or manager."""
    found = await staff.memberships(visit.services.database, session.staff_id)
    return [one for one in found if one.role in ("owner", "manager")]


async def _disconnect(visit: Visit, session: staff.Session, managed: list[staff.Membership]) -> Redirect:
    workspace_id = identifier(visit.form.get("workspace", ""), "workspace")
    is_partner = "partner" in visit.form
    name = "partner" if is_partner else "grant"
    connection_id = identifier(visit.form.get(name, ""), name)
    if workspace_id not in [one.workspace_id for one in managed]:
        raise Stopped(
            guarding.message(
                "You may not do this", "Only an owner or a manager of the workspace disconnects apps.", status=403
            )
        )
    now = await visit.services.instant(workspace_id)
    actor = Actor("staff", session.name, visit.address)
    async with visit.services.database.begin(workspace_id, now=now, actor=actor) as tx:
        # When somebody else was faster, it is gone, as was asked.
        with suppress(NotFound):
            await (oauth.partners if is_partner else oauth.grants).disconnect(tx, connection_id)
    return Redirect("/staff/apps")
