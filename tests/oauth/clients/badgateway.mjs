import { OAuth2Client, generateCodeVerifier } from "@badgateway/oauth2-client";
import { decide, done } from "./person.mjs";

const [, , issuer, resource, method] = process.argv;
const redirectUri = "http://127.0.0.1:33418/callback";

// It registers nobody and looks for metadata where it is told.
const metadata = issuer.replace("/public-api", "/.well-known/oauth-authorization-server/public-api");
const { registration_endpoint } = await (await fetch(metadata)).json();
const registered = await (
  await fetch(registration_endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "badgateway",
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: method,
    }),
  })
).json();

const client = new OAuth2Client({
  server: issuer,
  discoveryEndpoint: metadata,
  clientId: registered.client_id,
  clientSecret: registered.client_secret,
  authenticationMethod: method === "none" ? undefined : method,
});
const codeVerifier = await generateCodeVerifier();
const url = await client.authorizationCode.getAuthorizeUri({
  redirectUri, codeVerifier, resource, state: "s", scope: ["properties.read", "bookings.read"],
});
const given = await client.authorizationCode.getTokenFromCodeRedirect(await decide(url), {
  redirectUri, codeVerifier, state: "s",
});
const renewed = await client.refreshToken(given);
const answer = await fetch(`${resource}/properties`, {
  headers: { authorization: `Bearer ${renewed.accessToken}` },
});
const active = method === "none" ? null : (await client.introspect(renewed)).active;
await client.revoke(renewed, "refresh_token");
await client.revoke(renewed, "access_token");
done({ scope: given.scope?.join(" "), status: answer.status, active, access_token: renewed.accessToken });
