import * as oauth from "oauth4webapi";
import { decide, done } from "./person.mjs";

const [, , issuer, resource, method] = process.argv;
const redirect_uri = "http://127.0.0.1:33418/callback";
const insecure = { [oauth.allowInsecureRequests]: true };

const at = new URL(issuer);
const server = await oauth.processDiscoveryResponse(
  at,
  await oauth.discoveryRequest(at, { algorithm: "oauth2", ...insecure }),
);
const protectedBy = await oauth.processResourceDiscoveryResponse(
  new URL(resource),
  await oauth.resourceDiscoveryRequest(new URL(resource), insecure),
);
const client = await oauth.processDynamicClientRegistrationResponse(
  await oauth.dynamicClientRegistrationRequest(
    server,
    { client_name: "oauth4webapi", redirect_uris: [redirect_uri], token_endpoint_auth_method: method },
    insecure,
  ),
);
const authentication = {
  none: () => oauth.None(),
  client_secret_post: () => oauth.ClientSecretPost(client.client_secret),
  client_secret_basic: () => oauth.ClientSecretBasic(client.client_secret),
}[method]();

const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const url = new URL(server.authorization_endpoint);
url.search = new URLSearchParams({
  client_id: client.client_id,
  redirect_uri,
  response_type: "code",
  scope: "properties.read bookings.read",
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  resource,
});
const parameters = oauth.validateAuthResponse(server, client, await decide(url), state);
const given = await oauth.processAuthorizationCodeResponse(
  server,
  client,
  await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, redirect_uri, verifier, insecure,
  ),
);
const renewed = await oauth.processRefreshTokenResponse(
  server,
  client,
  await oauth.refreshTokenGrantRequest(server, client, authentication, given.refresh_token, insecure),
);
const answer = await oauth.protectedResourceRequest(
  renewed.access_token, "GET", new URL(`${resource}/properties`), undefined, undefined, insecure,
);
let introspected = null;
if (method !== "none") {
  introspected = await oauth.processIntrospectionResponse(
    server,
    client,
    await oauth.introspectionRequest(server, client, authentication, renewed.access_token, insecure),
  );
}
await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, client, authentication, renewed.refresh_token, insecure),
);
done({
  scope: given.scope,
  status: answer.status,
  active: introspected?.active ?? null,
  access_token: renewed.access_token,
  authorization_servers: protectedBy.authorization_servers,
});
