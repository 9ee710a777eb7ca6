"""Schemathesis reads the OpenAPI document and tries to break the live server with it."""

import json
import subprocess
import sys
from pathlib import Path

from hospes.capabilities.oauth.scopes import SCOPES
from tests.live import COMMAND, Live, live_server
from tests.property_api.test_examples import connected


def run(live: Live, document: str, *headers: str, base: str, passed_over: str = "", seconds: int = 400) -> None:
    # Some rules are beyond JSON Schema: two idempotency keys that differ, a tag nobody defined.
    excluded = ",".join(filter(None, ["positive_data_acceptance", passed_over]))
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            document,
            "--url",
            base,
            *(part for header in headers for part in ("--header", header)),
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "15",
            "--seed",
            "42",
            "--no-color",
            "--exclude-checks",
            excluded,
        ],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=live.folder,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_schemathesis_finds_nothing_in_the_guest_api() -> None:
    with live_server() as live:
        run(live, live.base + "/openapi.json", f"Authorization: Bearer {live.key}", base=live.base)


def test_schemathesis_finds_nothing_in_the_property_api() -> None:
    with live_server(property_read_limit="10000", property_write_limit="10000") as live:
        site = live.base.removesuffix("/api/v1/external/v1")
        _, tokens = connected(live, site, " ".join(SCOPES))
        run(live, f"{site}/public/openapi.json", f"Authorization: Bearer {tokens['access_token']}", base=site)


def test_schemathesis_finds_nothing_in_the_audience_api() -> None:
    with live_server() as live:
        site = live.base.removesuffix("/api/v1/external/v1")
        told = json.loads(
            subprocess.run(
                [*COMMAND, "demo", "--json", "--data-dir", str(live.folder)], capture_output=True, check=True
            ).stdout
        )
        headers = [f"x-brand-id: {told['brand_id']}", f"x-api-key: {told['brand_key']}"]
        # This contract says 404 of a method that an address does not have.
        run(live, f"{site}/api/v1/openapi.json", *headers, base=site, passed_over="unsupported_method")
