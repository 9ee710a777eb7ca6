"""Campaigns from the plan to the guest's mailbox."""

from hospes.base.secrets import Vault
from tests.campaigns.planning import broadcast, new_guest, rows, state
from tests.living import Api, Home


async def test_an_email_to_two_guests_reaches_both_with_their_names_and_is_then_over(
    home: Home, api: Api, vault: Vault
) -> None:
    anna, ben = await new_guest(api, "Anna Berg"), await new_guest(api, "Ben")

    campaign_id = await broadcast(api, anna, ben)
    before = await state(api, campaign_id)
    await api.deliver()

    assert before == "scheduled"
    assert await rows(api, campaign_id) == {anna: "delivered", ben: "delivered"}
    assert await state(api, campaign_id) == "completed"
    folder = home.server.settings.data_dir / "outbox"
    said = [path.read_text() for path in folder.glob(f"{api.workspace_id}.*.eml")]
    assert sorted(text.partition("Hello ")[2].partition(".")[0] for text in said) == ["Anna", "Ben"]
    assert all("List-Unsubscribe=One-Click" in text for text in said)
