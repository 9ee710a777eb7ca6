"""`hospes apps`: apps that act for a workspace, and ending that."""

from typing import Annotated

import typer

from hospes.capabilities import oauth
from hospes.cli.session import DataDir, Json, show
from hospes.cli.working import in_workspace

app = typer.Typer(no_args_is_help=True, help="Connected apps of a workspace.")


@app.command("list")
def list_all(
    workspace_id: Annotated[int, typer.Argument(help="Whose apps.")], data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List connected apps."""
    found = in_workspace(data_dir, workspace_id, oauth.grants.list_of)
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(f"{one.grant_id}  {one.name}  [{one.scope}]  allowed by {one.given_by}, {one.created_at:%Y-%m-%d}")


@app.command("disconnect")
def disconnect(
    workspace_id: Annotated[int, typer.Argument(help="Whose app.")],
    grant_id: Annotated[int, typer.Argument(help="The number that `hospes apps list` shows.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Stop an app, everywhere, within a second."""
    in_workspace(data_dir, workspace_id, lambda tx: oauth.grants.disconnect(tx, grant_id))
    if as_json:
        show({"grant_id": grant_id, "disconnected": True})
    else:
        print(f"{grant_id} is disconnected.")
