"""`hospes properties` and `hospes team`: what is rented out, and who looks after it."""

from typing import Annotated

import typer

from hospes.base.db import Tx
from hospes.base.errors import NotFound
from hospes.capabilities import places, properties, workspaces
from hospes.capabilities.properties import team
from hospes.cli.session import DataDir, Json, show
from hospes.cli.working import amount, hour, in_house, in_workspace
from hospes.house import House

app = typer.Typer(no_args_is_help=True, help="Properties: what is rented out.")
team_app = typer.Typer(no_args_is_help=True, help="The team that cleans, repairs and greets.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
PropertyId = Annotated[int, typer.Argument(help="The property.")]


@app.command("create")
def create(
    workspace_id: WorkspaceId,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    location: Annotated[int | None, typer.Option(help="Where it is; a location is made when left out.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="An IANA name; the workspace's when left out.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Such as apartment.")] = None,
    capacity: Annotated[int | None, typer.Option(help="How many people it takes.")] = None,
    check_in: Annotated[str, typer.Option(help="From when guests may come.")] = "16:00",
    check_out: Annotated[str, typer.Option(help="Until when they leave.")] = "11:00",
    night_rate: Annotated[str | None, typer.Option(help="The price of a night.")] = None,
    cleaning_rate: Annotated[str | None, typer.Option(help="The price of a cleaning.")] = None,
    currency: Annotated[str | None, typer.Option(help="An ISO 4217 code; the workspace's when left out.")] = None,
    address: Annotated[str | None, typer.Option(help="Street and number.")] = None,
    postal_code: Annotated[str | None, typer.Option()] = None,
    city: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option(help="Two letters, such as FR.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a property."""
    from_, until = hour(check_in, "--check-in"), hour(check_out, "--check-out")
    night, cleaning = amount(night_rate, "--night-rate"), amount(cleaning_rate, "--cleaning-rate")

    async def work(house: House, tx: Tx) -> properties.Property:
        workspace = await workspaces.get(house.database, workspace_id)
        zone = time_zone or workspace.time_zone
        place = location or await places.create_location(tx, name=name.strip(), time_zone=zone, city=city)
        made = await properties.create(
            tx,
            properties.NewProperty(
                location_id=place,
                name=name,
                time_zone=zone,
                property_type=kind,
                capacity=capacity,
                check_in_time=from_,
                check_out_time=until,
                night_rate=night,
                cleaning_rate=cleaning,
                currency=currency or workspace.currency,
                line1=address,
                postal_code=postal_code,
                city=city,
                country_code=country,
            ),
        )
        return await properties.get(tx, made)

    made = in_house(data_dir, workspace_id, work)
    if as_json:
        show(made)
    else:
        print(f"Made property {made.id}. Bookings come from: hospes calendars add {workspace_id} {made.id} URL")


@app.command("list")
def list_all(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List properties."""
    found = in_workspace(data_dir, workspace_id, properties.list_every)
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(_line(one))


@app.command("entitle")
def entitle(
    workspace_id: WorkspaceId,
    property_id: PropertyId,
    off: Annotated[bool, typer.Option("--off", help="Close it again.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Open the Property API for a property, or close it, from the next request on."""

    async def work(tx: Tx) -> properties.Property:
        await properties.entitle(tx, property_id, is_entitled=not off)
        return await properties.get(tx, property_id)

    _tell(in_workspace(data_dir, workspace_id, work), as_json=as_json)


def _tell(unit: properties.Property, *, as_json: bool) -> None:
    if as_json:
        show(unit)
    else:
        print(_line(unit))


def _line(one: properties.Property) -> str:
    lock = f"  lock {one.lock_brand} {one.lock_ref or ''}".rstrip() if one.lock_brand else ""
    entitled = "" if one.is_entitled else "  not in the Property API"
    return f"{one.id}  {one.name}  {one.city or ''}  {one.time_zone}{lock}{entitled}"


@team_app.command("add")
def add_member(
    workspace_id: WorkspaceId,
    first_name: Annotated[str, typer.Argument(help="First name.")],
    last_name: Annotated[str | None, typer.Option(help="Last name.")] = None,
    email: Annotated[str | None, typer.Option(help="Where work is told.")] = None,
    phone: Annotated[str | None, typer.Option(help="With its country, such as +33600000000.")] = None,
    role: Annotated[list[str] | None, typer.Option(help=f"One of: {', '.join(team.ROLES)}; repeat for more.")] = None,
    property_id: Annotated[
        list[int] | None, typer.Option("--property", help="Where; all that there are without.")
    ] = None,
    language: Annotated[str, typer.Option(help=f"One of: {', '.join(team.LANGUAGES)}.")] = "en",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Add somebody to the team."""

    async def work(tx: Tx) -> team.Member:
        known = [one.id for one in await properties.list_every(tx)]
        for chosen in property_id or []:
            if chosen not in known:
                raise NotFound(f"There is no property {chosen}. See them all with: hospes properties list")
        made = await team.create(
            tx,
            first_name=first_name,
            last_name=last_name,
            email=email,
            phone=phone,
            roles=role or ["cleaning"],
            language=language,
            property_ids=property_id or known,
        )
        return await team.get(tx, made)

    made = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(made)
    else:
        print(_member(made))


@team_app.command("list")
def list_members(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the team."""

    async def work(tx: Tx) -> list[team.Member]:
        found, _ = await team.list_page(tx, property_id=None, role=None, is_active=None, limit=1000, offset=0)
        return found

    found = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(_member(one))


def _member(one: team.Member) -> str:
    where = ", ".join(str(place) for place in one.property_ids)
    state = "" if one.is_active else "  inactive"
    return f"{one.id}  {one.name}  [{' '.join(one.roles)}]  {one.email or one.phone or ''}  properties {where}{state}"
