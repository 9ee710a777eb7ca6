"""Case W43: which headers a webhook carries is not its owner's to say."""

import pytest
from pydantic import ValidationError

from hospes.base.settings import Settings
from tests.living import Api, Receiver

FORBIDDEN = (
    "Host",
    "Content-Length",
    "Authorization",
    "X-Signature\r\nHost: internal",
    "X-Signature\n",
    "Transfer-Encoding",
    "Connection",
    "webhook-id",
    "webhook-signature",
    "",
)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_an_operators_own_header_is_none_that_says_how_a_request_is_read(name: str) -> None:
    """W43"""
    for setting in ("signature_header", "property_header_prefix"):
        with pytest.raises(ValidationError, match=setting):
            Settings(**{setting: name})
    assert Settings(signature_header="X-Hotel-Signature").signature_header == "X-Hotel-Signature"


async def test_a_subscriber_has_no_headers_of_its_own(api: Api, receiver: Receiver) -> None:
    """W43: the contracts know none, so what is asked for reaches nobody."""
    ours = {"Host": "internal", "Authorization": "Basic eDp5", "X-Mine": "a\r\nX-Other: b", "webhook-id": "dlv_x"}
    body = {"url": receiver.url, "events": ["guest.created"], "headers": ours}

    answer = await api.post("/webhooks", body)
    await api.new_guest()
    await api.deliver()

    assert answer.status in {201, 422}
    for received in receiver.received:
        assert received.headers["host"] != "internal"
        assert received.headers["webhook-id"] != "dlv_x"
        assert not {"authorization", "x-mine", "x-other"} & set(received.headers)
