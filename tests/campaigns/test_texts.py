"""What a guest reads: places filled, fallbacks, Liquid, and nothing that a value could do."""

from typing import Any

import pytest

from hospes.base.errors import Invalid
from hospes.capabilities import campaigns
from hospes.capabilities.campaigns.content import plain
from hospes.capabilities.campaigns.places import Text
from tests.campaigns.planning import broadcast, html_of, mail_to, new_guest, rows
from tests.living import Api, Home

HOSTILE = '<script>alert("x")</script>{{ guest.email }}@{email}@'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hello @{name}@", "Hello Anna"),
        ("Hello @{nothing}@!", "Hello !"),
        ("Hello @{nothing|there}@!", "Hello there!"),
        ("Hello @{name|there}@!", "Hello Anna!"),
        ("@{count}@ and @{half}@ and @{whole}@", "3 and 2.5 and 4"),
        ("@{is_old}@", "true"),
        ("@{likes}@", "tea, cake"),
        ("@{object}@", ""),
        ("{{ guest.name }} is @{name}@", "Anna is Anna"),
        ("{{ places }}", ""),
        ("a@{b", "a@{b"),
        ("@{}@ {name} @name@", "@{}@ {name} @name@"),
        ("@{loyalty points|0}@", "0"),
    ],
)
def test_places_are_filled(source: str, expected: str) -> None:
    values = {
        "name": "Anna",
        "count": 3,
        "half": 2.5,
        "whole": 4.0,
        "is_old": True,
        "likes": ["tea", "cake"],
        "object": {"a": 1},
    }

    assert Text(source).filled(values, {"guest": {"name": "Anna"}}) == expected


@pytest.mark.parametrize("source", ["<p>@{name}@</p>", "<p>@{name}@ {{ guest.name }}</p>"])
def test_values_are_escaped_in_html_and_are_never_read_as_templates(source: str) -> None:
    facts: dict[str, Any] = {"guest": {"name": HOSTILE, "email": "secret"}}

    filled = Text(source, is_html=True).filled({"name": HOSTILE, "email": "secret"}, facts)

    assert "<script>" not in filled
    assert "secret" not in filled
    assert "&lt;script&gt;" in filled


def test_the_text_of_an_email_is_made_from_its_html() -> None:
    html = (
        "<html><head><title>x</title><style>p{}</style></head><body><h1>News</h1><p>Hello @{name|you}@ &amp; co,"
        '<br>see <a href="https://cafe.example">us</a>.</p></body></html>'
    )

    assert plain(html) == "News\n\nHello @{name|you}@ & co,\nsee us (https://cafe.example)."


async def test_a_value_adds_no_header(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna", attributes={"trick": "x\r\nBcc: all@example.com"})
    said = campaigns.Content(
        subject="Hi @{trick}@", html="<p>Hi</p>", from_name="Cafe @{trick}@", reply_to="hello@cafe.example"
    )
    await broadcast(api, anna, content=said)

    await api.deliver()

    mail = mail_to(home, api, "anna@example.com")
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hi x Bcc: all@example.com"
    assert mail["Reply-To"] == "hello@cafe.example"
    assert str(mail["From"]).startswith('"Cafe x Bcc: all@example.com"')


async def test_the_contracts_names_and_custom_attributes_are_known(home: Home, api: Api) -> None:
    anna = await new_guest(api, "Anna Berg", phone="+33612345678", attributes={"loyalty_points": 120})
    said = campaigns.Content(
        subject="@{first_name}@ @{last_name}@", html="<p>@{email}@ @{mobile}@ @{loyalty_points}@</p>"
    )
    await broadcast(api, anna, content=said)

    await api.deliver()

    mail = mail_to(home, api, "anna.berg@example.com")
    assert mail["Subject"] == "Anna Berg"
    assert "<p>anna.berg@example.com +33612345678 120</p>" in html_of(mail)


async def test_a_text_that_does_too_much_for_one_guest_fails_for_that_guest_alone(home: Home, api: Api) -> None:
    anna, ben = await new_guest(api, "Anna", attributes={"rounds": 999_999}), await new_guest(api, "Ben")
    said = campaigns.Content(
        subject="x", html="{% for n in (1..guest.attributes.rounds) %}{{ n }}{% endfor %}<p>Hi</p>", text="Hi"
    )
    campaign_id = await broadcast(api, anna, ben, content=said)

    await api.deliver()

    assert await rows(api, campaign_id) == {anna: "failed", ben: "delivered"}


@pytest.mark.parametrize("source", ["{{ broken", "{% if %}", "{% for x in y %}"])
def test_what_is_no_template_is_refused(source: str) -> None:
    with pytest.raises(Invalid):
        Text(source).check()
