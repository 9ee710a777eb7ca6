// The person before the client: sent an address on standard output, comes back by one on standard input.
import { createInterface } from "node:readline/promises";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function decide(url) {
  console.log(JSON.stringify({ authorize: String(url) }));
  const { value } = await lines.next();
  return new URL(value);
}

export function done(facts) {
  console.log(JSON.stringify({ done: facts }));
  process.exit(0);
}
