"""Proof of what was agreed to (case P14), and of two records' answers the more careful one (case P15)."""

from itertools import product

import pytest

from hospes.capabilities import guests, record
from tests.living import Api

ANSWERS: list[bool | None] = [None, True, False]


async def test_the_proof_of_a_consent_is_not_changed_by_anything_later(api: Api) -> None:
    """P14: neither by other words, nor an answer, nor a merge, nor an erasure."""
    words = "Yes, send me offers. You can stop them at any time. (version 3)"
    async with api.begin() as tx:
        profile = guests.Profile(name="Anna", email="anna@example.com", marketing_consent=True)
        guest_id = await guests.create(tx, profile, evidence="portal, email proved", words=words)
        [first] = await guests.consents.history(tx, guest_id)

    async with api.begin() as tx:
        changes = guests.Changes(marketing_consent=False)
        await guests.update(tx, guest_id, changes, evidence="unsubscribe link")
        other = await guests.create(tx, guests.Profile(name="A."), evidence="test")
        await guests.merge(tx, guest_id, other, evidence="test")
        history = await guests.consents.history(tx, guest_id)
        await record.erase(tx, guest_id, evidence="letter")
        [kept, *_] = await tx.all(guests.consents.Consent, guests.consents.HISTORY, [guest_id])

    assert (first.words, first.door, first.evidence, first.is_granted) == (words, "test", "portal, email proved", True)
    assert first.recorded_at == api.home.clock.now()
    assert history[0] == first
    assert [answer.is_granted for answer in history] == [True, False]
    assert (kept.words, kept.door, kept.recorded_at, kept.is_granted) == (words, "test", first.recorded_at, True)


@pytest.mark.parametrize(("mine", "theirs"), list(product(ANSWERS, repeat=2)))
async def test_of_two_records_that_become_one_whatever_either_refused_is_refused(
    api: Api, mine: bool | None, theirs: bool | None
) -> None:
    """P15: for each channel by itself, and every pair of answers, both ways round."""
    consents = [{"sms": answer, "email": True} if answer is not None else {"email": True} for answer in (mine, theirs)]
    async with api.begin() as tx:
        kept, merged = [
            await guests.create(tx, guests.Profile(name="Anna", consents=given), evidence="test") for given in consents
        ]
        await guests.merge(tx, kept, merged, evidence="test")
        after = await guests.get(tx, kept)

    expected = False if False in (mine, theirs) else True if True in (mine, theirs) else None
    assert (after.sms_consent, after.email_consent) == (expected, True)
