"""Campaigns: one thing said to many guests, each at their own moment, and what came of it."""

from hospes.capabilities.campaigns import audiences, links, rules
from hospes.capabilities.campaigns.audiences import EVERYONE, Audience
from hospes.capabilities.campaigns.authoring import Author
from hospes.capabilities.campaigns.content import Button, Content
from hospes.capabilities.campaigns.launching import Launches
from hospes.capabilities.campaigns.plans import (
    JOB,
    Campaign,
    Plan,
    broadcast,
    cancel,
    get,
    list_after,
    list_between,
    pause,
    resume,
)

__all__ = [
    "EVERYONE",
    "JOB",
    "Audience",
    "Author",
    "Button",
    "Campaign",
    "Content",
    "Launches",
    "Plan",
    "audiences",
    "broadcast",
    "cancel",
    "get",
    "links",
    "list_after",
    "list_between",
    "pause",
    "resume",
    "rules",
]
