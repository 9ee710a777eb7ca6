"""Receivers' own verifiers in JavaScript, run by Node.

The packages are what `package-lock.json` pins, installed here at the first need, without scripts.
"""

import base64
import json
import subprocess
from datetime import datetime
from pathlib import Path

from tests import npm
from tests.living import Received

HERE = Path(__file__).parent

Request = tuple[str, Received, datetime]


class Verifiers:
    """The contract's JavaScript and the npm packages `standardwebhooks` and `svix`."""

    def __init__(self, node: Path) -> None:
        self._node = node

    def verdicts(self, *requests: Request) -> list[dict[str, bool]]:
        """For each request (secret, what was received, the verifier's present): who accepts it."""
        asked = [
            {
                "secret": secret,
                "headers": received.headers,
                "body": base64.b64encode(received.body).decode(),
                "now": int(now.timestamp() * 1000),
            }
            for secret, received, now in requests
        ]
        told = subprocess.run(
            [self._node, HERE / "verify.mjs"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        answer: list[dict[str, bool]] = json.loads(told.stdout)
        return answer


def installed() -> Verifiers:
    """Node with the packages beside it. Skips the test when npm's registry cannot be reached."""
    return Verifiers(npm.node_with_packages(HERE))
