"""A brand of the Audience API, with a key that works."""

import json
from typing import Any, Self
from urllib.parse import urlencode

from hospes.capabilities import access
from tests.living import Answer, Api, Home, ask


class Brand:
    def __init__(self, home: Home, api: Api, secret: str, key_id: int) -> None:
        self.home = home
        self.api = api
        self.secret = secret
        self.key_id = key_id
        self.credentials = {"x-brand-id": str(api.workspace_id), "x-api-key": secret}

    @classmethod
    async def open(cls, home: Home, api: Api, **settings: Any) -> Self:
        database, now = home.server.database, home.clock.now()
        key, secret = await access.brand_keys.create(database, api.workspace_id, name="Shop", now=now)
        limits = {f"{group}_limit": 10_000 for group in ("user", "event", "campaign", "reporting")}
        await access.brand_keys.set_settings(
            database, api.workspace_id, access.brand_keys.Settings(**{**limits, **settings})
        )
        return cls(home, api, secret, key.id)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        **query: Any,
    ) -> Answer:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        told = self.credentials if headers is None else headers
        sent = [(b"host", b"testserver"), *((name.encode(), value.encode()) for name, value in told.items())]
        if content:
            sent.append((b"content-type", b"application/json"))
        asked = urlencode(query).encode()
        return await ask(self.home.application, method, path, headers=sent, body=content, query=asked)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.ask("POST", path, body, **more)

    async def tell(self, user_id: str | None = None, **attributes: Any) -> Answer:
        """Create or update one user."""
        entry = {"userID": user_id, "user_attributes": attributes}
        return await self.post("/api/v1/user/create", {"nv": [entry]})

    async def track(self, *entries: dict[str, Any]) -> Answer:
        return await self.post("/api/v1/event/create", {"nv": list(entries)})

    async def user(self, user_id: str) -> dict[str, Any]:
        answer = await self.ask("GET", "/api/v1/user/userData", userID=user_id)
        assert answer.status == 200, answer
        return data(answer)


def data(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["response"]["data"]
    return found


def said(answer: Answer) -> tuple[int, str, str]:
    """Status, and the two words of the envelope."""
    response = answer.json()["response"]
    return answer.status, response["status"], response["message"]
