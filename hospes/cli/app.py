"""The commands."""

from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
import typer

from hospes.base.errors import Invalid
from hospes.base.secrets import digest, keys_in
from hospes.capabilities import access, guests, workspaces
from hospes.cli import (
    analytics,
    apps,
    backup,
    bookings,
    brand_keys,
    calendars,
    campaigns,
    locks,
    loyalty,
    mail,
    promotions,
    properties,
    segments,
    serving,
    sms,
    staff,
    tokens,
)
from hospes.cli import demo as demo_workspace
from hospes.cli import doctor as examination
from hospes.cli import guests as privacy
from hospes.cli import secret_key as secret_key_commands
from hospes.cli.session import DataDir, Json, say, secret_key, settings_for, show, told, with_house
from hospes.cli.working import ACTOR, noted

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
workspace_app = typer.Typer(no_args_is_help=True, help="Workspaces: the tenants of this server.")
keys_app = typer.Typer(no_args_is_help=True, help="API keys of a workspace.")
guests_app = typer.Typer(no_args_is_help=True, help="Guests: two records of one person, export, erasure, retention.")
app.add_typer(workspace_app, name="workspace")
app.add_typer(keys_app, name="keys")
app.add_typer(guests_app, name="guests")
app.add_typer(tokens.app, name="tokens")
app.add_typer(brand_keys.app, name="brand-keys")
app.add_typer(brand_keys.partners_app, name="partner-apps")
app.add_typer(staff.app, name="staff")
app.add_typer(apps.app, name="apps")
app.add_typer(promotions.app, name="promotions")
app.add_typer(loyalty.app, name="loyalty")
app.add_typer(mail.app, name="mail")
app.add_typer(sms.app, name="sms")
app.add_typer(properties.app, name="properties")
app.add_typer(properties.team_app, name="team")
app.add_typer(bookings.app, name="bookings")
app.add_typer(calendars.app, name="calendars")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(analytics.app, name="analytics")
app.add_typer(locks.app, name="locks")
app.add_typer(segments.app, name="segments")
app.add_typer(secret_key_commands.app, name="secret-key")


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        print(f"Hospes {version('hospes')}")
        raise typer.Exit


@app.callback()
def hospes(
    is_version_asked: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Hospes: guest relationships, self-hosted."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that answer requests.", min=1, max=64)] = 1,
    data_dir: DataDir = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Do not deliver webhooks here.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Fill the demo workspace the first time.")] = False,
) -> None:
    """Serve the APIs; starts PostgreSQL too, unless HOSPES_DATABASE_URL is set."""
    with told():
        status = serving.serve(
            settings_for(data_dir), host=host, port=port, workers=workers, with_worker=not no_worker, with_demo=demo
        )
    raise typer.Exit(status)


@app.command()
def worker(data_dir: DataDir = None) -> None:
    """Send webhooks, messages and campaigns and do all other jobs, beside servers on the same PostgreSQL."""
    with told():
        status = serving.work(settings_for(data_dir))
    raise typer.Exit(status)


