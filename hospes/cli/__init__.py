"""The command line."""


def main() -> None:
    """Entry point of `hospes`."""
    from hospes.cli.app import app  # noqa: PLC0415 (children import this package and need no commands)

    app()
