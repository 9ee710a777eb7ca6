"""A transaction in one workspace, for commands that change what a workspace defines."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hospes.base import money
from hospes.base.db import Actor, Reader, Tx
from hospes.base.errors import Invalid
from hospes.capabilities import staff, workspaces
from hospes.cli.session import settings_for, told, with_house
from hospes.house import House

T = TypeVar("T")

ACTOR = Actor("cli", "Command line")


def instant(text: str | None, option: str) -> datetime | None:
    """What an option says; ends the command with one sentence when it cannot be read."""
    if text is None:
        return None
    with told():
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise Invalid(f"{option} is an instant with its offset, such as 2026-06-20T12:00:00+02:00.")
        return at


def amount(text: str | None, option: str) -> Decimal | None:
    """As `instant`, for an amount of money."""
    if text is None:
        return None
    with told():
        try:
            return money.amount(text, field=option)
        except Invalid as error:
            raise Invalid(f"{option}: {error.message}") from None


def in_workspace(data_dir: Path | None, workspace_id: int, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Do the work at the workspace's present; errors end the command with one sentence."""
    return in_house(data_dir, workspace_id, lambda _house, tx: work(tx))


def at_one_moment(data_dir: Path | None, workspace_id: int, work: Callable[[Reader], Awaitable[T]]) -> T:
    """As `in_workspace`, for reading that has to agree with itself, whatever is committed meanwhile."""

    async def whole(house: House) -> T:
        await workspaces.get(house.database, workspace_id)
        now = await house.instant(workspace_id)
        async with house.database.snapshot(workspace_id, now=now, actor=ACTOR) as reader:
            return await work(reader)

    with told():
        return with_house(settings_for(data_dir), whole)


def in_house(data_dir: Path | None, workspace_id: int, work: Callable[[House, Tx], Awaitable[T]]) -> T:
    """As `in_workspace`, for work that needs the house's secrets or settings too."""

    async def whole(house: House) -> T:
        await workspaces.get(house.database, workspace_id)
        now = await house.instant(workspace_id)
        async with house.database.begin(workspace_id, now=now, actor=ACTOR) as tx:
            return await work(house, tx)

    with told():
        return with_house(settings_for(data_dir), whole)


async def noted(house: House, workspace_id: int, action: str, **facts: Any) -> None:
    """In the workspace's audit log, right after what belongs to the house was done."""
    now = await house.instant(workspace_id)
    async with house.database.begin(workspace_id, now=now, actor=ACTOR) as tx:
        await staff.audit.note(tx, action, **facts)


def day(text: str, option: str) -> date:
    """As `instant`, for a date."""
    with told():
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Invalid(f"{option} is a date, such as 2026-07-14.") from None


def hour(text: str, option: str) -> time:
    """As `instant`, for a time of day."""
    with told():
        try:
            return time.fromisoformat(text)
        except ValueError:
            raise Invalid(f"{option} is a time of day, such as 16:00.") from None
