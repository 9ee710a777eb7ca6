from tests.living import Api


async def test_a_guest_that_was_created_is_read_back(api: Api) -> None:
    made = await api.new_guest(name="Amélie", email="Amelie@Example.com", marketing_consent=True)

    answer = await api.get(f"/crm/guests/{made['id']}")

    assert answer.status == 200
    assert answer.json() == made
    assert made["email"] == "Amelie@Example.com"
    assert made["created_at"] == api.home.clock.now().isoformat()


async def test_a_known_email_answers_409_with_the_existing_id(api: Api) -> None:
    made = await api.new_guest(email="anna@example.com")

    answer = await api.post("/crm/guests", {"location_id": api.location_id, "email": "ANNA@example.com"})

    assert answer.status == 409
    assert answer.json() == {"detail": "A guest with this email already exists", "existing_id": made["id"]}


async def test_search_finds_parts_without_regard_to_case_and_accents(api: Api) -> None:
    made = await api.new_guest(name="Zoë Müller", phone="+33612345678")

    for term in ("zoe", "MÜLL", "mull", "6123", "e m"):
        found = (await api.get("/crm/guests", search=term)).json()
        assert [guest["id"] for guest in found["items"]] == [made["id"]], term
        assert found["total"] == 1
    assert (await api.get("/crm/guests", search="%")).json()["total"] == 0
