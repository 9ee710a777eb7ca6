"""Staff: the people who run the place, how they sign in, and what they did."""

from hospes.capabilities.staff import audit, passwords, sessions
from hospes.capabilities.staff.people import (
    ROLES,
    Member,
    Membership,
    Person,
    create,
    find_by_email,
    get,
    join,
    leave,
    list_of,
    memberships,
    owners,
    set_active,
    set_password,
)
from hospes.capabilities.staff.sessions import Session

__all__ = [
    "ROLES",
    "Member",
    "Membership",
    "Person",
    "Session",
    "audit",
    "create",
    "find_by_email",
    "get",
    "join",
    "leave",
    "list_of",
    "memberships",
    "owners",
    "passwords",
    "sessions",
    "set_active",
    "set_password",
]
