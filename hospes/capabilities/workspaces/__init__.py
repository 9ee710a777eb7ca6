"""Tenants, their plans and their clocks."""

from hospes.capabilities.workspaces.plans import MODULES, PLANS, Plan, plan
from hospes.capabilities.workspaces.tenants import (
    Workspace,
    create,
    find_demo,
    find_sandbox_instant,
    get,
    list_all,
    move_clock,
)

__all__ = [
    "MODULES",
    "PLANS",
    "Plan",
    "Workspace",
    "create",
    "find_demo",
    "find_sandbox_instant",
    "get",
    "list_all",
    "move_clock",
    "plan",
]
