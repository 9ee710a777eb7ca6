"""A guest with a phone, text messages to it, and what comes back."""

import json
from typing import Any

from hospes.base.secrets import Vault
from hospes.capabilities import campaigns, messaging
from hospes.capabilities.messaging import Letter, Receipt, letters, outbox
from hospes.doors import sms_hook
from tests.living import Answer, Api, Home, ask


class Network:
    """A carrier that takes what it is told to take."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.receipt = Receipt("sent")

    async def send(self, letter: Letter) -> Receipt:
        self.letters.append(letter)
        return self.receipt

    async def check(self) -> Receipt:
        return Receipt("sent")


URL = "https://hospes.example"


def mailroom(home: Home, vault: Vault, carriers: dict[str, Any]) -> messaging.Mailroom:
    database = home.server.database
    return messaging.Mailroom(
        database,
        vault,
        home.clock,
        carriers,
        instant=home.server.instant,
        name="channels",
        public_url=URL,
        author=campaigns.Author(database, vault, instant=home.server.instant, public_url=URL),
    )


async def put(api: Api, guest: dict[str, Any], text: str = "Hello", **fields: Any) -> int:
    """A text message in the outbox."""
    draft = outbox.Draft(
        channel="sms", purpose="transactional", address=guest["phone"], text=text, guest_id=guest["id"], **fields
    )
    async with api.begin() as tx:
        return await outbox.put(tx, draft)


async def sent(home: Home, api: Api, vault: Vault, guest: dict[str, Any], network: Network | None = None) -> int:
    """A text message that left."""
    message_id = await put(api, guest)
    await mailroom(home, vault, {"sms": network or Network()}).run(api.workspace_id)
    return message_id


def mark(vault: Vault, api: Api, message_id: int) -> str:
    return letters.mark(vault, api.workspace_id, message_id)


async def standing(api: Api, message_id: int) -> outbox.Message:
    return await outbox.get(api.reader(), message_id)


async def hook(
    home: Home, vault: Vault, body: Any, *, kind: str = "application/json", token: str | None = None
) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [(b"host", b"testserver"), (b"content-type", kind.encode())]
    path = f"/hooks/sms/{token or sms_hook.secret(vault)}"
    return await ask(home.application, "POST", path, headers=headers, body=raw)
