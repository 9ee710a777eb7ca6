import * as client from "openid-client";
import { decide, done } from "./person.mjs";

const [, , issuer, resource, method] = process.argv;
const redirect_uri = "http://127.0.0.1:33418/callback";

const config = await client.dynamicClientRegistration(
  new URL(issuer),
  { client_name: "openid-client", redirect_uris: [redirect_uri], token_endpoint_auth_method: method },
  { none: client.None, client_secret_post: client.ClientSecretPost, client_secret_basic: client.ClientSecretBasic }[method](),
  { algorithm: "oauth2", execute: [client.allowInsecureRequests] },
);
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const url = client.buildAuthorizationUrl(config, {
  redirect_uri,
  scope: "properties.read bookings.read",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  resource,
});
const given = await client.authorizationCodeGrant(config, await decide(url), {
  pkceCodeVerifier: verifier,
  expectedState: state,
});
const renewed = await client.refreshTokenGrant(config, given.refresh_token);
const answer = await client.fetchProtectedResource(
  config, renewed.access_token, new URL(`${resource}/properties`), "GET",
);
const active = method === "none" ? null : (await client.tokenIntrospection(config, renewed.access_token)).active;
await client.tokenRevocation(config, renewed.refresh_token);
done({ scope: given.scope, status: answer.status, active, access_token: renewed.access_token });
