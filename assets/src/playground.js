// The docs page's own OAuth client: a public one, registered by the page and kept in this browser.

const KEPT = "hospes-playground";

/** Shows how it stands, and gives the client's id to `use` when there is one. */
export async function openPlayground({ banner, addresses, scopes, use }) {
  const show = (state, text, again) => {
    banner.className = `playground ${state}`;
    banner.replaceChildren(text);
    if (again) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Try again";
      button.addEventListener("click", again);
      banner.append(" ", button);
    }
  };
  const attempt = async () => {
    show("waiting", "Preparing OAuth playground...");
    try {
      use(await knownClient(addresses, scopes));
      show("ready", "OAuth playground ready");
    } catch (error) {
      show("failed", `OAuth playground unavailable: ${error.message}`, attempt);
    }
  };
  await attempt();
}

async function knownClient(addresses, scopes) {
  const kept = read();
  if (kept?.redirect === addresses.redirect && (await isKnown(addresses.revoke, kept.id))) return kept.id;
  const answer = await fetch(addresses.register, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      clientName: "Docs playground",
      redirectUris: [addresses.redirect],
      grantTypes: ["authorization_code", "refresh_token"],
      responseTypes: ["code"],
      tokenEndpointAuthMethod: "none",
      scope: scopes.join(" "),
    }),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error_description ?? told.error ?? `status ${answer.status}`);
  write({ id: told.client_id, redirect: addresses.redirect });
  return told.client_id;
}

/** Gives back a token that there is not: a client that the server knows is answered well. */
async function isKnown(revoke, id) {
  const answer = await fetch(revoke, { method: "POST", body: new URLSearchParams({ token: "none", client_id: id }) });
  return answer.ok;
}

// Where storage is shut off, the client lives as long as the page.
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

function write(client) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(client));
  } catch {
    // as above
  }
}
