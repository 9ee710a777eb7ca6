"""Case D44: the folder for messages, the log, and what else is written, on a disk that is full or read-only."""

import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from hospes.base.errors import Misconfigured
from hospes.base.secrets import Vault
from hospes.base.settings import Settings
from hospes.capabilities.messaging import Carrier
from hospes.cli.session import secret_key
from hospes.providers.mail import MailWriter
from hospes.providers.message_folder import MailFolder, SmsFolder, newest
from tests.crash.mounts import fill, make_read_only, make_writable, mounted
from tests.crash.test_kill import call, children, until
from tests.live import COMMAND, Live, data_folder, live_server
from tests.living import Api, Home
from tests.messaging.mailing import new_template, send, sending_with, standing

SAYS = {"full": "No space left on device", "read-only": "Read-only file system"}
WAYS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "full": (fill, lambda disk: (disk / "filler").unlink()),
    "read-only": (make_read_only, make_writable),
}


@pytest.mark.parametrize("state", list(WAYS))
async def test_messages_wait_while_their_folder_cannot_be_written_and_say_why(
    home: Home, api: Api, vault: Vault, state: str
) -> None:
    """D44: callers are told at once, as when a mail server does not answer; nothing is lost, nothing is half there."""
    break_, mend = WAYS[state]
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")
    request_id = await send(api, guest)
    body = {"guest_id": guest["id"], "template_slug": "welcome_email", "variables": {"guest_name": "A"}}

    with mounted("1m") as disk:
        folder = disk / "outbox"
        carriers: dict[str, Carrier] = {
            "email": MailFolder(folder, MailWriter("hello@cafe.example")),
            "sms": SmsFolder(folder),
        }
        break_(disk)
        async with sending_with(home, vault, carriers) as room:
            await room.run(api.workspace_id)
            waiting = await standing(api, request_id)
            refused = await api.post("/communication/email/send", body)
            other = await api.get(f"/crm/guests/{guest['id']}")
            left = list(folder.iterdir()) if folder.exists() else []

            mend(disk)
            await room.check()
            home.clock.advance(minutes=2)
            await room.run(api.workspace_id)
            kept = newest(folder)
        accepted = await api.post("/communication/email/send", body)

    says = f"The folder for messages cannot be written: {SAYS[state]}."
    assert (waiting["status"], waiting["error"]) == ("queued", says)
    assert (refused.status, refused.json()) == (502, {"detail": "Email provider error"})
    assert other.status == 200
    assert left == []
    assert [one.to for one in kept] == ["alex@example.com"]
    assert (await standing(api, request_id))["status"] == "delivered"
    assert accepted.status == 202


def test_a_log_on_a_full_disk_loses_lines_and_no_request() -> None:
    """D44: every process writes its log to a file that takes nothing any more, from the first line on."""
    folder = data_folder()
    environment = {name: value for name, value in os.environ.items() if name != "HOSPES_DATABASE_URL"}
    environment |= {"HOSPES_LOG_LEVEL": "info", "HOSPES_LOG_FORMAT": "json"}
    arguments = ["serve", "--demo", "--port", "0", "--data-dir", str(folder)]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=full, text=True, env=environment
        ) as run,
    ):
        assert run.stdout is not None
        said = {}
        for line in run.stdout:
            name, _, value = line.strip().partition("  ")
            said[name] = value.strip()
            if line.startswith("Stop with"):
                break
        live = Live(run, folder, said)
        assert until(lambda: status(live, "/crm/tags") == 200)
        made = [call(live, "POST", "/crm/guests", {"location_id": 1, "name": "Unlogged"})["id"] for _ in range(20)]
        unknown = status(live, "/crm/guests/999999999")
        # The supervisor tells of a death, and replaces who died, also when nobody can read it.
        [victim] = children(live, "worker")
        os.kill(victim, signal.SIGKILL)
        assert until(lambda: children(live, "worker") not in ([], [victim]))
        assert [status(live, f"/crm/guests/{guest}") for guest in made] == [200] * 20
        run.terminate()
        ended = run.wait(40)

    assert unknown == 404
    assert ended == 0


def status(live: Live, path: str) -> int | None:
    request = urllib.request.Request(live.base + path, headers={"Authorization": f"Bearer {live.key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


@pytest.mark.parametrize("state", list(WAYS))
@pytest.mark.parametrize(
    "command", [["doctor"], ["serve", "--port", "0"], ["backup", "/tmp/never"]], ids=lambda it: it[0]
)
def test_a_data_folder_that_takes_nothing_is_said_in_one_sentence(command: list[str], state: str) -> None:
    """D44"""
    with mounted("1m") as disk:
        WAYS[state][0](disk)
        done = hospes(*command, "--data-dir", str(disk / "data" if state == "full" else disk))

    assert done.returncode == 1
    assert SAYS[state] in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("/tmp/never").exists()


@pytest.mark.parametrize("state", list(WAYS))
async def test_a_key_that_cannot_be_made_is_said_in_one_sentence_and_no_half_of_it_is_left(state: str) -> None:
    """D44: with a database of one's own, the key is all that lies in the folder."""
    with mounted("1m") as disk:
        WAYS[state][0](disk)
        with pytest.raises(Misconfigured, match=f"{SAYS[state]}.*Set HOSPES_SECRET_KEY"):
            secret_key(Settings(data_dir=disk))
        assert not (disk / "secret.key").exists()


def hospes(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name != "HOSPES_DATABASE_URL"}
    return subprocess.run(
        [*COMMAND, *arguments], env=kept | environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_folder_for_temporary_files_that_is_full_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """D44: the figures of `/metrics` are mapped files, and writing to one on a full disk ends a process."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no folder in memory, so the figures have to lie in the full one")
    with mounted("1m") as disk, monkeypatch.context() as changed:
        fill(disk)
        folder = data_folder()
        changed.setenv("TMPDIR", str(disk))
        with live_server("--workers", "2", "--data-dir", str(folder)) as live:
            before = [*children(live, "api"), *children(live, "worker")]
            answers = [status(live, "/crm/tags") for _ in range(50)]
            after = [*children(live, "api"), *children(live, "worker")]
    shutil.rmtree(folder)

    assert answers == [200] * 50
    assert (len(before), before) == (3, after)
