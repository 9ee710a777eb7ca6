"""The documentation's calls, in the order printed, on a fresh demo of a live server."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.live import COMMAND, live_server

PAGE = Path(__file__).parents[2] / "docs" / "integrator" / "audience-api.md"
CALLS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
SEED = Path(__file__).parents[3] / "shared" / "seeds" / "audience-api.seed.txt"


def test_every_documented_call_works_in_the_order_printed() -> None:
    with live_server() as live:
        demo = subprocess.run(
            [*COMMAND, "demo", "--json", "--data-dir", str(live.folder)], capture_output=True, check=True
        )
        told = json.loads(demo.stdout)
        known = {
            "HOSPES": live.base.removesuffix("/api/v1/external/v1"),
            "BRAND": str(told["brand_id"]),
            "KEY": told["brand_key"],
            "PATH": "/usr/bin:/bin",
        }

        answers = []
        for call in CALLS:
            done = subprocess.run(["bash", "-c", call], env=known, capture_output=True, check=True, timeout=60)
            answers.append(json.loads(done.stdout)["response"])

    assert len(answers) == 6
    assert [answer["status"] for answer in answers] == ["success"] * 6, answers
    assert answers[1]["data"]["user_attributes"]["email"] == "john@example.com"
    assert answers[2]["data"]["accepted"] == 1


def test_the_sample_is_the_quick_starts_own() -> None:
    if not SEED.exists():
        pytest.skip("The seed is not here.")

    from tests.audience_api.test_door import PRINTED

    printed = SEED.read_text()
    assert PRINTED.decode().partition("email")[0] in printed
