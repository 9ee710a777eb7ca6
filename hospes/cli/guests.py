"""`hospes guests export` and `hospes guests erase`: what people may ask for by law."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from hospes.base.errors import Busy, Conflict, Invalid, NotFound
from hospes.capabilities import record, workspaces
from hospes.cli.session import DataDir, Json, say, settings_for, show, told, with_house
from hospes.cli.working import ACTOR, in_workspace
from hospes.house import House

_TOLD_EVERY = 1_000
_TRIES = 5

Workspace = Annotated[int, typer.Argument(help="Whose guest.")]


class Erased(msgspec.Struct):
    """How many are erased now, were before, and could not be: by id, with the reason."""

    erased: int = 0
    already: int = 0
    refused: dict[int, str] = msgspec.field(default_factory=dict)


def export(
    workspace_id: Workspace,
    guest_id: Annotated[int, typer.Argument(help="The guest.")],
    to: Annotated[Path, typer.Option(help="The zip file to write.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write everything that is known of a guest into a zip file, as JSON and CSV."""

    async def work(house: House) -> bytes:
        await workspaces.get(house.database, workspace_id)
        now = await house.instant(workspace_id)
        async with house.database.snapshot(workspace_id, now=now, actor=ACTOR) as reader:
            exported = await record.export(reader, guest_id)
        return exported.packed()

    with told():
        packed = with_house(settings_for(data_dir), work)
        try:
            to.touch(mode=0o600)
            to.write_bytes(packed)
        except OSError as error:
            raise Invalid(f"{to} cannot be written: {error.strerror}.") from None
    if as_json:
        show({"guest_id": guest_id, "file": str(to), "bytes": len(packed)})
    else:
        print(f"Guest {guest_id} is in {to}.")


def erase(
    workspace_id: Workspace,
    guest_id: Annotated[int | None, typer.Argument(help="The guest.")] = None,
    file: Annotated[Path | None, typer.Option(help="Erase all whose ids stand in this file, one a line.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Erase guests for good. Run it again after it was cut off: who is erased already is passed over."""
    with told():
        if (guest_id is None) == (file is None):
            raise Invalid("Name a guest, or give a file of ids with --file.")
        ids = iter([guest_id]) if guest_id is not None else _ids(file or Path())
        outcome = with_house(settings_for(data_dir), lambda house: erase_all(house, workspace_id, ids))
    if as_json:
        show(outcome)
    else:
        print(f"Erased {outcome.erased}; {outcome.already} are not there, or were erased before.")
        for refused, reason in outcome.refused.items():
            print(f"{refused}: {reason}")
    raise typer.Exit(1 if outcome.refused else 0)


def hold(
    workspace_id: Workspace,
    guest_id: Annotated[int, typer.Argument(help="The guest.")],
    reason: Annotated[str, typer.Option(help="Why; shown to whoever asks to erase.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Let the guest be erased again.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Keep a guest from being erased: for a lawsuit, or a bill that is not paid."""
    with told():
        if bool(reason) == release:
            raise Invalid("Give a --reason, or --release.")
    if release:
        in_workspace(data_dir, workspace_id, lambda tx: record.let_go(tx, guest_id))
    else:
        in_workspace(data_dir, workspace_id, lambda tx: record.keep(tx, guest_id, reason=reason))
    if as_json:
        show({"guest_id": guest_id, "held": not release})
    else:
        print(f"Guest {guest_id} may be erased again." if release else f"Guest {guest_id} cannot be erased.")


def retention(
    workspace_id: Annotated[int, typer.Argument(help="Whose rules.")],
    network_days: Annotated[int | None, typer.Option(help="Days that device and IP addresses are kept.")] = None,
    message_days: Annotated[int | None, typer.Option(help="Days that texts of messages are kept.")] = None,
    erases_with_stay: Annotated[
        bool, typer.Option("--erases-with-stay", help="Erase guests also while a stay is not over.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say how long traces of guests are kept; what is left out is kept for ever."""
    settings = record.retention.Settings(
        network_days=network_days, message_days=message_days, erases_with_stay=erases_with_stay
    )
    in_workspace(data_dir, workspace_id, lambda tx: record.retention.put(tx, settings))
    if as_json:
        show(settings)
    else:
        print(f"Addresses are kept {_shown(network_days)}, texts of messages {_shown(message_days)}.")


async def erase_all(house: House, workspace_id: int, guest_ids: Iterator[int]) -> Erased:
    """Erase each in a transaction of its own; nothing is kept in memory but who was refused."""
    await workspaces.get(house.database, workspace_id)
    outcome = Erased()
    for number, guest_id in enumerate(guest_ids, start=1):
        try:
            await _erase(house, workspace_id, guest_id)
            outcome.erased += 1
        except NotFound:
            outcome.already += 1
        except Conflict as refusal:
            outcome.refused[guest_id] = refusal.message
        if number % _TOLD_EVERY == 0:
            say(f"{number} ids, {outcome.erased} erased")
    return outcome


async def _erase(house: House, workspace_id: int, guest_id: int) -> None:
    """Somebody may be writing to the guest: then it is tried again. Raises NotFound, Conflict, Busy."""
    for tried in range(1, _TRIES):
        try:
            return await _erase_once(house, workspace_id, guest_id)
        except Busy:
            await house.clock.sleep(0.1 * tried)
    return await _erase_once(house, workspace_id, guest_id)


async def _erase_once(house: House, workspace_id: int, guest_id: int) -> None:
    now = await house.instant(workspace_id)
    async with house.database.begin(workspace_id, now=now, actor=ACTOR) as tx:
        await record.erase(tx, guest_id, evidence="command line")


def _ids(file: Path) -> Iterator[int]:
    """Line by line. Raises Invalid for a file that cannot be read, and for a line that is no id."""
    try:
        with file.open() as lines:
            for number, line in enumerate(lines, start=1):
                text = line.strip()
                if text and not (text.isascii() and text.isdigit() and len(text) < 19):
                    raise Invalid(f"Line {number} of {file} is not the id of a guest. Those before it are erased.")
                if text:
                    yield int(text)
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{file} cannot be read as a list of ids.") from None


def _shown(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"
