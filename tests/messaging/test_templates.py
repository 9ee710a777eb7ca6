"""Templates: versions, what may stand in them, and that they cannot run away."""

from typing import Any

import pytest

from hospes.base.errors import Invalid
from hospes.base.secrets import Vault
from hospes.capabilities.messaging import rendering
from tests.living import Api, Home
from tests.messaging.mailing import WELCOME, Post, mailroom, new_template, send


async def test_a_change_makes_a_version_and_what_was_queued_stays(
    home: Home, api: Api, vault: Vault, post: Post
) -> None:
    template = await new_template(api)
    await send(api, await api.new_guest(email="alex@example.com"))
    content = {name: value for name, value in WELCOME.items() if name != "slug"}
    changed = await api.workspace("PUT", f"/templates/{template['id']}", content | {"subject": "New"})
    await send(api, await api.new_guest(email="bo@example.com"))

    async with mailroom(home, vault, post.port) as room:
        await room.run(api.workspace_id)

    assert (changed.json()["version"], changed.json()["subject"]) == (2, "New")
    assert sorted(str(mail["Subject"]) for mail in post.mails) == ["New", "Welcome, Alex"]
    versions = (await api.workspace("GET", f"/templates/{template['id']}/versions")).json()["items"]
    assert [one["version"] for one in versions] == [2, 1]


async def test_a_template_knows_guest_business_and_declared_variables(api: Api) -> None:
    text = "{{ guest.first_name }} of {{ business.name }}: {{ guest.attributes.table }} {{ points | plus: 1 }}"
    template = await new_template(api, text=text, html=text, variables=["points"])
    guest = await api.new_guest(name="Ana <b>Lima</b>", attributes={"table": "<i>window</i>"})

    shown = await api.workspace(
        "POST", f"/templates/{template['id']}/preview", {"guest_id": guest["id"], "variables": {"points": 41}}
    )

    assert shown.json()["text"] == "Ana of Test: <i>window</i> 42"
    assert shown.json()["html"] == "Ana of Test: &lt;i&gt;window&lt;/i&gt; 42"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": "{{ a"}, "subject"),
        ({"html": "{% if %}"}, "html"),
        ({"text": "{% include 'secrets' %}"}, "text"),
        ({"text": "{{ x | nosuch }}"}, "text"),
        ({"text": "{% for a in (1..9) %}" * 30}, "text"),
        ({"text": "{% for a in (1..100000000) %}x{% endfor %}"}, "text"),
        ({"variables": ["guest"]}, "variables"),
        ({"variables": ["a b"]}, "variables.0"),
        ({"variables": [f"v{number}" for number in range(51)]}, "variables"),
        ({"slug": "No Spaces"}, "slug"),
        ({"purpose": "other"}, "purpose"),
        ({"text": ""}, "text"),
        ({"text": "x" * 200_001}, "text"),
    ],
)
async def test_what_cannot_be_sent_is_refused_when_it_is_saved(api: Api, change: dict[str, Any], field: str) -> None:
    answer = await api.workspace("POST", "/templates", WELCOME | change)

    assert answer.status == 422, answer
    assert answer.json()["errors"][0]["field"].endswith(field)
    assert (await api.workspace("GET", "/templates")).json()["items"] == []


async def test_a_slug_is_taken_once(api: Api) -> None:
    await new_template(api)

    assert (await api.workspace("POST", "/templates", WELCOME)).status == 409


@pytest.mark.parametrize(
    ("variables", "detail"),
    [({}, "Missing template variable: guest_name"), ({"guest_name": None}, "Missing template variable: guest_name")],
)
async def test_a_declared_variable_has_to_be_given(api: Api, variables: dict[str, Any], detail: str) -> None:
    await new_template(api)
    guest = await api.new_guest(email="alex@example.com")

    answer = await api.post(
        "/communication/email/send",
        {"guest_id": guest["id"], "template_slug": "welcome_email", "variables": variables},
    )

    assert answer.status == 422
    assert answer.json()["detail"][0]["msg"] == detail


async def test_a_guest_without_an_address_and_unknown_names_are_refused(api: Api) -> None:
    await new_template(api)
    guest = await api.new_guest()
    body = {"guest_id": guest["id"], "template_slug": "welcome_email", "variables": {"guest_name": "A"}}

    no_address = await api.post("/communication/email/send", body)
    no_guest = await api.post("/communication/email/send", body | {"guest_id": 5})
    no_template = await api.post("/communication/email/send", body | {"template_slug": "nothing"})
    no_delivery = await api.get("/communication/deliveries/5")

    assert (no_address.status, no_address.json()["detail"]) == (409, "Guest has no email address")
    assert (no_guest.status, no_guest.json()["detail"]) == (404, "Guest not found")
    assert (no_template.status, no_template.json()["detail"]) == (404, "Template not found")
    assert no_delivery.status == 404


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}",
        "{{ (1..100000000) | join: ',' | size }}",
        "{{ (1..1000000000) | reverse | first }}",
        "{% assign s = 'aaaaaaaaaaaaaaaa' %}{{ s | replace: 'a', s | replace: 'a', s | replace: 'a', s }}",
        "{% assign s = 'aaaaaaaaaa' %}{% for i in (1..4000) %}{% assign s = s | append: s %}{% endfor %}",
        "{% assign n = 99999999 %}{% for i in (1..5000) %}{% assign n = n | times: n %}{% endfor %}",
        "{% tablerow i in (1..100000000) %}x{% endtablerow %}",
        "{% for i in (1..4000) %}" + "x" * 500 + "{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
    ],
)
def test_a_template_that_does_too_much_is_cut_off(source: str) -> None:
    """S11"""
    with pytest.raises(Invalid):
        rendering.render(source, {"guest": {"name": "Alex"}})


@pytest.mark.parametrize(
    "source", ["{{ guest.__class__ }}", "{{ guest.name.__class__.__mro__ }}", "{{ guest.keys }}", "{{ guest.pop }}"]
)
def test_a_template_sees_data_and_nothing_of_python(source: str) -> None:
    assert rendering.render(source, {"guest": {"name": "Alex"}}) == ""
