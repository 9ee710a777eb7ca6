// Swagger UI for one OpenAPI document. The page says which: <div id="docs" data-openapi="openapi.json">.
// Everything is set here and nothing inline, so that the page's policy can forbid inline scripts.
import SwaggerUIBundle from "swagger-ui-dist/swagger-ui-es-bundle.js";

import { openPlayground } from "./playground.js";

const place = document.getElementById("docs");
const banner = document.getElementById("playground");

// Swagger UI brings a dark look, but leaves it to the page to ask for it.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

const options = {
  domNode: place,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null, // the default sends the document's address to validator.swagger.io
  persistAuthorization: false, // a key lives as long as the page
  tryItOutEnabled: !banner,
  displayRequestDuration: true,
  filter: true,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
};

if (banner) withPlayground();
else SwaggerUIBundle({ ...options, url: place.dataset.openapi });

async function withPlayground() {
  const absolute = (path) => new URL(path, location).href;
  const addresses = {
    authorize: absolute(banner.dataset.authorize),
    register: absolute(banner.dataset.register),
    token: absolute(banner.dataset.token),
    revoke: absolute(banner.dataset.revoke),
    redirect: absolute(banner.dataset.redirect),
  };
  const spec = await (await fetch(place.dataset.openapi)).json();
  const flow = spec.components.securitySchemes.OAuth2.flows.authorizationCode;
  Object.assign(flow, { authorizationUrl: addresses.authorize, tokenUrl: addresses.token, refreshUrl: addresses.token });
  const scopes = Object.keys(flow.scopes);
  const ui = SwaggerUIBundle({ ...options, spec, oauth2RedirectUrl: addresses.redirect });
  await openPlayground({
    banner,
    addresses,
    scopes,
    use: (clientId) => ui.initOAuth({ clientId, scopes, usePkceWithAuthorizationCodeGrant: true }),
  });
}
