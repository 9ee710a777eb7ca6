"""The built files, as the server hands them out and as they are made."""

import gzip
import json
import re
import runpy
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from browsing import Serve
from sample_api import PAGE, sample_app
from yarl import URL

from hospes.web.docs_page import BUILT, SECURITY_HEADERS, Assets, docs_page

PROJECT = Path(__file__).parents[2]


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[aiohttp.ClientSession]:
    site = await serve(sample_app())
    async with aiohttp.ClientSession(site, auto_decompress=False, skip_auto_headers=["accept-encoding"]) as session:
        yield session


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("docs.js", "text/javascript; charset=utf-8"),
        ("docs.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("licenses.txt", "text/plain; charset=utf-8"),
    ],
)
async def test_a_file_is_served_whole_with_its_type(http: aiohttp.ClientSession, name: str, kind: str) -> None:
    async with http.get(f"/assets/{name}") as answer:
        body = await answer.read()

    assert answer.status == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in answer.headers
    assert body == (BUILT / name).read_bytes()


async def test_a_browser_that_takes_gzip_gets_it_under_a_tag_of_its_own(http: aiohttp.ClientSession) -> None:
    async with http.get("/assets/docs.js") as plain:
        pass
    async with http.get("/assets/docs.js", headers={"accept-encoding": "br;q=0, gzip, deflate"}) as packed:
        body = await packed.read()
    async with http.get("/assets/docs.js", headers={"accept-encoding": "gzip;q=0"}) as refused:
        pass

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == (BUILT / "docs.js").read_bytes()
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert refused.headers["etag"] == plain.headers["etag"]


async def test_a_file_the_browser_has_is_not_sent_again(http: aiohttp.ClientSession) -> None:
    async with http.get("/assets/docs.css") as first:
        tag = first.headers["etag"]

    for known in (tag, f'"other", W/{tag}', "*"):
        async with http.get("/assets/docs.css", headers={"if-none-match": known}) as again:
            assert (again.status, await again.read(), again.headers["etag"]) == (304, b"", tag)
    async with http.get("/assets/docs.css", headers={"if-none-match": '"other"'}) as changed:
        assert changed.status == 200


async def test_head_tells_the_size_and_sends_nothing(http: aiohttp.ClientSession) -> None:
    for path in ("/assets/docs.js", PAGE):
        async with http.head(path) as head, http.get(path) as get:
            assert (head.status, await head.read()) == (200, b"")
            assert head.headers["content-length"] == str(len(await get.read()))


async def test_other_methods_are_refused(http: aiohttp.ClientSession) -> None:
    for path in ("/assets/docs.js", PAGE):
        async with http.post(path) as answer:
            assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing.js",
        "docs.js/",
        "docs.js.gz",
        ".stamp",
        "../docs_page.py",
        "%2e%2e/docs_page.py",
        "..%2fdocs_page.py",
        "%2fetc%2fpasswd",
        "..%5cdocs_page.py",
        "docs.js%00",
        "//etc/passwd",
    ],
)
async def test_there_is_nothing_beside_the_built_files(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(URL(f"/assets/{path}", encoded=True)) as answer:
        assert answer.status == 404


async def test_the_page_carries_its_policy(http: aiohttp.ClientSession) -> None:
    async with http.get(PAGE) as answer:
        body = await answer.text()

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert SECURITY_HEADERS.items() <= {name.lower(): value for name, value in answer.headers.items()}.items()
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert re.findall(r"<script\b[^>]*>(?!</script>)| on\w+=|<style|https?:", body) == []


async def test_without_the_files_the_page_says_what_to_do(serve: Serve, tmp_path: Path) -> None:
    site = await serve(sample_app(assets=Assets(tmp_path / "never-built")))

    async with aiohttp.ClientSession(site) as session, session.get(PAGE) as answer:
        body = await answer.text()

    assert answer.status == 503
    assert "The docs page's files are missing. Run <code>make install</code>" in body
    assert 'href="openapi.json"' in body


def test_a_title_is_text_and_a_url_stays_in_its_attribute() -> None:
    page = docs_page(title="Tom & <b>", openapi_url='x"><script>', assets_url="../assets/").decode()

    assert "<title>Tom &amp; &lt;b&gt;</title>" in page
    assert "<script>" not in page
    assert 'src="../assets/docs.js"' in page


def test_nothing_built_refers_to_a_source_map_or_loads_from_elsewhere() -> None:
    for name in ("docs.js", "docs.css"):
        text = (BUILT / name).read_text("utf-8")
        assert "sourceMappingURL" not in text
        assert re.findall(r"(?:url\(|@import|src=)\s*[\"']?(?:https?:)?//", text) == []


def test_the_lock_names_no_host_and_pins_every_package() -> None:
    lock = json.loads((PROJECT / "assets/package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert packages["node_modules/swagger-ui-dist"]["version"] == "5.35.0"


def test_what_is_built_is_built_from_what_lies_there() -> None:
    """If this fails, run `make install`: a source has changed since."""
    build = runpy.run_path(str(PROJECT / "assets/build.py"))

    assert build["is_current"](build["fingerprint"]())
    assert not build["is_current"]("another fingerprint")
