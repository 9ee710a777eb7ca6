// What the contract tells receivers to do in JavaScript: HMAC-SHA256 over the raw body, as hexadecimal
// digits behind "sha256=", with or without that prefix. Guest API 15.1.
import { createHmac, timingSafeEqual } from "node:crypto";

const PREFIX = "sha256=";

export function accepts(secret, body, header) {
  const given = (header ?? "").trim();
  if (!secret || !given) return false;
  const digits = createHmac("sha256", secret).update(body).digest("hex");
  const expected = Buffer.from(PREFIX + digits);
  const provided = Buffer.from(given.startsWith(PREFIX) ? given : PREFIX + given);
  return expected.length === provided.length && timingSafeEqual(expected, provided);
}
