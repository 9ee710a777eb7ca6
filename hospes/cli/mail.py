"""`hospes mail`: what the mail server's side needs."""

import sys
from typing import Any

import typer

from hospes.base.errors import Invalid
from hospes.cli.session import DataDir, Json, settings_for, show, told, vault_of, with_house
from hospes.doors import mail_hook

app = typer.Typer(no_args_is_help=True, help="Bounces, and the hook for your mail provider.")


@app.command("hook")
def hook(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the address to which your mail server or provider reports what became of messages."""
    with told():
        settings = settings_for(data_dir)
        url = f"{settings.public_url}/hooks/mail/{mail_hook.secret(vault_of(settings))}"
    if as_json:
        show({"url": url})
    else:
        print(url)


@app.command("bounce")
def bounce(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Read one bounce from standard input: for a mail server's alias, such as bounces: "|hospes mail bounce"."""
    raw = sys.stdin.buffer.read()

    async def work(house: Any) -> int:
        taken = mail_hook.MailHook(house.database, house.vault, house.instant)
        return sum([await taken.note(one) for one in taken.read(raw, "message/rfc822")])

    with told():
        if not raw.strip():
            raise Invalid("Give the bounce on standard input.")
        noted = with_house(settings_for(data_dir), work)
    if as_json:
        show({"noted": noted})
    else:
        print("Noted." if noted else "Not a bounce of a message of ours, or known already: nothing was changed.")
