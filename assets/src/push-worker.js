// Shows pushes, opens where they lead, and tells what became of them. It sees no page's requests.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const push = read(event.data);
  event.waitUntil(Promise.all([show(push), tell(push.told, "delivered")]));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url, actions } = event.notification.data;
  event.waitUntil(follow(event.action ? actions[Number(event.action)] : url));
});

self.addEventListener("notificationclose", (event) => {
  event.waitUntil(tell(event.notification.data.told, "dismissed"));
});

/** What the server sent; a push that cannot be read still has to be shown, or browsers end the subscription. */
function read(data) {
  try {
    const push = data.json();
    return typeof push.title === "string" ? push : { title: self.location.host };
  } catch {
    return { title: self.location.host };
  }
}

function show(push) {
  const actions = Array.isArray(push.actions) ? push.actions : [];
  return self.registration.showNotification(push.title, {
    body: push.body ?? "",
    icon: push.icon ?? undefined,
    image: push.image ?? undefined,
    tag: push.tag ?? undefined,
    actions: actions.slice(0, 2).map((action, place) => ({ action: String(place), title: action.title })),
    data: { url: push.url, actions: actions.map((action) => action.url), told: push.told },
  });
}

/** Opens addresses of this server only: where a push leads stands inside an address that the server signed. */
async function follow(url) {
  if (isOurs(url)) await self.clients.openWindow(url);
}

async function tell(url, what) {
  if (!isOurs(url)) return;
  try {
    await fetch(url, { method: "POST", body: new URLSearchParams({ what }), credentials: "omit", keepalive: true });
  } catch {
    // Offline: the push was shown all the same.
  }
}

function isOurs(url) {
  try {
    return new URL(url).origin === self.location.origin;
  } catch {
    return false;
  }
}
