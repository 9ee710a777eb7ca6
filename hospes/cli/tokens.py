"""`hospes tokens`: what the operator's automation signs in to the Workspace API with."""

from typing import Annotated, Any

import msgspec
import typer

from hospes.capabilities import access, workspaces
from hospes.cli.session import DataDir, Json, say, settings_for, show, told, with_house
from hospes.cli.working import noted

app = typer.Typer(no_args_is_help=True, help="Tokens of the Workspace API.")


@app.command("create")
def create(
    workspace_id: Annotated[int, typer.Argument(help="Whose token it is.")],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(access.staff_tokens.CHOICES)}.")] = "manager",
    name: Annotated[str, typer.Option(help="Shown in lists and as who acted.")] = "Automation",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is printed once and cannot be shown again."""

    async def work(house: Any) -> access.staff_tokens.NewToken:
        await workspaces.get(house.database, workspace_id)
        made = await access.staff_tokens.create(
            house.database, workspace_id, name=name, role=role, now=house.clock.now()
        )
        await noted(house, workspace_id, "token.created", token_id=made.token.id, role=role)
        return made

    with told():
        made = with_house(settings_for(data_dir), work)
    if as_json:
        show({**msgspec.to_builtins(made.token), "token": made.secret})
    else:
        say("Store this token now. It cannot be shown again.")
        print(made.secret)


@app.command("list")
def list_all(
    workspace_id: Annotated[int, typer.Argument(help="Whose tokens.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List tokens, without their secrets."""
    with told():
        found = with_house(
            settings_for(data_dir), lambda house: access.staff_tokens.list_all(house.database, workspace_id)
        )
    if as_json:
        show(found)
    for token in [] if as_json else found:
        state = f"  revoked {token.revoked_at.isoformat()}" if token.revoked_at else ""
        print(f"{token.id}  {token.hint}…  {token.name}  {token.role}{state}")


@app.command("revoke")
def revoke(
    token_id: Annotated[int, typer.Argument(help="The token's id.")], data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Stop a token, everywhere, within a second."""

    async def work(house: Any) -> None:
        workspace_id = await access.staff_tokens.revoke(house.database, token_id, now=house.clock.now())
        await noted(house, workspace_id, "token.revoked", token_id=token_id)

    with told():
        with_house(settings_for(data_dir), work)
    if as_json:
        show({"id": token_id, "revoked": True})
    else:
        print(f"Token {token_id} is revoked.")
