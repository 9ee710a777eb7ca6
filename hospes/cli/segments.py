"""`hospes segments`: who is in, why, and whether that is right."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from hospes.base.db import Tx
from hospes.base.errors import Invalid
from hospes.capabilities import segments
from hospes.cli.session import DataDir, Json, show, told
from hospes.cli.working import in_workspace

app = typer.Typer(no_args_is_help=True, help="Segments of a workspace.")

WorkspaceId = Annotated[int, typer.Argument(help="The workspace.")]
SegmentId = Annotated[int, typer.Argument(help="The segment.")]
RulesFile = Annotated[Path, typer.Argument(help="A file with rules in JSON; - is standard input.", allow_dash=True)]


@app.command("list")
def list_all(workspace_id: WorkspaceId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the newest 200 segments."""
    found = in_workspace(data_dir, workspace_id, lambda tx: segments.list_after(tx, None, limit=200))
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(_line(one))


@app.command("show")
def show_one(workspace_id: WorkspaceId, segment_id: SegmentId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show a segment and its rules."""
    found = in_workspace(data_dir, workspace_id, lambda tx: segments.get(tx, segment_id))
    if as_json:
        show(found)
        return
    print(_line(found))
    show(found.rules)


@app.command("create")
def create(
    workspace_id: WorkspaceId,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    rules: RulesFile,
    draft: Annotated[bool, typer.Option("--draft", help="Do not publish it yet.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a segment from rules in a file, and publish it."""
    read = _read(rules)

    async def work(tx: Tx) -> segments.Segment:
        segment_id = await segments.create(tx, name=name, rules=read)
        if not draft:
            await segments.publish(tx, segment_id)
        return await segments.get(tx, segment_id)

    made = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(made)
    else:
        print(_line(made))


@app.command("count")
def count(workspace_id: WorkspaceId, rules: RulesFile, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Count the guests for whom rules in a file hold now; nothing is kept."""
    read = _read(rules)
    found = in_workspace(data_dir, workspace_id, lambda tx: segments.count(tx, read))
    if as_json:
        show({"count": found})
    else:
        print(f"{found:,} guests")


@app.command("explain")
def explain(
    workspace_id: WorkspaceId,
    segment_id: SegmentId,
    guest_id: Annotated[int, typer.Argument(help="The guest.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say why a guest is in a segment or not, and when that would change."""
    told_ = in_workspace(data_dir, workspace_id, lambda tx: segments.explain(tx, segment_id, guest_id))
    if as_json:
        show(told_)
        return
    print(f"Guest {told_.guest_id} is {'in' if told_.is_in else 'not in'} segment {segment_id}.")
    for one in told_.conditions:
        mark = "*" if one.path in told_.decided_by else " "
        coming = f"  may change {one.may_change_at.isoformat()}" if one.may_change_at else ""
        print(f"{mark} {'yes' if one.is_true else 'no ':<3}  {one.field}  {one.path}{coming}")
    if told_.changes_at is None:
        print("It changes when the guest does something.")
    else:
        print(f"It changes by itself {'at' if told_.is_sure else 'after'} {told_.changes_at.isoformat()}.")


@app.command("check")
def check(
    workspace_id: WorkspaceId,
    segment_id: Annotated[int | None, typer.Argument(help="One segment; all published ones when left out.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Compare members with a full recomputation; exit status 1 when they differ."""

    async def work(tx: Tx) -> list[segments.Difference]:
        chosen = [segment_id] if segment_id is not None else await segments.checking.published(tx)
        return [await segments.check(tx, one) for one in chosen]

    found = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(f"{'ok  ' if one.is_none else 'BAD '} segment {one.segment_id}: {one.members:,} members", end="")
        print("" if one.is_none else f", {len(one.missing)} missing, {len(one.surplus)} too many")
        for word, guests in (("missing", one.missing), ("too many", one.surplus)):
            if guests:
                print(f"      {word}: {', '.join(map(str, guests[:20]))}{' …' if len(guests) > 20 else ''}")
    raise typer.Exit(0 if all(one.is_none for one in found) else 1)


def _line(segment: segments.Segment) -> str:
    fault = f"  {segment.fault}" if segment.fault else ""
    return f"{segment.id}  {segment.name}  {segment.status}  {segment.member_count:,} members{fault}"


def _read(path: Path) -> Any:
    with told():
        try:
            raw = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
        except OSError as error:
            raise Invalid(f"{path} cannot be read ({error.strerror}).") from None
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid(f"{path} is not JSON: {str(error)[:200]}") from None
