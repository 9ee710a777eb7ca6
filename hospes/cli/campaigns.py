"""`hospes campaigns`: what is planned and running, what came of it, and steering it."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
import typer

from hospes.base.db import Tx
from hospes.capabilities import campaigns, workspaces
from hospes.capabilities.campaigns import reports
from hospes.cli.session import DataDir, Json, settings_for, show, told, with_house
from hospes.cli.working import ACTOR, in_workspace
from hospes.house import House

app = typer.Typer(no_args_is_help=True, help="Campaigns: what is planned, what is sent, and what came of it.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
CampaignId = Annotated[int, typer.Argument(help="The campaign.")]


@app.command("list")
def list_all(
    workspace_id: WorkspaceId,
    state: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(campaigns.STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List campaigns, those that start last first. Sends to one guest are not among them."""
    found = in_workspace(data_dir, workspace_id, lambda tx: campaigns.list_after(tx, None, limit=limit, state=state))
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(_line(one))


@app.command("show")
def show_one(
    workspace_id: WorkspaceId, campaign_id: CampaignId, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Show a campaign and what it says."""
    found = in_workspace(data_dir, workspace_id, lambda tx: campaigns.get(tx, campaign_id))
    if as_json:
        show(found)
        return
    print(_line(found))
    for name, said in found.kept.items():
        print(f"    {name}: {str(said)[:200]}")
    if found.error:
        print(f"    {found.error}")


@app.command("pause")
def pause(workspace_id: WorkspaceId, campaign_id: CampaignId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Take nothing more of a campaign for sending."""
    _move(workspace_id, campaign_id, campaigns.pause, data_dir=data_dir, as_json=as_json)


@app.command("resume")
def resume(workspace_id: WorkspaceId, campaign_id: CampaignId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Go on with a paused campaign where it stood."""
    _move(workspace_id, campaign_id, campaigns.resume, data_dir=data_dir, as_json=as_json)


@app.command("cancel")
def cancel(workspace_id: WorkspaceId, campaign_id: CampaignId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """End a campaign for good: what was not taken for sending never is."""
    _move(workspace_id, campaign_id, campaigns.cancel, data_dir=data_dir, as_json=as_json)


def _move(
    workspace_id: int,
    campaign_id: int,
    move: Callable[[Tx, int], Awaitable[None]],
    *,
    data_dir: DataDir,
    as_json: bool,
) -> None:
    async def work(tx: Tx) -> campaigns.Campaign:
        await move(tx, campaign_id)
        return await campaigns.get(tx, campaign_id)

    found = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(found)
    else:
        print(_line(found))


@app.command("report")
def report(
    workspace_id: WorkspaceId,
    campaign_id: CampaignId,
    days: Annotated[int, typer.Option(min=1, max=365, help="What guests did so many days after.")] = 7,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say what came of a campaign."""
    found = in_workspace(data_dir, workspace_id, lambda tx: reports.report(tx, campaign_id, window_days=days))
    if as_json:
        show(found)
        return
    for name, value in msgspec.structs.asdict(found.figures).items():
        if name != "campaign_id":
            print(_figure(name, value))
        if name == "excluded":
            for cause, excluded in found.excluded.items():
                print(_figure(f"  {cause}", excluded))
    for name, value in msgspec.structs.asdict(found.followed).items():
        print(_figure(f"{name} within {days} days", value))


@app.command("export")
def export(
    workspace_id: WorkspaceId,
    campaign_id: CampaignId,
    form: Annotated[str, typer.Option("--format", help="csv or ndjson.")] = "csv",
    figure: Annotated[str, typer.Option(help="The figure whose messages to write, such as opened.")] = "targeted",
    data_dir: DataDir = None,
) -> None:
    """Write a campaign's messages to standard output."""

    async def work(house: House) -> None:
        await workspaces.get(house.database, workspace_id)
        reader = house.database.reader(workspace_id, now=await house.instant(workspace_id), actor=ACTOR)
        async for page in await campaigns.exports.written(reader, campaign_id, form, figure=figure):
            sys.stdout.write(page)

    with told():
        with_house(settings_for(data_dir), work)


def _figure(name: str, value: int) -> str:
    return f"{name.replace('_', ' '):<28}{value:>10,}"


def _line(one: campaigns.Campaign) -> str:
    where = f"{one.channel} ({one.platform})" if one.platform else one.channel
    return f"{one.id}  {one.state}  {where}  {one.starts_at:%Y-%m-%d %H:%M}  {one.name}"
