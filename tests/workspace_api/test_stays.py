"""Properties, the team, connected apps and the audit log, by the Workspace API."""

from tests.living import Api, Home
from tests.property_api.account import Account


async def test_a_property_set_up_here_is_there_for_apps_in_the_next_request(home: Home, api: Api) -> None:
    account = await Account.open(home, api)
    body = {
        "location_id": api.location_id,
        "name": "Quay Studio",
        "timezone": "Europe/Lisbon",
        "night_rate": "95.00",
        "country_code": "PT",
    }

    made = await api.workspace("POST", "/properties", body)
    path = f"/properties/{made.json()['id']}"
    locked = await api.workspace("PUT", f"{path}/lock", {"brand": "simulator", "ref": "door", "days_before": 3})
    seen = await account.get(path)
    closed = await api.workspace("PATCH", path, {"is_entitled": False})
    hidden = await account.get(path)

    assert made.status == 201, made
    assert (seen.json()["name"], seen.json()["address"]["country"]) == ("Quay Studio", "Portugal")
    assert (locked.json()["lock_brand"], locked.json()["lock_days_before"]) == ("simulator", 3)
    assert (closed.json()["is_entitled"], hidden.status) == (False, 403)
    listed = (await api.workspace("GET", "/properties")).json()
    assert [one["name"] for one in listed["items"]] == ["Quay Studio", "Lilas Apartment"]
    assert (await api.workspace("PATCH", path, {"is_entitled": True}, role="manager")).status == 403
    assert (await api.workspace("POST", "/properties", {**body, "timezone": "Mars"})).status == 422
    assert (await api.workspace("POST", "/properties", {**body, "location_id": 1})).status == 404


async def test_the_team_is_set_up_here(home: Home, api: Api) -> None:
    account = await Account.open(home, api)
    body = {"first_name": "Marie", "roles": ["cleaning"], "property_ids": [account.property_id]}

    made = (await api.workspace("POST", "/team-members", body)).json()
    gone = (await api.workspace("PATCH", f"/team-members/{made['id']}", {"is_active": False})).json()

    assert (made["is_active"], gone["is_active"]) == (True, False)
    assert (await account.get("/team-members")).json()["data"][0]["active"] is False
    assert (await api.workspace("GET", "/team-members")).json()["items"] == [gone]
    assert (await api.workspace("POST", "/team-members", {**body, "roles": ["king"]})).status == 422


async def test_connected_apps_are_seen_and_disconnected_and_the_log_tells(home: Home, api: Api) -> None:
    account = await Account.open(home, api)

    listed = (await api.workspace("GET", "/apps")).json()["items"]
    gone = await api.workspace("DELETE", f"/apps/{listed[0]['id']}")
    home.server.forget_keys()

    assert [(one["name"], one["allowed_by"]) for one in listed] == [("PMS", "Olivia Owner")]
    assert (gone.status, (await account.get("/properties")).status) == (204, 401)
    assert (await api.workspace("GET", "/apps")).json()["items"] == []
    assert (await api.workspace("DELETE", f"/apps/{listed[0]['id']}")).status == 404
    actions = [one["action"] for one in (await api.workspace("GET", "/audit")).json()["items"]]
    assert actions == ["app.disconnected", "app.connected", "staff.joined"]
    assert (await api.workspace("GET", "/audit", role="manager")).status == 403


async def test_another_workspaces_apps_and_properties_are_not_found(home: Home, api: Api) -> None:
    theirs = await Account.open(home, await home.new_api())

    assert (await api.workspace("GET", f"/properties/{theirs.property_id}")).status == 404
    assert (await api.workspace("DELETE", f"/apps/{theirs.app.grant_id}")).status == 404
    assert (
        await api.workspace("PATCH", f"/team-members/{await theirs.new_member()}", {"is_active": True})
    ).status == 404
    assert (await theirs.get("/properties")).status == 200
