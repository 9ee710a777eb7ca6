"""`hospes calendars`: feeds that bookings come from, and the address of our own."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from hospes.base.db import Tx
from hospes.capabilities import calendars, properties, workspaces
from hospes.capabilities.calendars import leaving, publishing, subscriptions
from hospes.cli.session import DataDir, Json, say, settings_for, show, told, with_house
from hospes.cli.working import ACTOR, in_house, in_workspace
from hospes.house import House

app = typer.Typer(no_args_is_help=True, help="Calendars of channels: where bookings come from, and our own.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
PropertyId = Annotated[int, typer.Argument(help="The property.")]
CalendarId = Annotated[int, typer.Argument(help="The calendar.")]
# For a worker of a running server that has taken the poll.
_PATIENCE_SECONDS = 60


@app.command("add")
def add(
    workspace_id: WorkspaceId,
    property_id: PropertyId,
    url: Annotated[str, typer.Argument(help="The feed's address, as the channel shows it.")],
    channel: Annotated[
        str | None, typer.Option(help=f"One of: {', '.join(subscriptions.CHANNELS)}; by the address when left out.")
    ] = None,
    closed_is: Annotated[
        str, typer.Option(help="What a closure is that does not say: stay or block; nothing ignores blocks too.")
    ] = "stay",
    every: Annotated[int, typer.Option(help="Minutes between polls, 5 to 1,440.")] = subscriptions.EVERY_MINUTES,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Poll a channel's feed from now on."""

    async def work(house: House, tx: Tx) -> calendars.Calendar:
        return await subscriptions.create(
            tx,
            house.vault,
            house.destinations,
            property_id=property_id,
            url=url,
            channel=channel,
            closed_is=closed_is,
            every_minutes=every,
        )

    made = in_house(data_dir, workspace_id, work)
    if as_json:
        show(made)
    else:
        print(
            f"Made calendar {made.id} ({made.channel}). To poll it now: hospes calendars poll {workspace_id} {made.id}"
        )


@app.command("list")
def list_all(
    workspace_id: WorkspaceId,
    property_id: Annotated[int | None, typer.Option("--property", help="Of one property.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List calendars, and what is wrong with them."""
    found = in_workspace(data_dir, workspace_id, lambda tx: subscriptions.list_all(tx, property_id))
    _tell(found, as_json=as_json)


@app.command("poll")
def poll(
    workspace_id: WorkspaceId,
    calendar_id: Annotated[int | None, typer.Argument(help="The calendar; all of the workspace when left out.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Poll now, whenever it is due; exits with 1 when something is wrong with a feed."""

    async def work(house: House) -> list[calendars.Calendar]:
        # They take long to load, and no other command needs them.
        from hospes.providers.calendar_feeds import CalendarFeeds  # noqa: PLC0415
        from hospes.providers.outbound import Outbound  # noqa: PLC0415

        await workspaces.get(house.database, workspace_id)
        now = await house.instant(workspace_id)
        async with house.database.begin(workspace_id, now=now, actor=ACTOR) as tx:
            count = await subscriptions.hurry(tx, calendar_id)
        say(f"Polling {count} calendar{'' if count == 1 else 's'}")
        async with Outbound(house.destinations, house.clock) as outbound:
            feeds = CalendarFeeds(outbound)
            job = calendars.CalendarPolls(house.database, house.vault, house.clock, feeds, instant=house.instant)
            await job.run(workspace_id)
        return await _polled(house, workspace_id, calendar_id, now)

    with told():
        found = with_house(settings_for(data_dir), work)
    _tell(found, as_json=as_json)
    raise typer.Exit(1 if any(one.fault for one in found) else 0)


async def _polled(
    house: House, workspace_id: int, calendar_id: int | None, since: datetime
) -> list[calendars.Calendar]:
    """The calendars, once each was polled: a worker beside us may have taken some."""
    reader = house.database.reader(workspace_id, now=since, actor=ACTOR)
    for _ in range(_PATIENCE_SECONDS * 10):
        found = await subscriptions.list_all(reader)
        found = [one for one in found if one.is_active and calendar_id in (None, one.id)]
        if all(one.polled_at is not None and one.polled_at >= since for one in found):
            break
        await asyncio.sleep(0.1)
    return found


@app.command("remove")
def remove(
    workspace_id: WorkspaceId,
    calendar_id: CalendarId,
    cancel_stays: Annotated[
        bool, typer.Option("--cancel-stays", help="Cancel its coming stays too: it was added by mistake.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Poll a calendar no more. Its blocks end, its stays stay."""
    blocks, stays = in_workspace(
        data_dir, workspace_id, lambda tx: leaving.remove(tx, calendar_id, cancels_stays=cancel_stays)
    )
    if as_json:
        show({"id": calendar_id, "removed": True, "blocks_ended": blocks, "stays_cancelled": stays})
    else:
        print(f"Removed calendar {calendar_id}: {blocks} blocks ended, {stays} stays cancelled.")


@app.command("address")
def address(
    workspace_id: WorkspaceId,
    property_id: PropertyId,
    reader: Annotated[
        str, typer.Option("--for", help="The channel that polls it: it is not told of its own bookings.")
    ] = publishing.EVERYBODY,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print the address of our own calendar. Whoever has it sees which nights are taken."""
    _show_address(workspace_id, property_id, reader, data_dir=data_dir, as_json=as_json, is_renewed=False)


@app.command("rotate")
def rotate(
    workspace_id: WorkspaceId,
    property_id: PropertyId,
    reader: Annotated[str, typer.Option("--for", help="As for `address`.")] = publishing.EVERYBODY,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make all addresses of a property's calendar new ones, and print one. The old ones stop at once."""
    _show_address(workspace_id, property_id, reader, data_dir=data_dir, as_json=as_json, is_renewed=True)


def _show_address(
    workspace_id: int, property_id: int, reader: str, *, data_dir: DataDir, as_json: bool, is_renewed: bool
) -> None:
    async def work(house: House, tx: Tx) -> str:
        if is_renewed:
            await properties.renew_calendar(tx, property_id)
        unit = await properties.get(tx, property_id)
        return f"{house.settings.public_url}/ical/{publishing.token(house.vault, workspace_id, unit, reader)}.ics"

    url = in_house(data_dir, workspace_id, work)
    if as_json:
        show({"property_id": property_id, "for": reader, "url": url})
    else:
        print(url)


def _tell(found: list[calendars.Calendar], *, as_json: bool) -> None:
    if as_json:
        show(found)
    for one in [] if as_json else found:
        polled = f"polled {one.polled_at:%Y-%m-%d %H:%M}" if one.polled_at else "not polled yet"
        print(f"{one.id}  property {one.property_id}  {one.channel}  {one.host}  {polled}")
        if one.fault:
            print(f"    {one.fault}")
