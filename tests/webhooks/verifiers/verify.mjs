// Reads a JSON list of requests from standard input, {secret, headers, body (base64), now (milliseconds)},
// and prints for each which of the three verifiers accept it.
import { text } from "node:stream/consumers";
import { mock } from "node:test";
import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";
import * as contract from "./contract.mjs";

const REFUSALS = [standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError];

function libraryAccepts(Webhook, secret, body, headers) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (REFUSALS.some((kind) => error instanceof kind)) return false;
    throw error;
  }
}

mock.timers.enable({ apis: ["Date"] });
const verdicts = JSON.parse(await text(process.stdin)).map((request) => {
  mock.timers.setTime(request.now);
  const { secret, headers } = request;
  const body = Buffer.from(request.body, "base64");
  return {
    contract: contract.accepts(secret, body, headers["x-nectifi-signature"]),
    standardwebhooks: libraryAccepts(standardwebhooks.Webhook, secret, body.toString("utf8"), headers),
    svix: libraryAccepts(svix.Webhook, secret, body.toString("utf8"), headers),
  };
});
process.stdout.write(JSON.stringify(verdicts));
