"""The documented integration, step by step, on a fresh demo workspace of a live server."""

import http.cookiejar
import json
import re
import subprocess
import urllib.parse
import urllib.request
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.live import COMMAND, Live, live_server

EXAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "examples.json").read_text())
SEED = Path(__file__).parents[3] / "shared/seeds/property-api.seed.txt"
REGISTRATION = {
    "clientName": "My PMS Integration",
    "redirectUris": ["https://my-app.example.com/oauth/callback"],
    "grantTypes": ["authorization_code", "refresh_token"],
    "responseTypes": ["code"],
    "tokenEndpointAuthMethod": "client_secret_post",
    "scope": "properties.read bookings.read missions.read",
}
WIDER = (
    "properties.read bookings.read bookings.sensitive.read bookings.write booking_parameters.write missions.write "
    "activity.read"
)
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


class _Staying(urllib.request.HTTPRedirectHandler):
    """Redirects are looked at, not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Person:
    """Somebody with a browser that keeps cookies."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _Staying()
        )

    def visit(self, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Where the answer leads, and its page."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        headers = {"Origin": self.site} if form is not None else {}
        request = urllib.request.Request(urllib.parse.urljoin(self.site, path), data, headers)
        try:
            with self._opener.open(request, timeout=20) as answer:
                return "", answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code != 303:
                raise
            return error.headers["location"], ""


def fields(page: str) -> dict[str, str]:
    found = re.findall(r'<input[^>]*type="hidden"[^>]*name="(\w+)"[^>]*value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def post(url: str, *, form: dict[str, str] | None = None, body: Any = None) -> dict[str, Any]:
    data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode()
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def connected(live: Live, site: str, scope: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Steps 1 to 3 of the guide: the client, and its tokens."""
    client = post(f"{site}/public/oauth/register", body={**REGISTRATION, "scope": scope})
    query = urllib.parse.urlencode(
        {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": REGISTRATION["redirectUris"][0],
            "scope": scope,
            "state": "RANDOM_STATE",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
    )
    told = subprocess.run(
        [*COMMAND, "demo", "--json", "--data-dir", str(live.folder)], capture_output=True, text=True, check=True
    )
    person, staff = Person(site), json.loads(told.stdout)["staff"]
    to_sign_in, _ = person.visit(f"/public/oauth/authorize?{query}")
    _, page = person.visit(to_sign_in)
    to_consent, _ = person.visit(to_sign_in, {**fields(page), **staff})
    _, page = person.visit(to_consent)
    assert "My PMS Integration" in page and "my-app.example.com" in page
    back, _ = person.visit("/public/oauth/consent", {**fields(page), "answer": "allow"})
    answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    assert back.startswith(REGISTRATION["redirectUris"][0] + "?") and answer["state"] == "RANDOM_STATE"
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": REGISTRATION["redirectUris"][0],
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "code_verifier": VERIFIER,
    }
    return client, post(f"{site}/public/oauth/token", form=form)


def test_every_step_and_every_documented_request_succeeds_in_order_on_a_fresh_demo() -> None:
    answers: dict[str, Any] = {}

    with live_server("--no-worker") as live:
        site = live.base.removesuffix("/api/v1/external/v1")
        client, tokens = connected(live, site, WIDER)
        for example in EXAMPLES:
            body = json.dumps(example["body"]).encode() if "body" in example else None
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            headers |= {"Content-Type": "application/json"} if body else {}
            request = urllib.request.Request(
                site + "/public/v1" + example["path"], body, headers, method=example["method"]
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                answers[example["title"]] = json.load(answer)
        refreshed = post(
            f"{site}/public/oauth/token",
            form={
                "grant_type": "refresh_token",
                "refresh_token": tokens["refresh_token"],
                "client_id": client["client_id"],
                "client_secret": client["client_secret"],
            },
        )

    assert tokens["access_token"].startswith("nis_") and tokens["expires_in"] == 3600
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", WIDER)
    assert tokens["resource"].endswith("/public/v1")
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    lilas = answers["List properties"]["data"][0]
    assert (lilas["id"], lilas["name"], lilas["address"]["country"]) == (101, "Lilas Apartment", "France")
    assert [one["id"] for one in answers["List bookings for a property in a date range"]["data"]] == [9001]
    detail = answers["Get a booking detail"]
    assert (detail["channel"], detail["guestEmail"], detail["guestFirstName"]) == ("direct", "ana@example.com", "Ana")
    assert answers["Update a direct booking"]["amount"] == "620.00"
    assert answers["Set its value on a booking"]["customParameters"] == {"external_status": "ready"}
    assert answers["Create a mission"]["assignedTeamMemberName"] == "Marie Dupont"
    feed = [one["type"] for one in answers["Read the activity feed"]["data"]]
    assert len(feed) == 20 and feed[:2] == ["mission.assigned", "mission.created"]


@pytest.mark.skipif(not SEED.exists(), reason="The documents themselves are not on this machine.")
def test_the_kept_examples_are_those_of_the_document() -> None:
    text = SEED.read_text()
    part = text[text.index("Endpoint examples") :]
    paths = re.findall(r'https://[^/"]+/public/v1([^"\s\\]*)', text[text.index("Step 4. Call") :])
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.*?\})'", part, re.DOTALL)]

    assert list(dict.fromkeys(paths)) == list(dict.fromkeys(example["path"] for example in EXAMPLES))
    assert [example["body"] for example in EXAMPLES if "body" in example] == bodies
    assert json.loads(re.search(r"-d '(\{\s+\"clientName.*?\})'", text, re.DOTALL)[1]) == REGISTRATION
