// Swagger UI for one OpenAPI document. The page says which: <div id="docs" data-openapi="openapi.json">.
// Everything is set here and nothing inline, so that the page's policy can forbid inline scripts.
import SwaggerUIBundle from "swagger-ui-dist/swagger-ui-es-bundle.js";

const place = document.getElementById("docs");

// Swagger UI brings a dark look, but leaves it to the page to ask for it.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.openapi,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null, // the default sends the document's address to validator.swagger.io
  persistAuthorization: false, // a key lives as long as the page
  tryItOutEnabled: true,
  displayRequestDuration: true,
  filter: true,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
