// The button "Notify me": asks the browser for pushes, and tells the server where they go. Without this script
// there is no button, and nothing is missing.

const box = document.querySelector("#notify");
const button = made("button", { className: "button plain", type: "button" });
const status = made("p", { className: "quiet small", role: "status" });
let worker, subscription;

// A browser that takes no pushes (one in private mode, say) is not asked.
if (box && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window) start().catch(() => {});

async function start() {
  worker = await navigator.serviceWorker.register("/push/worker.js");
  subscription = await worker.pushManager.getSubscription();
  box.append(button, status);
  box.hidden = false;
  paint();
  button.addEventListener("click", press);
  // The server hears that this browser still takes pushes, and where, should the browser have changed that.
  if (subscription && Notification.permission === "granted") await tell(subscription);
}

async function press() {
  button.disabled = true;
  try {
    subscription = await (subscription ? stop() : subscribe());
    paint();
  } catch {
    say(Notification.permission === "denied" ? "denied" : "failed");
  }
  button.disabled = false;
}

function paint() {
  button.textContent = subscription ? box.dataset.off : box.dataset.on;
  say(subscription ? "well" : "");
}

async function subscribe() {
  await active();
  const taken = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: box.dataset.key });
  await tell(taken);
  return taken;
}

/** The worker, too, should the browser change it while no page is open. */
async function tell(taken) {
  await send("POST", taken);
  const kept = { subscription: taken.toJSON(), key: box.dataset.key };
  await (await caches.open("push")).put("/push/kept", new Response(JSON.stringify(kept)));
}

/** A registration takes subscriptions once its worker is active. `ready` would wait for this page's own, and has none. */
function active() {
  if (worker.active) return undefined;
  return new Promise((resolve) => {
    const coming = worker.installing ?? worker.waiting;
    coming.addEventListener("statechange", () => coming.state === "activated" && resolve());
  });
}

async function stop() {
  await send("DELETE", subscription);
  await subscription.unsubscribe();
  await caches.delete("push");
  return null;
}

async function send(method, place) {
  const answer = await fetch(box.dataset.address, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...place.toJSON(), words: box.dataset.on }),
  });
  if (!answer.ok) throw new Error(String(answer.status));
}

function say(what) {
  status.textContent = what ? box.dataset[what] : "";
}

function made(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
