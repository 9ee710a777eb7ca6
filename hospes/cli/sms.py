"""`hospes sms`: the hook for your text message provider, and what guests would write, for development."""

from typing import Annotated, Any

import typer

from hospes.cli.session import DataDir, Json, settings_for, show, show_hook, told, with_house
from hospes.doors import sms_hook

app = typer.Typer(no_args_is_help=True, help="Text messages: the hook for your provider, and trying it out.")


@app.command("hook")
def hook(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the address to which your provider reports what became of text messages, and what guests wrote."""
    show_hook("sms", sms_hook.secret, data_dir=data_dir, as_json=as_json)


@app.command("receive")
def receive(
    text: Annotated[str, typer.Argument(help="What the guest writes, such as STOP.")],
    sender: Annotated[str, typer.Option("--from", help="The guest's number, such as +33612345678.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Act as if a guest had written this text message: for development, and for providers without a hook."""

    async def work(house: Any) -> int:
        return int(await house.sms_desk().came(sender, text))

    with told():
        changed = with_house(settings_for(data_dir), work)
    if as_json:
        show({"changed": changed})
    else:
        print("Done." if changed else "No guest has this number, or it asks for nothing new: nothing was changed.")