@app.command()
def migrate(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Bring the database's schema up to date."""

    async def work(_house: Any) -> None:
        return None

    with told():
        with_house(settings_for(data_dir), work)
    if as_json:
        show({"migrated": True})
    else:
        say("The schema is up to date.")


@app.command()
def demo(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Make the demo workspace, the first time, and print how to talk to it."""
    with told():
        settings = settings_for(data_dir)
        credentials = with_house(settings, lambda house: demo_workspace.fill(house, keys_in(secret_key(settings))[-1]))
    if as_json:
        show(credentials)
    else:
        print(f"Workspace  {credentials.workspace_id}\nAPI key    {credentials.api_key}")
        print(f"Brand      {credentials.brand_id}\nBrand key  {credentials.brand_key}")
        print(f"Sign in    {credentials.staff.email}\nPassword   {credentials.staff.password}")


@app.command()
def doctor(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Look for what is wrong: database, schema, counts, outbox."""
    with told():
        findings = with_house(settings_for(data_dir), examination.examine)
    if as_json:
        show(findings)
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.is_fine else 'BAD '} {finding.what}: {finding.says}")
    raise typer.Exit(0 if all(finding.is_fine for finding in findings) else 1)


app.command("backup")(backup.backup)
guests_app.command("export")(privacy.export)
guests_app.command("erase")(privacy.erase)
guests_app.command("hold")(privacy.hold)
guests_app.command("retention")(privacy.retention)


@workspace_app.command("create")
def create_workspace(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    plan: Annotated[str, typer.Option(help=f"One of: {', '.join(workspaces.PLANS)}.")] = "unlimited",
    monthly_quota: Annotated[int | None, typer.Option(help="Requests a month, instead of the plan's.")] = None,
    quota_mode: Annotated[str | None, typer.Option(help="hard refuses past the quota, soft warns.")] = None,
    time_zone: Annotated[str, typer.Option(help="An IANA name, such as Europe/Paris.")] = "UTC",
    currency: Annotated[str, typer.Option(help="An ISO 4217 code.")] = "EUR",
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Its clock stands still until you move it.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a workspace."""
    with told():
        workspace = with_house(
            settings_for(data_dir),
            lambda house: workspaces.create(
                house.database,
                name=name,
                now=house.clock.now(),
                plan_name=plan,
                monthly_quota=monthly_quota,
                quota_mode=quota_mode,
                time_zone=time_zone,
                currency=currency,
                is_sandbox=sandbox,
            ),
        )
    if as_json:
        show(workspace)
    else:
        print(f"Made workspace {workspace.id}. Now make a key: hospes keys create {workspace.id} --scope '*'")


@workspace_app.command("list")
def list_workspaces(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List workspaces."""
    with told():
        found = with_house(settings_for(data_dir), lambda house: workspaces.list_all(house.database))
    if as_json:
        show(found)
    for workspace in [] if as_json else found:
        clock = f"  sandbox at {workspace.sandbox_at.isoformat()}" if workspace.sandbox_at else ""
        print(f"{workspace.id}  {workspace.name}  ({workspace.plan}){clock}")


@workspace_app.command("clock")
def move_clock(
    workspace_id: Annotated[int, typer.Argument(help="A sandbox.")],
    set_to: Annotated[str | None, typer.Option("--set", help="An instant, such as 2026-06-20T12:00:00+00:00.")] = None,
    advance: Annotated[str | None, typer.Option(help="How far forward: 90s, 15m, 36h or 2d.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Set or advance a sandbox's clock; what falls due then, happens."""
    with told():
        to, by = _instant(set_to), _duration(advance)
        now = with_house(
            settings_for(data_dir), lambda house: workspaces.move_clock(house.database, workspace_id, to=to, by=by)
        )
    if as_json:
        show({"workspace_id": workspace_id, "now": now.isoformat()})
    else:
        print(f"It is {now.isoformat()} in workspace {workspace_id}.")


@keys_app.command("create")
def create_key(
    workspace_id: Annotated[int, typer.Argument(help="Whose key it is.")],
    scope: Annotated[list[str], typer.Option(help="What the key may do; repeat for more. '*' is everything.")],
    name: Annotated[str, typer.Option(help="Shown as the author of notes.")] = "API key",
    rate_limit: Annotated[int, typer.Option(help="Requests a minute, 1 to 10,000.")] = 60,
    allow: Annotated[list[str] | None, typer.Option(help="An IP address or CIDR block; repeat for more.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make an API key. It is printed once and cannot be shown again."""

    async def work(house: Any) -> access.keys.NewKey:
        await workspaces.get(house.database, workspace_id)
        made = await access.keys.create(
            house.database,
            workspace_id,
            name=name,
            granted=scope,
            now=house.clock.now(),
            rate_limit=rate_limit,
            allowlist=allow,
        )
        await noted(house, workspace_id, "key.created", key_id=made.key.id, scopes=list(made.key.scopes))
        return made

    with told():
        made = with_house(settings_for(data_dir), work)
    if as_json:
        show({**msgspec.to_builtins(made.key), "api_key": made.secret})
    else:
        say("Store this key now. It cannot be shown again.")
        print(made.secret)


@keys_app.command("list")
def list_keys(
    workspace_id: Annotated[int | None, typer.Argument(help="Whose keys; all workspaces' when left out.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List keys, without their secrets."""

    async def work(house: Any) -> list[access.keys.Key]:
        owners = [workspace_id] if workspace_id else [one.id for one in await workspaces.list_all(house.database)]
        return [key for owner in owners for key in await access.keys.list_all(house.database, owner)]

    with told():
        found = with_house(settings_for(data_dir), work)
    if as_json:
        show(found)
    for key in [] if as_json else found:
        state = f"revoked {key.revoked_at.isoformat()}" if key.revoked_at else f"{key.rate_limit} a minute"
        print(f"{key.id}  workspace {key.workspace_id}  {key.hint}…  {key.name}  [{' '.join(key.scopes)}]  {state}")


@keys_app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, or the key itself.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Stop a key, everywhere, within a second."""

    async def work(house: Any) -> int:
        key_id = int(key) if key.isascii() and key.isdigit() else await access.keys.id_of(house.database, digest(key))
        workspace_id = await access.keys.revoke(house.database, key_id, now=house.clock.now())
        await noted(house, workspace_id, "key.revoked", key_id=key_id)
        return key_id

    with told():
        key_id = with_house(settings_for(data_dir), work)
    if as_json:
        show({"id": key_id, "revoked": True})
    else:
        print(f"Key {key_id} is revoked.")


@guests_app.command("merge")
def merge_guests(
    workspace_id: int,
    kept: Annotated[int, typer.Argument(help="The guest that stays.")],
    merged: Annotated[int, typer.Argument(help="The guest that becomes part of it; its id goes on answering.")],
    evidence: Annotated[str, typer.Option(help="Why they are one person.")] = "by hand",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make two records one. `hospes guests unmerge` takes it back."""

    async def work(house: Any) -> int:
        now = await house.instant(workspace_id)
        async with house.database.begin(workspace_id, now=now, actor=ACTOR) as tx:
            return await guests.merge(tx, kept, merged, evidence=evidence)

    with told():
        merge_id = with_house(settings_for(data_dir), work)
    if as_json:
        show({"merge_id": merge_id})
    else:
        print(f"Merged. To take it back: hospes guests unmerge {workspace_id} {merge_id}")


@guests_app.command("unmerge")
def unmerge_guests(workspace_id: int, merge_id: int, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Take a merge back, exactly."""

    async def work(house: Any) -> None:
        now = await house.instant(workspace_id)
        async with house.database.begin(workspace_id, now=now, actor=ACTOR) as tx:
            await guests.unmerge(tx, merge_id)

    with told():
        with_house(settings_for(data_dir), work)
    if as_json:
        show({"merge_id": merge_id, "undone": True})
    else:
        print(f"Merge {merge_id} is undone.")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid("--set takes an instant with an offset, such as 2026-06-20T12:00:00+00:00.")
    return at


def _duration(text: str | None) -> timedelta | None:
    if text is None:
        return None
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise Invalid("--advance takes a number and s, m, h or d: 90s, 15m, 36h, 2d.")
    return timedelta(**{units[unit]: int(number)})
