"""What version this is."""

from importlib.metadata import version

from typer.testing import CliRunner

from hospes.cli.app import app


def test_the_command_tells_its_version() -> None:
    said = CliRunner().invoke(app, ["--version"])

    assert (said.exit_code, said.output) == (0, f"Hospes {version('hospes')}\n")
