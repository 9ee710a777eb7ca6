"""`hospes brand-keys` and `hospes partner-apps`: who may call the Audience API."""

from typing import Annotated, Any

import msgspec
import typer

from hospes.capabilities import access, oauth, workspaces
from hospes.capabilities.access.brand_keys import BrandKey, Settings
from hospes.capabilities.oauth.partners import PartnerApp
from hospes.cli.session import DataDir, Json, say, settings_for, show, told, with_house
from hospes.cli.working import noted

app = typer.Typer(no_args_is_help=True, help="Keys of the Audience API.")
partners_app = typer.Typer(no_args_is_help=True, help="Partner apps of the Audience API.")

WorkspaceId = Annotated[int, typer.Argument(help="Whose keys; the workspace's id is the brand's.")]


@app.command("create")
def create(
    workspace_id: WorkspaceId,
    name: Annotated[str, typer.Option(help="Shown in lists and as who acted.")] = "REST",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is printed once and cannot be shown again."""

    async def work(house: Any) -> tuple[BrandKey, str]:
        await workspaces.get(house.database, workspace_id)
        made = await access.brand_keys.create(house.database, workspace_id, name=name, now=house.clock.now())
        await noted(house, workspace_id, "brand_key.created", key_id=made[0].id)
        return made

    with told():
        key, secret = with_house(settings_for(data_dir), work)
    if as_json:
        show({**msgspec.to_builtins(key), "brand_id": workspace_id, "brand_key": secret})
    else:
        say(f"Store this key now. It cannot be shown again. The brand id is {workspace_id}.")
        print(secret)


@app.command("list")
def list_all(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List keys, without their secrets."""
    with told():
        found = with_house(
            settings_for(data_dir), lambda house: access.brand_keys.list_all(house.database, workspace_id)
        )
    if as_json:
        show(found)
    for key in [] if as_json else found:
        state = f"  deactivated {key.deactivated_at.isoformat()}" if key.deactivated_at else ""
        print(f"{key.id}  {key.hint}…  {key.name}{state}")


@app.command("deactivate")
def deactivate(
    key_id: Annotated[int, typer.Argument(help="The key's id.")], data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Stop a key, everywhere, within a second."""

    async def work(house: Any) -> None:
        workspace_id = await access.brand_keys.deactivate(house.database, key_id, now=house.clock.now())
        await noted(house, workspace_id, "brand_key.deactivated", key_id=key_id)

    with told():
        with_house(settings_for(data_dir), work)
    if as_json:
        show({"id": key_id, "deactivated": True})
    else:
        print(f"Key {key_id} is deactivated.")


@app.command("settings")
def settings(
    workspace_id: WorkspaceId,
    merge_profiles: Annotated[
        bool | None, typer.Option(help="Whether an email address or a phone number finds a user, and joins two.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Of times that are sent without an offset.")] = None,
    user_limit: Annotated[int | None, typer.Option(help="Calls a minute to the User API.")] = None,
    event_limit: Annotated[int | None, typer.Option(help="Calls a minute to the Event API.")] = None,
    campaign_limit: Annotated[int | None, typer.Option(help="Calls a minute to the Campaign API.")] = None,
    reporting_limit: Annotated[int | None, typer.Option(help="Calls a minute to the Reporting API.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show a brand's settings, and change what is given."""
    given = {
        "merges_profiles": merge_profiles,
        "time_zone": time_zone,
        "user_limit": user_limit,
        "event_limit": event_limit,
        "campaign_limit": campaign_limit,
        "reporting_limit": reporting_limit,
    }
    changes = {name: value for name, value in given.items() if value is not None}

    async def work(house: Any) -> Settings:
        found = await access.brand_keys.get_settings(house.database, workspace_id)
        if changes:
            found = msgspec.structs.replace(found, **changes)
            await access.brand_keys.set_settings(house.database, workspace_id, found)
        return found

    with told():
        found = with_house(settings_for(data_dir), work)
    if as_json:
        show(found)
    for name, value in [] if as_json else msgspec.structs.asdict(found).items():
        print(f"{name.replace('_', '-')}: {value}")


@partners_app.command("create")
def create_partner(
    name: Annotated[str, typer.Argument(help="What people are asked to connect.")],
    redirect_uri: Annotated[str, typer.Argument(help="Where the answer goes.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Register an app. Its secret is printed once and cannot be shown again."""

    async def work(house: Any) -> tuple[PartnerApp, str]:
        return await oauth.partners.register(
            house.database, name=name, redirect_uri=redirect_uri, now=house.clock.now()
        )

    with told():
        made, secret = with_house(settings_for(data_dir), work)
    if as_json:
        show({"app_client_id": made.client_id, "app_client_secret": secret, "app_redirect_uri": made.redirect_uri})
    else:
        say("Store the secret now. It cannot be shown again.")
        print(f"app_client_id: {made.client_id}\napp_client_secret: {secret}")


@partners_app.command("list")
def list_partners(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List apps, without their secrets."""
    with told():
        found = with_house(settings_for(data_dir), lambda house: oauth.partners.list_all(house.database))
    shown = [{"app_client_id": one.client_id, "name": one.name, "app_redirect_uri": one.redirect_uri} for one in found]
    if as_json:
        show(shown)
    for one in [] if as_json else shown:
        print(f"{one['app_client_id']}  {one['name']}  {one['app_redirect_uri']}")
