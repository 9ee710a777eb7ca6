"""`hospes locks`: which smart lock opens the door of a property."""

from typing import Annotated

import typer

from hospes.base.errors import Invalid
from hospes.capabilities import automations
from hospes.cli.session import DataDir, Json, show, show_hook, told
from hospes.cli.working import in_workspace
from hospes.doors import lock_hook
from hospes.providers import arrangements

app = typer.Typer(no_args_is_help=True, help="Smart locks of properties.")

Workspace = Annotated[int, typer.Argument(help="Whose property.")]
Property = Annotated[int, typer.Argument(help="The property's number.")]


@app.command("use")
def use(
    workspace_id: Workspace,
    property_id: Property,
    brand: Annotated[str, typer.Argument(help=f"One of: {', '.join(arrangements.BRANDS)}.")],
    lock_id: Annotated[str, typer.Argument(help="What the brand calls the lock.")],
    days: Annotated[int, typer.Option(help="How many days before arrival a code is made, 1 to 14.")] = 5,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let a lock open a property's door; stays to come get their codes there."""
    with told():
        if brand not in arrangements.BRANDS:
            raise Invalid(f"There is no brand {brand!r}. It is one of: {', '.join(arrangements.BRANDS)}.")
    in_workspace(
        data_dir,
        workspace_id,
        lambda tx: automations.use_lock(tx, property_id, brand=brand, ref=lock_id, days=days),
    )
    if as_json:
        show({"property_id": property_id, "brand": brand, "lock_id": lock_id, "days": days})
    else:
        print(f"Stays at {property_id} get their codes at the {brand} lock {lock_id}, {days} days before arrival.")


@app.command("hook")
def hook(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the address to which locks report that a guest's code opened a door."""
    show_hook("locks", lock_hook.secret, data_dir=data_dir, as_json=as_json)


@app.command("remove")
def remove(workspace_id: Workspace, property_id: Property, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Make no more codes for a property; those there are, are taken back."""
    in_workspace(data_dir, workspace_id, lambda tx: automations.use_lock(tx, property_id, brand=None, ref=None))
    if as_json:
        show({"property_id": property_id, "brand": None})
    else:
        print(f"Stays at {property_id} get no codes any more.")
