"""An account of the Property API: properties, a person who owns it, apps that were allowed something."""

import json
from datetime import date, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from hospes.base import ids
from hospes.base.secrets import digest
from hospes.capabilities import bookings, oauth, properties, staff
from hospes.doors import property_api
from tests.living import Answer, Api, Home, ask

EVERYTHING = " ".join(oauth.scopes.SCOPES)
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CALLBACK = "https://my-app.example.com/oauth/callback"


class App:
    """A client with an access token of one account."""

    def __init__(self, client: oauth.clients.Client, token: str, refresh: str, grant_id: int) -> None:
        self.client = client
        self.token = token
        self.refresh = refresh
        self.grant_id = grant_id


class Account:
    def __init__(self, home: Home, api: Api, *, property_id: int, person: staff.Person) -> None:
        self.home = home
        self.api = api
        self.workspace_id = api.workspace_id
        self.property_id = property_id
        self.person = person
        self.app: App

    @classmethod
    async def open(cls, home: Home, api: Api, *, scope: str = EVERYTHING) -> Self:
        email = f"owner-{ids.token('', 12).lower()}@example.com"
        person = await staff.create(
            home.server.database,
            email=email,
            name="Olivia Owner",
            password="correct horse battery",
            now=home.clock.now(),
        )
        async with api.begin() as tx:
            await staff.join(tx, person.id, "owner")
        account = cls(home, api, property_id=0, person=person)
        account.property_id = await account.new_property()
        account.app = await account.new_app(scope)
        return account

    async def new_property(self, **fields: Any) -> int:
        async with self.api.begin() as tx:
            new = properties.NewProperty(
                **{
                    "location_id": self.api.location_id,
                    "name": "Lilas Apartment",
                    "time_zone": "Europe/Paris",
                    "property_type": "apartment",
                    "capacity": 4,
                    "city": "Paris",
                    "country_code": "FR",
                    **fields,
                }
            )
            return await properties.create(tx, new)

    async def new_member(self, property_ids: list[int] | None = None, **fields: Any) -> int:
        told = {
            "first_name": "Marie",
            "last_name": "Dupont",
            "email": "marie@example.com",
            "roles": ["cleaning"],
            **fields,
        }
        async with self.api.begin() as tx:
            return await properties.team.create(tx, **told, property_ids=property_ids or [self.property_id])

    async def new_booking(self, arrival: str = "2026-07-14", nights: int = 4, **fields: Any) -> bookings.Booking:
        on = date.fromisoformat(arrival)
        fields = {"property_id": self.property_id, **fields}
        new = bookings.NewBooking(arrival_on=on, departure_on=on + timedelta(days=nights), **fields)
        async with self.api.begin() as tx:
            made = await bookings.create(tx, new, evidence="test")
            return await bookings.get(tx, made.id)

    async def new_app(self, scope: str = EVERYTHING) -> App:
        """An app that registered and was allowed `scope`, by way of the verbs that the pages use."""
        database, now, vault = self.home.server.database, self.home.clock.now(), self.home.server.vault
        metadata = {
            "client_name": "PMS",
            "redirect_uris": [CALLBACK],
            "scope": scope,
            "token_endpoint_auth_method": "none",
        }
        client, _ = await oauth.clients.register(database, metadata, now=now)
        url = self.home.server.settings.public_url
        rules = oauth.Rules(f"{url}/public-api", f"{url}/public/v1")
        asked = oauth.core.Asked(client, CALLBACK, scope, "s", rules.resource, CHALLENGE)
        async with self.api.begin() as tx:
            code = await oauth.tokens.give_code(tx, asked, staff_id=self.person.id, consent=ids.token("", 20))
        assert code is not None
        form = {
            "grant_type": "authorization_code",
            "client_id": client.id,
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": CALLBACK,
        }
        parameters = oauth.Parameters(list(form.items()))
        pair = await oauth.tokens.exchange(
            database, vault, client, parameters, rules, instant=self.home.server.instant_of
        )
        row = await database.fetchrow(oauth.ending.FIND_ANY, digest(pair.access_token))
        assert row is not None and pair.refresh_token is not None
        return App(client, pair.access_token, pair.refresh_token, row[4])

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        **query: Any,
    ) -> Answer:
        sent = [(b"host", b"testserver"), (b"authorization", f"Bearer {token or self.app.token}".encode())]
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if body is not None or raw is not None:
            sent.append((b"content-type", b"application/json"))
        for name, value in (headers or {}).items():
            sent = [(known, old) for known, old in sent if known != name.lower().encode()]
            sent.append((name.lower().encode(), value.encode("latin-1")))
        question = urlencode(query, doseq=True).encode()
        return await ask(
            self.home.application, method, property_api.BASE + path, headers=sent, query=question, body=content
        )

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.ask("POST", path, body, **more)

    async def patch(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.ask("PATCH", path, body, **more)
