// The refresh grant of oidc-provider, all in memory. Prints a refresh token a line, then the port it listens on.
import { Provider } from "oidc-provider";

const [count] = process.argv.slice(2).map(Number);
const scope = "offline_access api";
const provider = new Provider("http://127.0.0.1", {
  clients: [
    {
      client_id: "bench",
      client_secret: "a-secret-of-the-benchmark-and-nothing-else",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: ["https://app.example.com/cb"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  scopes: ["offline_access", "api"],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  features: { devInteractions: { enabled: false } },
  ttl: { AccessToken: 3600, RefreshToken: 86400 * 30, Grant: 86400 * 30 },
  cookies: { keys: ["bench"] },
});
const client = await provider.Client.find("bench");
for (let number = 0; number < count; number += 1) {
  const grant = new provider.Grant({ accountId: `a${number}`, clientId: "bench" });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    client,
    accountId: `a${number}`,
    grantId,
    scope,
    gty: "authorization_code",
    rotations: 0,
    authTime: Math.floor(Date.now() / 1000),
  });
  console.log(await token.save());
}
const server = provider.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
