"""The documented CRM requests, once each, in their order, on a fresh demo workspace of a live server."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.live import live_server

EXAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text())
SEED = Path(__file__).parents[3] / "shared/seeds/guest-api.seed.txt"


def test_every_documented_crm_request_succeeds_in_order_on_a_fresh_demo() -> None:
    answers = {}

    with live_server("--no-worker") as live:
        for example in EXAMPLES:
            body = json.dumps(example["body"]).encode() if "body" in example else None
            headers = {"Authorization": f"Bearer {live.key}", "Accept": "application/json"}
            headers |= {"Content-Type": "application/json"} if body else {}
            request = urllib.request.Request(live.base + example["path"], body, headers, method=example["method"])
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.headers["X-Request-Id"]
                answers[example["title"]] = json.load(answer)

    assert answers["List guests"]["total"] >= 1
    assert answers["Create guest"]["email"] == "alex@example.com"
    assert answers["Get guest by ID"]["id"] == 42
    assert answers["Update guest"]["tags"] == ["vip"]
    assert answers["Guest activity timeline"]["items"][0]["guest_id"] == 42
    assert answers["Create tag"]["slug"] == "vip"
    assert answers["Add staff note"]["text"] == "Prefers window seat."


@pytest.mark.skipif(not SEED.exists(), reason="The documents themselves are not on this machine.")
def test_the_kept_examples_are_those_of_the_document() -> None:
    text = SEED.read_text()
    part = text[text.index("CRM API\nManage") : text.index("Promotion API\n")]
    found = re.findall(r'-X (\w+) \\\n"https://[^/"]+/api/v1/external/v1([^"]*)"', part)
    bodies = [json.loads(body) for body in re.findall(r"-d '(.*?)'", part, re.DOTALL)]

    assert [(example["method"], example["path"]) for example in EXAMPLES] == found
    assert [example["body"] for example in EXAMPLES if "body" in example] == bodies
