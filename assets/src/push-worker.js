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

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event));
});

/**
 * The browser ended its subscription, or has another. Whose it was only the old one tells, which the page kept
 * for browsers that do not say it. What the server was not told stays kept: the page tells it at its next visit.
 */
async function renew({ oldSubscription, newSubscription }) {
  const cache = await caches.open("push");
  const kept = await (await cache.match("/push/kept"))?.json();
  const old = oldSubscription?.toJSON() ?? kept?.subscription;
  const applicationServerKey = oldSubscription?.options?.applicationServerKey ?? kept?.key;
  if (!old || !applicationServerKey) return;
  try {
    const taken =
      newSubscription ?? (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
    const answer = await fetch("/push/again", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ old, new: taken.toJSON() }),
      credentials: "omit",
    });
    const now = { subscription: taken.toJSON(), key: kept?.key };
    if (answer.ok && kept) await cache.put("/push/kept", new Response(JSON.stringify(now)));
  } catch {
    // Offline, or the guest takes no pushes any more: the service ends what is left.
  }
}

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
