"""The documentation against the code; its examples are run."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from hospes.base.settings import Settings
from hospes.capabilities import webhooks, workspaces
from hospes.capabilities.events import Event, PropertyEvent, titled
from hospes.capabilities.webhooks.signing import contract_signature
from hospes.cli import demo
from hospes.cli.app import app
from hospes.doors.guest_api.speech import STATUSES
from tests.living import SECRET_KEY, Api, Home

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
CURLS = [(path.name, block) for path in DOCS for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL)]


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`HOSPES_{name.upper()}`" in text("operator/settings.md")


def _commands(group: Any, prefix: str) -> list[tuple[str, list[str]]]:
    found = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _commands(command, f"{prefix} {name}")
        else:
            options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
            found.append((f"{prefix} {name}", options))
    return found


@pytest.mark.parametrize("command", _commands(typer.main.get_command(app), "hospes"), ids=lambda command: command[0])
def test_every_command_and_option_is_documented(command: tuple[str, list[str]]) -> None:
    page = text("operator/command-line.md")

    assert f"`{command[0]}" in page
    assert [option for option in command[1] if option != "--help" and option not in page] == []


@pytest.mark.parametrize("name", webhooks.EVENTS)
def test_every_webhook_event_is_documented(name: str) -> None:
    assert f"`{name}`" in text("integrator/webhooks.md")


def kinds(of: Any) -> list[Any]:
    return [kind for direct in of.__subclasses__() for kind in (direct, *kinds(direct))]


EVENTS = sorted(
    (kind for kind in (*kinds(Event), *kinds(PropertyEvent)) if kind.TYPE and kind.__module__.startswith("hospes.")),
    key=lambda kind: kind.TYPE,
)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.TYPE)
def test_every_event_is_documented_and_has_a_title(kind: type[Event]) -> None:
    assert f"`{kind.TYPE}`" in text("integrator/events.md")
    assert titled(kind.TYPE) == kind.TITLE != ""


@pytest.mark.parametrize("status", sorted({*STATUSES.values(), 401, 405, 408, 413, 415, 429}))
def test_every_error_is_documented(status: int) -> None:
    assert f"| {status} |" in text("integrator/errors-and-limits.md")


@pytest.mark.parametrize("plan", list(workspaces.PLANS))
def test_every_plan_is_documented(plan: str) -> None:
    assert f"| `{plan}`" in text("operator/command-line.md")


@pytest.mark.parametrize("path", [ROOT / "README.md", *DOCS], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())

    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


@pytest.mark.parametrize(("name", "block"), CURLS, ids=[f"{name}-{place}" for place, (name, _) in enumerate(CURLS)])
async def test_every_call_in_the_documentation_works_on_the_demo(home: Home, name: str, block: str) -> None:
    credentials = await demo.fill(home.server, SECRET_KEY)
    api = Api(home, credentials.workspace_id, credentials.api_key, 1, 1)
    words = shlex.split(block)
    url = next(word for word in words if word.startswith("$HOSPES_URL")).removeprefix("$HOSPES_URL")
    path, _, query = url.partition("?")
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    given = [words[place + 1] for place, word in enumerate(words) if word == "-H"]
    headers = dict(
        header.split(": ", 1) for header in given if not header.startswith(("Authorization", "Content-Type"))
    )

    answer = await api.ask(
        method, path, body, headers=headers, **dict(part.split("=") for part in query.split("&") if part)
    )

    assert answer.status < 300, answer


def test_the_verification_in_the_documentation_accepts_what_we_sign() -> None:
    [block] = re.findall(r"```python\n(.*?)```", text("integrator/webhooks.md"), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(block, namespace)

    assert namespace["verify"]("whsec_x", b"{}", contract_signature("whsec_x", b"{}"))
    assert not namespace["verify"]("whsec_y", b"{}", contract_signature("whsec_x", b"{}"))
