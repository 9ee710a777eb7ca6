"""The whole way of an app, once."""

from hospes.capabilities import oauth
from tests.living import Api, Home
from tests.oauth.acting import CALLBACK, ISSUER, RESOURCE, answered, new_app, new_person, page, place_of


async def test_an_app_registers_is_allowed_and_renews_its_tokens(home: Home, api: Api) -> None:
    person = await new_person(api)
    app = await new_app(home, scope="properties.read bookings.read")

    arrived = await person.browser.get(app.url(state="xyz"))
    assert arrived.status == 303
    assert arrived.headers["location"].startswith("/staff/sign-in?next=%2Fpublic%2Foauth%2Fauthorize%3F")
    signing_in = await person.browser.get(arrived.headers["location"])
    assert "to decide about the app <strong>My PMS" in page(signing_in)
    await person.sign_in()
    shown = await person.browser.get(app.url(state="xyz"))
    assert "Connect <bdi>My PMS</bdi>?" in page(shown)
    assert "app.example.com" in page(shown)
    assert oauth.scopes.SCOPES["properties.read"] in page(shown)
    assert oauth.scopes.SCOPES["webhooks.write"] not in page(shown)
    allowed = await answered(person.browser, app.url(state="xyz"))
    assert allowed.headers["location"].startswith(CALLBACK + "?code=")
    assert (place_of(allowed)["state"], place_of(allowed)["iss"]) == ("xyz", ISSUER)
    given = await app.exchange(place_of(allowed)["code"])
    assert (given.status, given.json()["resource"]) == (200, RESOURCE)
    assert given.json()["scope"] == "properties.read bookings.read"
    renewed = await app.refresh(given.json()["refresh_token"])
    assert renewed.status == 200
    assert await app.is_live(renewed.json()["access_token"])
    apps = await person.browser.get("/staff/apps")
    assert "My PMS" in page(apps)
