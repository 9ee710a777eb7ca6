"""The 28 documented requests, once each, in their order, on a fresh demo workspace of a live server."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.live import live_server

EXAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text())
SEED = Path(__file__).parents[3] / "shared/seeds/guest-api.seed.txt"


def test_every_documented_request_succeeds_in_order_on_a_fresh_demo() -> None:
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
    assert len(answers) == len(EXAMPLES) == 28
    assert 7 in [one["id"] for one in answers["List promotions"]["items"]]
    assert (answers["Grant promotion"]["promotion_id"], answers["Redeem promotion"]["grant_id"]) == (7, 100)
    assert answers["Add points"]["balance"] == answers["Points balance"]["balance"] + 50
    assert answers["Redeem points"]["balance"] == answers["Add points"]["balance"] - 100
    assert answers["Redeem reward"]["balance"] == answers["Redeem points"]["balance"] - 100
    assert "/w/" in answers["Wallet link"]["url"]
    assert (answers["Send email"]["status"], answers["Delivery status"]["status"]) == ("queued", "delivered")
    assert [one["slug"] for one in answers["Portals"]["items"]] == ["main-street"]
    assert 42 in [one["guest_id"] for one in answers["Live guests"]["items"]]
    assert answers["Overview"]["active_sessions"] == answers["Sessions"]["total"]
    assert answers["Guest figures"]["total"] == 62
    assert answers["Promotion figures"]["grants_total"] > answers["Promotion figures"]["redemptions_total"] > 0


@pytest.mark.skipif(not SEED.exists(), reason="The documents themselves are not on this machine.")
def test_the_kept_examples_are_those_of_the_document() -> None:
    text = SEED.read_text()
    part = text[text.index("CRM API\nManage") :]
    found = re.findall(r'-X (\w+) \\\n"https://[^/"]+/api/v1/external/v1([^"]*)"', part)
    bodies = [json.loads(body) for body in re.findall(r"-d '(.*?)'", part, re.DOTALL)]

    assert [(example["method"], example["path"]) for example in EXAMPLES] == found
    assert [example["body"] for example in EXAMPLES if "body" in example] == bodies
