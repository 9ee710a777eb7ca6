"""A process that supervises, as `hospes serve` does; told by one JSON argument what."""

import json
import sys
from pathlib import Path

from hospes.base import data_folder
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.processes import wait_until
from hospes.cli.supervisor import Child, Supervisor


def main() -> int:
    told = json.loads(sys.argv[1])
    postgres = EmbeddedPostgres(data_folder.claim(Path(told["data"])).path) if told["data"] else None
    children = [
        Child(name, [sys.executable, str(Path(__file__).with_name("child.py")), *arguments], env=told["env"])
        for name, arguments in told["children"].items()
    ]
    supervisor = Supervisor(children, say=say, postgres=postgres, grace_seconds=told["grace"])
    if told["waits_for"]:
        with supervisor.preparing():
            wait_until(Path(told["waits_for"]).exists, seconds=60)
    return supervisor.run()


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
