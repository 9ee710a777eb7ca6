"""`hospes loyalty`: tiers, rewards, what earns, and where a guest stands."""

from typing import Annotated, Any

import typer

from hospes.base.db import Tx
from hospes.capabilities import loyalty
from hospes.cli.session import DataDir, Json, show
from hospes.cli.working import amount, in_workspace, instant

app = typer.Typer(no_args_is_help=True, help="Points, tiers and rewards of a workspace.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]


@app.command("show")
def show_all(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the programme, its tiers, its newest 200 rewards and what earns points."""

    async def work(tx: Tx) -> dict[str, Any]:
        return {
            "program": await loyalty.programs.get(tx),
            "tiers": await loyalty.tiers.list_all(tx),
            "rewards": await loyalty.rewards.list_after(tx, None, limit=200),
            "rules": await loyalty.rules.list_all(tx),
        }

    found = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(found)
        return
    print(f"Programme  {found['program'].name}")
    for tier in found["tiers"]:
        print(f"Tier {tier.id}  {tier.name} from {tier.min_points} points")
    for reward in found["rewards"]:
        left = f", {reward.stock - reward.redeemed} left" if reward.stock is not None else ""
        print(f"Reward {reward.id}  {reward.name} for {reward.points_cost} points{left}")
    for rule in found["rules"]:
        per = f"{rule.per_amount} {rule.currency} spent" if rule.per_amount is not None else rule.basis
        print(f"Rule {rule.id}  {rule.points} points for each {per}{'' if rule.is_active else ' (paused)'}")


@app.command("tier")
def tier(
    workspace_id: WorkspaceId,
    slug: Annotated[str, typer.Argument(help="Its name in the API, such as silver.")],
    name: Annotated[str, typer.Argument(help="What guests read.")],
    min_points: Annotated[int, typer.Argument(help="From how many points on.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a tier."""
    tier_id = in_workspace(
        data_dir, workspace_id, lambda tx: loyalty.tiers.create(tx, slug=slug, name=name, min_points=min_points)
    )
    _made("tier", tier_id, as_json=as_json)


@app.command("reward")
def reward(
    workspace_id: WorkspaceId,
    name: Annotated[str, typer.Argument(help="What guests read.")],
    points_cost: Annotated[int, typer.Argument(help="What it costs.")],
    stock: Annotated[int | None, typer.Option(help="How many there are.")] = None,
    per_guest: Annotated[int | None, typer.Option(help="How often each guest may have it.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a reward."""
    new = loyalty.rewards.NewReward(name=name, points_cost=points_cost, stock=stock, per_guest=per_guest)
    reward_id = in_workspace(data_dir, workspace_id, lambda tx: loyalty.rewards.create(tx, new))
    _made("reward", reward_id, as_json=as_json)


@app.command("rule")
def rule(
    workspace_id: WorkspaceId,
    basis: Annotated[str, typer.Argument(help=f"One of: {', '.join(loyalty.rules.BASES)}.")],
    points: Annotated[int, typer.Argument(help="Points for each.")],
    per_amount: Annotated[str | None, typer.Option(help="For spend: for each such amount.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the amount, such as EUR.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let something earn points by itself."""
    each = amount(per_amount, "--per-amount")

    async def work(tx: Tx) -> int:
        return await loyalty.rules.create(tx, basis=basis, points=points, per_amount=each, currency=currency)

    _made("rule", in_workspace(data_dir, workspace_id, work), as_json=as_json)


@app.command("standing")
def standing(
    workspace_id: WorkspaceId,
    guest_id: Annotated[int, typer.Argument(help="The guest.")],
    at: Annotated[str | None, typer.Option(help="A past instant, such as 2026-06-20T12:00:00+02:00.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show where a guest stands, now or at a past instant."""
    past = instant(at, "--at")
    rank = in_workspace(data_dir, workspace_id, lambda tx: loyalty.rank(tx, guest_id, at=past))
    if as_json:
        show(rank)
    else:
        print(f"{rank.tier.name if rank.tier else 'No tier'}, with {rank.qualifying_points} points that count")


@app.command("reverse")
def reverse(
    workspace_id: WorkspaceId,
    movement_id: Annotated[int, typer.Argument(help="The movement of points.")],
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Undo a movement of points exactly, once."""
    done = in_workspace(data_dir, workspace_id, lambda tx: loyalty.reverse(tx, movement_id, note=note))
    if as_json:
        show(done)
    else:
        print(f"Reversed: {done.points:+} points for guest {done.guest_id}, who now has {done.balance}.")


def _made(what: str, made_id: int, *, as_json: bool) -> None:
    if as_json:
        show({"id": made_id})
    else:
        print(f"Made {what} {made_id}.")
