"""`hospes mail`: what the mail server's side needs."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from hospes.base.db import Tx
from hospes.base.errors import Invalid
from hospes.capabilities.messaging import senders
from hospes.cli.session import DataDir, Json, settings_for, show, show_hook, told, with_house
from hospes.cli.working import in_workspace
from hospes.doors import mail_hook

app = typer.Typer(no_args_is_help=True, help="Bounces, the hook for your mail provider, and domains.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
Domain = Annotated[str, typer.Argument(help="The domain, such as hotel.example.")]


@app.command("hook")
def hook(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the address to which your mail server or provider reports what became of messages."""
    show_hook("mail", mail_hook.secret, data_dir=data_dir, as_json=as_json)


@app.command("domains")
def domains(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the domains from whose addresses a workspace's campaigns may come."""
    _show_domains(in_workspace(data_dir, workspace_id, senders.domains), as_json=as_json)


@app.command("allow")
def allow(workspace_id: WorkspaceId, domain: Domain, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let a workspace's campaigns come from addresses of a domain. Your mail server has to send for it, too."""
    _change_domains(workspace_id, domain, senders.allow, data_dir=data_dir, as_json=as_json)


@app.command("disallow")
def disallow(workspace_id: WorkspaceId, domain: Domain, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Take that back: mail comes from the server's own address again, with the other one for answers."""
    _change_domains(workspace_id, domain, senders.disallow, data_dir=data_dir, as_json=as_json)


def _change_domains(
    workspace_id: int,
    domain: str,
    change: Callable[[Tx, str], Awaitable[None]],
    *,
    data_dir: DataDir,
    as_json: bool,
) -> None:
    async def work(tx: Tx) -> list[str]:
        await change(tx, domain)
        return await senders.domains(tx)

    _show_domains(in_workspace(data_dir, workspace_id, work), as_json=as_json)


def _show_domains(found: list[str], *, as_json: bool) -> None:
    if as_json:
        show({"domains": found})
    for domain in [] if as_json else found:
        print(domain)


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
