"""`hospes segments`: who is in, why, and whether that is right."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from hospes.base.db import Reader, Tx
from hospes.base.errors import Invalid
from hospes.capabilities import guests, segments
from hospes.cli.session import DataDir, Json, show, told
from hospes.cli.working import at_one_moment, in_workspace

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
    for line in segments.outline(segments.parse(found.rules)):
        print(f"    {'  ' * line.level}{line.text}")


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

    async def work(tx: Tx) -> tuple[segments.Explanation, segments.Segment, guests.Guest]:
        why = await segments.explain(tx, segment_id, guest_id)
        return why, await segments.get(tx, segment_id), await guests.get(tx, guest_id)

    why, segment, guest = in_workspace(data_dir, workspace_id, work)
    if as_json:
        show(why)
        return
    since = f", since {_instant(why.entered_at)}" if why.is_in and why.entered_at else ""
    name = f", {guest.name}," if guest.name else ""
    is_in = "is in" if why.is_in else "is not in"
    print(f"Guest {why.guest_id}{name} {is_in} segment {segment.id}, {segment.name}{since}.")
    if why.is_in != why.is_member:
        print("The list of members does not say so yet.")
    findings = {one.path: one for one in why.conditions}
    for line in segments.outline(segments.parse(segment.rules)):
        finding = findings.get(line.path or "")
        verdict = _verdict(finding, is_decisive=line.path in why.decided_by)
        print(f"{verdict}{'  ' * line.level}{line.text}{_coming(finding)}")
    print("Lines with * decide.")
    if why.changes_at is None:
        print("It does not change by itself: only when the guest does something.")
    else:
        print(f"It changes by itself {'at' if why.is_sure else 'after'} {_instant(why.changes_at)}.")


def _verdict(finding: segments.Finding | None, *, is_decisive: bool) -> str:
    if finding is None:
        return " " * 9
    return f"  {'*' if is_decisive else ' '} {'yes' if finding.is_true else 'no':<5}"


def _coming(finding: segments.Finding | None) -> str:
    return f"  (until {_instant(finding.may_change_at)} at least)" if finding and finding.may_change_at else ""


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@app.command("check")
def check(
    workspace_id: WorkspaceId,
    segment_id: Annotated[int | None, typer.Argument(help="One segment; all published ones when left out.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Compare members with a full recomputation; exit status 1 when they differ."""

    async def work(reader: Reader) -> list[segments.Difference]:
        chosen = [segment_id] if segment_id is not None else await segments.checking.published(reader)
        return [await segments.check(reader, one) for one in chosen]

    found = at_one_moment(data_dir, workspace_id, work)
    if as_json:
        show(found)
    for one in [] if as_json else found:
        print(f"{'ok  ' if one.is_none else 'BAD '} segment {one.segment_id}: {one.members:,} members", end="")
        print("" if one.is_none else f", {len(one.missing)} missing, {len(one.surplus)} too many")
        for word, ids in (("missing", one.missing), ("too many", one.surplus)):
            if ids:
                print(f"      {word}: {', '.join(map(str, ids[:20]))}{' …' if len(ids) > 20 else ''}")
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
