import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from "oidc-client-ts";
import { decide, done } from "./person.mjs";

const [, , issuer, resource, method] = process.argv;
const redirect_uri = "http://127.0.0.1:33418/callback";

// It registers nobody, and looks for OpenID's metadata unless it is told another place.
const metadataUrl = issuer.replace("/public-api", "/.well-known/oauth-authorization-server/public-api");
const { registration_endpoint, introspection_endpoint } = await (await fetch(metadataUrl)).json();
const registered = await (
  await fetch(registration_endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "oidc-client-ts",
      redirect_uris: [redirect_uri],
      token_endpoint_auth_method: method,
    }),
  })
).json();

const client = new OidcClient({
  authority: issuer,
  metadataUrl,
  client_id: registered.client_id,
  client_secret: registered.client_secret,
  client_authentication: method === "none" ? undefined : method,
  redirect_uri,
  response_type: "code",
  scope: "properties.read bookings.read",
  resource,
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
});
const request = await client.createSigninRequest({});
const given = await client.processSigninResponse(String(await decide(request.url)));
const renewed = await client.useRefreshToken({
  state: {
    refresh_token: given.refresh_token,
    id_token: undefined,
    session_state: null,
    scope: given.scope,
    profile: given.profile,
  },
});
const answer = await fetch(`${resource}/properties`, {
  headers: { authorization: `Bearer ${renewed.access_token}` },
});
// However it was registered, it revokes with its secret in the form.
const revoked = method !== "client_secret_basic";
if (revoked) await client.revokeToken(renewed.refresh_token, "refresh_token");
// It cannot ask about tokens.
done({ scope: given.scope, status: answer.status, active: null, access_token: renewed.access_token, revoked });
