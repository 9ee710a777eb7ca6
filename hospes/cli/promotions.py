"""`hospes promotions`: what is offered, when, where and how often."""

from typing import Annotated

import typer

from hospes.base.db import Tx
from hospes.capabilities import promotions
from hospes.cli.session import DataDir, Json, show
from hospes.cli.working import amount, in_workspace, instant

app = typer.Typer(no_args_is_help=True, help="Promotions of a workspace.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
PromotionId = Annotated[int, typer.Argument(help="The promotion.")]


@app.command("create")
def create(
    workspace_id: WorkspaceId,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    kind: Annotated[str, typer.Option("--type", help="percent, amount, free_item or custom.")] = "free_item",
    description: Annotated[str | None, typer.Option(help="What guests read.")] = None,
    value: Annotated[str | None, typer.Option(help="Percent, or an amount such as 2.50.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of an amount, such as EUR.")] = None,
    location: Annotated[list[int] | None, typer.Option(help="Where it counts; everywhere without.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only for guests with one of these tags.")] = None,
    vip_only: Annotated[bool, typer.Option("--vip-only", help="Only for VIP guests.")] = False,
    starts: Annotated[str | None, typer.Option(help="An instant, such as 2026-06-20T12:00:00+02:00.")] = None,
    ends: Annotated[str | None, typer.Option(help="An instant.")] = None,
    valid_days: Annotated[int | None, typer.Option(help="How long a grant is good for.")] = None,
    per_guest: Annotated[int | None, typer.Option(help="Grants for each guest.")] = None,
    total: Annotated[int | None, typer.Option(help="Redemptions in all.")] = None,
    per_day: Annotated[int | None, typer.Option(help="Redemptions a day.")] = None,
    per_location: Annotated[int | None, typer.Option(help="Redemptions at each location.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Do not activate it yet.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a promotion, and activate it."""

    async def work(tx: Tx) -> promotions.Promotion:
        terms = promotions.Terms(
            name=name.strip(),
            kind=kind,
            description=description,
            value=amount(value, "--value"),
            currency=currency,
            location_ids=location or [],
            tag_slugs=tag or [],
            is_for_vip=vip_only,
            starts_at=instant(starts, "--starts"),
            ends_at=instant(ends, "--ends"),
            valid_days=valid_days,
            max_grants_per_guest=per_guest,
            max_redemptions=total,
            max_per_day=per_day,
            max_per_location=per_location,
        )
        promotion_id = await promotions.definitions.create(tx, terms)
        if not draft:
            await promotions.definitions.activate(tx, promotion_id)
        return await promotions.definitions.get(tx, promotion_id)

    made = in_workspace(data_dir, workspace_id, work)
    _tell(made, as_json=as_json)


@app.command("list")
def list_all(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the newest 200 promotions."""
    found = in_workspace(data_dir, workspace_id, lambda tx: promotions.definitions.list_after(tx, None, limit=200))
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(_line(one))


@app.command("activate")
def activate(
    workspace_id: WorkspaceId, promotion_id: PromotionId, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Let a promotion be granted and redeemed."""

    async def work(tx: Tx) -> promotions.Promotion:
        await promotions.definitions.activate(tx, promotion_id)
        return await promotions.definitions.get(tx, promotion_id)

    _tell(in_workspace(data_dir, workspace_id, work), as_json=as_json)


@app.command("pause")
def pause(
    workspace_id: WorkspaceId, promotion_id: PromotionId, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Stop granting and redeeming, until it is activated again."""

    async def work(tx: Tx) -> promotions.Promotion:
        await promotions.definitions.pause(tx, promotion_id)
        return await promotions.definitions.get(tx, promotion_id)

    _tell(in_workspace(data_dir, workspace_id, work), as_json=as_json)


def _tell(promotion: promotions.Promotion, *, as_json: bool) -> None:
    if as_json:
        show(promotion)
    else:
        print(_line(promotion))


def _line(one: promotions.Promotion) -> str:
    return f"{one.id}  {one.name}  ({one.kind}, {one.status})  granted {one.grants}, redeemed {one.redemptions}"
