"""Campaigns: one thing said to many guests, each at their own moment, and what came of it."""

from hospes.capabilities.campaigns import audiences, exports, links, personal, reports, revenue, rules, touches
from hospes.capabilities.campaigns.audiences import EVERYONE, Audience
from hospes.capabilities.campaigns.authoring import Author
from hospes.capabilities.campaigns.content import Button, Content
from hospes.capabilities.campaigns.launching import Launches
from hospes.capabilities.campaigns.plans import (
    JOB,
    STATES,
    Campaign,
    Plan,
    broadcast,
    cancel,
    count,
    get,
    list_after,
    list_between,
    pause,
    resume,
)
from hospes.capabilities.campaigns.rehearsing import Rehearsal, rehearse
from hospes.capabilities.campaigns.singles import Sending, send_one

__all__ = [
    "EVERYONE",
    "JOB",
    "STATES",
    "Audience",
    "Author",
    "Button",
    "Campaign",
    "Content",
    "Launches",
    "Plan",
    "Rehearsal",
    "Sending",
    "audiences",
    "broadcast",
    "cancel",
    "count",
    "exports",
    "get",
    "links",
    "list_after",
    "list_between",
    "pause",
    "personal",
    "rehearse",
    "reports",
    "resume",
    "revenue",
    "rules",
    "send_one",
    "touches",
]
