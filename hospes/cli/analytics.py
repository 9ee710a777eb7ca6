"""`hospes analytics`: figures, counted again from the log."""

from typing import Annotated, Any

import typer

from hospes.capabilities import analytics, workspaces
from hospes.cli.session import DataDir, Json, say, settings_for, show, told, with_house
from hospes.cli.working import ACTOR

app = typer.Typer(no_args_is_help=True, help="Figures, and the proof that they are right.")


@app.command("verify")
def verify(
    workspace_id: Annotated[int | None, typer.Argument(help="A workspace; all of them when left out.")] = None,
    mend: Annotated[bool, typer.Option("--mend", help="Put right what differs.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Count every figure again from the log and say where it differs from what is kept."""

    async def work(house: Any) -> dict[int, list[analytics.Drift]]:
        chosen = [workspace_id] if workspace_id is not None else []
        known = [workspace.id for workspace in await workspaces.list_all(house.database)]
        found = {}
        for one in chosen or known:
            await workspaces.get(house.database, one)
            say(f"Counting workspace {one}")
            now = await house.instant(one)
            async with house.database.begin(one, now=now, actor=ACTOR) as tx:
                found[one] = await analytics.recount(tx, mend=mend)
        return found

    with told():
        found = with_house(settings_for(data_dir), work)
    drifted = sum(len(drifts) for drifts in found.values())
    if as_json:
        show({str(one): drifts for one, drifts in found.items()})
    else:
        for one, drifts in found.items():
            for drift in drifts[:20]:
                print(f"workspace {one}: {drift}")
        words = "put right" if mend else "differ: run again with --mend"
        print(f"{drifted} figures {words}." if drifted else "Every figure equals what the log says.")
    raise typer.Exit(1 if drifted and not mend else 0)
