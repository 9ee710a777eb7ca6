"""`hospes staff`: people who sign in, and what they are in which workspace."""

from typing import Annotated, Any

import msgspec
import typer

from hospes.base import ids
from hospes.base.errors import Invalid, NotFound
from hospes.capabilities import staff, workspaces
from hospes.cli.session import DataDir, Json, say, settings_for, show, told, with_house
from hospes.cli.working import ACTOR, noted

app = typer.Typer(no_args_is_help=True, help="People who sign in.")

_GENERATED = 24

Email = Annotated[str, typer.Argument(help="Their email address.")]
Workspace = Annotated[int, typer.Option(help="In which workspace.")]
Password = Annotated[str | None, typer.Option(help="Asked for when left out. Others see it in the list of processes.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it once.")]
ROLES = f"One of: {', '.join(staff.ROLES)}."


@app.command("create")
def create(
    email: Email,
    name: Annotated[str, typer.Argument(help="What they are called.")],
    workspace: Workspace,
    role: Annotated[str, typer.Option(help=ROLES)] = "staff",
    password: Password = None,
    generate: Generate = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let somebody sign in, and give them a role in a workspace."""
    chosen = _password(password, generate=generate)

    async def work(house: Any) -> staff.Person:
        await workspaces.get(house.database, workspace)
        _check_role(role)
        made = await staff.create(house.database, email=email, name=name, password=chosen, now=house.clock.now())
        await _join(house, workspace, made.id, role)
        return made

    with told():
        made = with_house(settings_for(data_dir), work)
    if as_json:
        show({**msgspec.to_builtins(made), "role": role, **({"password": chosen} if generate else {})})
        return
    print(f"{made.email} can sign in at /staff.")
    _tell_generated(chosen, generate=generate)


@app.command("list")
def list_all(
    workspace_id: Annotated[int | None, typer.Argument(help="Whose people; all workspaces' when left out.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List people and their roles."""

    async def work(house: Any) -> list[tuple[int, staff.Member]]:
        owners = [workspace_id] if workspace_id else [one.id for one in await workspaces.list_all(house.database)]
        return [(owner, member) for owner in owners for member in await staff.list_of(house.database, owner)]

    with told():
        found = with_house(settings_for(data_dir), work)
    if as_json:
        show([{"workspace_id": owner, **msgspec.to_builtins(member)} for owner, member in found])
    for owner, member in [] if as_json else found:
        state = "" if member.is_active else "  disabled"
        print(f"{member.id}  workspace {owner}  {member.email}  {member.name}  {member.role}{state}")


@app.command("role")
def change_role(
    email: Email,
    workspace: Workspace,
    role: Annotated[str, typer.Option(help=ROLES)],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give somebody a role in a workspace, or another one."""

    async def work(house: Any) -> int:
        await workspaces.get(house.database, workspace)
        _check_role(role)
        person = await _person(house, email)
        await _join(house, workspace, person.id, role)
        return person.id

    with told():
        staff_id = with_house(settings_for(data_dir), work)
    _done(as_json, f"{email} is {role} in workspace {workspace}.", id=staff_id, workspace_id=workspace, role=role)


@app.command("password")
def change_password(
    email: Email,
    password: Password = None,
    generate: Generate = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give somebody another password. Signs them out everywhere and disconnects the apps they allowed."""
    chosen = _password(password, generate=generate)

    async def work(house: Any) -> int:
        person = await _person(house, email)
        await staff.set_password(house.database, person, chosen, now=house.clock.now())
        await _note(house, person.id, "staff.password_changed")
        return person.id

    with told():
        staff_id = with_house(settings_for(data_dir), work)
    _done(
        as_json,
        f"{email} has another password.",
        id=staff_id,
        changed=True,
        **({"password": chosen} if generate else {}),
    )
    if not as_json:
        _tell_generated(chosen, generate=generate)


@app.command("disable")
def disable(email: Email, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Stop somebody everywhere, with the apps they allowed, within a second."""
    _set_active(email, data_dir, as_json, is_active=False)


@app.command("enable")
def enable(email: Email, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let somebody sign in again."""
    _set_active(email, data_dir, as_json, is_active=True)


@app.command("remove")
def remove(email: Email, workspace: Workspace, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Take somebody out of a workspace, with the apps they allowed there."""

    async def work(house: Any) -> int:
        await workspaces.get(house.database, workspace)
        person = await _person(house, email)
        async with house.database.begin(workspace, now=await house.instant(workspace), actor=ACTOR) as tx:
            await staff.leave(tx, person.id)
        return person.id

    with told():
        staff_id = with_house(settings_for(data_dir), work)
    _done(as_json, f"{email} no longer belongs to workspace {workspace}.", id=staff_id, workspace_id=workspace)


def _set_active(email: str, data_dir: Any, as_json: bool, *, is_active: bool) -> None:
    async def work(house: Any) -> int:
        person = await _person(house, email)
        await staff.set_active(house.database, person.id, is_active=is_active)
        await _note(house, person.id, "staff.enabled" if is_active else "staff.disabled")
        return person.id

    with told():
        staff_id = with_house(settings_for(data_dir), work)
    _done(as_json, f"{email} {'can' if is_active else 'cannot'} sign in.", id=staff_id, is_active=is_active)


async def _note(house: Any, staff_id: int, action: str) -> None:
    """In every workspace that the person belongs to."""
    for one in await staff.memberships(house.database, staff_id):
        await noted(house, one.workspace_id, action, staff_id=staff_id)


async def _person(house: Any, email: str) -> staff.Person:
    found = await staff.find_by_email(house.database, email)
    if found is None:
        raise NotFound(f"Nobody with the address {email} can sign in. hospes staff list shows who can.")
    return found


async def _join(house: Any, workspace_id: int, staff_id: int, role: str) -> None:
    async with house.database.begin(workspace_id, now=await house.instant(workspace_id), actor=ACTOR) as tx:
        await staff.join(tx, staff_id, role)


def _check_role(role: str) -> None:
    """Before anybody is made. Raises Invalid."""
    if role not in staff.ROLES:
        raise Invalid(f"There is no role {role!r}. Choose one of: {', '.join(staff.ROLES)}.")


def _password(given: str | None, *, generate: bool) -> str:
    if generate:
        return ids.token("", _GENERATED)
    return given if given is not None else str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _tell_generated(password: str, *, generate: bool) -> None:
    if generate:
        say("Their password. It cannot be shown again:")
        print(password)


def _done(as_json: bool, text: str, **facts: Any) -> None:
    if as_json:
        show(facts)
    else:
        print(text)
