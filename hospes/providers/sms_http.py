"""Text messages over a provider's HTTP API: one POST of JSON a message."""

import msgspec

from hospes.base.errors import Misconfigured
from hospes.capabilities.messaging import Letter, Receipt, SmsDesk
from hospes.capabilities.messaging.sms_desk import HTTP
from hospes.capabilities.webhooks import Sender

# What providers call their id of a message, in the order in which they are looked for.
_IDS = ("id", "message_id", "messageId", "sid")
_LONGEST_ID = 100


class SmsHttp:
    """A `Carrier` for text messages: `{"to", "from", "text", "reference"}`, with a bearer token."""

    def __init__(self, url: str, sender: Sender, desk: SmsDesk, *, token: str | None, sender_name: str) -> None:
        """`desk` keeps what the provider calls a message. Raises Misconfigured."""
        if not url.startswith(("https://", "http://")):
            raise Misconfigured("HOSPES_SMS_URL is the address of your provider's API, beginning with https://.")
        self._url = url
        self._sender = sender
        self._desk = desk
        self._name = sender_name
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`."""
        body = {"to": letter.to, "from": letter.origin or self._name, "text": letter.text, "reference": letter.mark}
        answer = await self._sender.post(self._url, body=msgspec.json.encode(body), headers=self._headers)
        if answer.status is None:
            # The provider takes a `reference` it knows already as the same message, so this may be tried again.
            return Receipt("down", f"The text message provider does not answer: {answer.error}.")
        if 200 <= answer.status < 300:
            if (provider_id := _id(answer.head)) is not None:
                await self._desk.keep_id(HTTP, provider_id, letter.mark)
            return Receipt("sent")
        if answer.status == 429 or answer.status >= 500:
            return Receipt("later", f"HTTP {answer.status}")
        return Receipt("refused", f"HTTP {answer.status}")

    async def check(self) -> Receipt:
        """As `Carrier.check`: asking would cost a message, so only sending tells."""
        return Receipt("sent")


def _id(head: str) -> str | None:
    """The id in the answer's JSON; None for an answer without one, which is well too."""
    try:
        told = msgspec.json.decode(head)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    found = next((told[name] for name in _IDS if name in told), None) if isinstance(told, dict) else None
    text = str(found) if isinstance(found, (str, int)) else ""
    return text if 0 < len(text) <= _LONGEST_ID and "\0" not in text else None
