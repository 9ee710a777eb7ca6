"""Every door has words for every error of the house."""

import json
from typing import Any

import pytest

from hospes.base import errors
from hospes.base.errors import HospesError, TooOften
from hospes.doors import audience_api, guest_api, property_api, workspace_api

DOORS = pytest.mark.parametrize(
    "door", [guest_api, workspace_api, property_api, audience_api], ids=lambda door: door.__name__.rpartition(".")[2]
)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HospesError)]
# What these stand for is a fault of ours, whose words stay inside.
OURS = (HospesError, errors.Misconfigured)


@DOORS
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_has_a_place_of_its_own(door: Any, kind: type[HospesError]) -> None:
    refusal = door.Speech().of(kind("What happened."))

    assert (refusal.status == 500) is (kind in OURS)
    assert (refusal.status >= 500) is (kind in (*OURS, errors.Busy, errors.ProviderFailed))
    assert ("What happened." in json.dumps(refusal.detail)) is (kind not in OURS)


@DOORS
def test_a_limit_in_time_says_how_long_to_wait(door: Any) -> None:
    refusal = door.Speech().of(TooOften("Enough for now.", seconds=7))

    assert (refusal.status, refusal.headers["retry-after"]) == (429, "7")


def test_the_property_apis_envelope_for_a_limit_in_time() -> None:
    speech = property_api.Speech()

    refusal = speech.of(TooOften("Enough for now.", seconds=7))

    told = {"code": "rate_limit_exceeded", "message": "Enough for now.", "requestId": "req_1"}
    assert json.loads(speech.error(refusal.status, refusal.detail, "req_1")) == {"error": told}
