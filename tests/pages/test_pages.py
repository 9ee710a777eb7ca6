"""What is true of every guest's page."""

import re

import pytest

from hospes.doors.pages.languages import LANGUAGES, choose
from hospes.doors.pages.rendering import legible_on
from tests.living import Answer, Home, ask


async def browse(home: Home, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    sent = [(b"host", b"testserver")]
    sent += [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    path, _, query = path.partition("?")
    return await ask(home.application, method, path, headers=sent, query=query.encode(), body=body)


def test_every_language_says_everything_with_the_same_places() -> None:
    english = LANGUAGES["en"].words

    for language in LANGUAGES.values():
        assert language.words.keys() == english.keys(), language.code
        for key, words in language.words.items():
            assert re.findall(r"{\w+}", words) == re.findall(r"{\w+}", english[key]), f"{language.code} {key}"


@pytest.mark.parametrize(
    ("asked", "accepted", "code"),
    [
        (None, None, "en"),
        (None, "fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        (None, "de,es;q=0.5,en;q=0.4", "es"),
        (None, "en;q=0.1,es;q=0.9", "es"),
        (None, "fr;q=0,en", "en"),
        (None, "fr;q=nan,;;;,=", "en"),
        ("es", "fr", "es"),
        ("xx", "fr", "fr"),
        (None, "x" * 100_000, "en"),
    ],
)
def test_a_page_speaks_the_language_that_was_asked_for_or_that_the_browser_prefers(
    asked: str | None, accepted: str | None, code: str
) -> None:
    assert choose(asked, accepted).code == code


@pytest.mark.parametrize(
    ("colour", "ink"), [("#000000", "#ffffff"), ("#ffffff", "#000000"), ("#ffd400", "#000000"), ("#1f6f5c", "#ffffff")]
)
def test_text_on_a_brands_colour_can_be_read(colour: str, ink: str) -> None:
    assert legible_on(colour) == ink


async def test_an_unknown_page_says_so_in_the_guests_language_and_can_do_nothing(home: Home) -> None:
    answer = await browse(home, "/w/nothing/here/at/all", accept_language="fr")

    assert answer.status == 404
    assert "Cette page n’existe pas" in answer.body.decode()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["evil.example", "", "a b"])
async def test_a_foreign_host_is_refused(home: Home, host: str) -> None:
    answer = await ask(home.application, "GET", "/w/x", headers=[(b"host", host.encode())])

    assert answer.status == 400
